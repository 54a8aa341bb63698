//! Why there is no provider, or no client.

use std::error::Error;
use std::fmt;

use pan123_token_cache::PolicyError;

/// Settings that don't work. `Display` is one line that says it all.
///
/// An example is with [`ProxyVariables`](crate::ProxyVariables).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildError {
    /// The policy's figures don't fit together, or the timeout is zero.
    Policy(PolicyError),
    /// The proxy variable of this name can't be read. Its value isn't shown, since it may hold a password.
    Proxy(&'static str),
    /// There is no cryptography for TLS, or it has none of TLS 1.2 and 1.3.
    Crypto,
    /// The system has no root certificates.
    RootCertificates,
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Policy(error) => error.fmt(f),
            Self::Proxy(variable) => write!(
                f,
                "the environment variable {variable} names no proxy; write it as http://host:port, or unset it"
            ),
            Self::Crypto => f.write_str(
                "there is no cryptography for TLS; turn on the feature `rustls`, or give the builder a rustls provider",
            ),
            Self::RootCertificates => f.write_str(
                "this system has no root certificates; install its CA certificates, or name a file in SSL_CERT_FILE",
            ),
        }
    }
}

impl Error for BuildError {}
