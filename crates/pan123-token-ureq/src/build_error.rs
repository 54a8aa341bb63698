//! Why there is no provider, or no agent.

use std::error::Error;
use std::fmt;

use pan123_token_cache::PolicyError;

/// Settings that don't work. `Display` is one line that says it all.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildError {
    /// The policy's figures don't fit together, or the timeout is zero.
    Policy(PolicyError),
    /// A proxy variable of the environment can't be read. Its value isn't shown, since it may hold a password.
    Proxy {
        /// Its name.
        variable: &'static str,
    },
}

impl From<PolicyError> for BuildError {
    fn from(error: PolicyError) -> Self {
        Self::Policy(error)
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Policy(error) => error.fmt(f),
            Self::Proxy { variable } => write!(
                f,
                "the environment variable {variable} names no proxy; write it as http://host:port, or unset it"
            ),
        }
    }
}

impl Error for BuildError {}
