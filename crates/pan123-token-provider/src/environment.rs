//! Credentials from the environment, for programs that keep them there.

use std::env::{self, VarError};
use std::error::Error;
use std::fmt;

use pan123_token::{Credentials, CredentialsError};

const CLIENT_ID: &str = "PAN123_CLIENT_ID";
const CLIENT_SECRET: &str = "PAN123_CLIENT_SECRET";

/// The credentials in the environment variables `PAN123_CLIENT_ID` and `PAN123_CLIENT_SECRET`.
///
/// ```
/// use pan123_token_provider::credentials_from_env;
///
/// match credentials_from_env() {
///     Ok(credentials) => println!("client ID {}", credentials.client_id()),
///     // It names the variable, and doesn't show its value.
///     Err(error) => eprintln!("{error}"),
/// }
/// ```
///
/// # Errors
///
/// When one of them isn't set, is no Unicode text, or can't be used.
pub fn credentials_from_env() -> Result<Credentials, EnvironmentError> {
    #[expect(clippy::disallowed_methods, reason = "who calls this asks for it")]
    let get = |name| env::var(name);
    read(get)
}

fn read(
    get: impl Fn(&'static str) -> Result<String, VarError>,
) -> Result<Credentials, EnvironmentError> {
    let get = |name| {
        get(name).map_err(|error| match error {
            VarError::NotPresent => EnvironmentError::Missing(name),
            VarError::NotUnicode(_) => EnvironmentError::NotUnicode(name),
        })
    };
    Credentials::new(get(CLIENT_ID)?, get(CLIENT_SECRET)?).map_err(EnvironmentError::Unusable)
}

/// Why the environment holds no credentials. `Display` is one line that names the variable.
///
/// An example is with [`credentials_from_env`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EnvironmentError {
    /// The variable of this name isn't set.
    Missing(&'static str),
    /// The variable of this name is no Unicode text.
    NotUnicode(&'static str),
    /// They are set, and can't be used.
    Unusable(CredentialsError),
}

impl fmt::Display for EnvironmentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(name) => write!(f, "the environment variable {name} is not set; set it"),
            Self::NotUnicode(name) => {
                write!(f, "the environment variable {name} is no Unicode text")
            }
            Self::Unusable(error) => write!(
                f,
                "{error} (in the environment variables {CLIENT_ID} and {CLIENT_SECRET})"
            ),
        }
    }
}

impl Error for EnvironmentError {}

#[cfg(test)]
mod tests {
    use super::*;

    type Value = Result<&'static str, VarError>;

    fn error(id: &Value, secret: &Value) -> String {
        let get = |name| {
            let value = if name == CLIENT_ID { id } else { secret };
            value.clone().map(str::to_owned)
        };
        read(get).unwrap_err().to_string()
    }

    #[test]
    fn the_variable_that_is_missing_is_named() {
        let missing = || Err(VarError::NotPresent);
        assert_eq!(
            error(&missing(), &Ok("secret")),
            "the environment variable PAN123_CLIENT_ID is not set; set it"
        );
        assert_eq!(
            error(&Ok("id"), &missing()),
            "the environment variable PAN123_CLIENT_SECRET is not set; set it"
        );
    }

    #[test]
    fn a_value_that_can_not_be_used_is_not_shown() {
        let text = error(&Ok("id"), &Err(VarError::NotUnicode("hush".into())));
        assert_eq!(
            text,
            "the environment variable PAN123_CLIENT_SECRET is no Unicode text"
        );
        let text = error(&Ok("id"), &Ok(""));
        assert!(text.contains("PAN123_CLIENT_SECRET"), "{text}");
        let text = error(&Ok(""), &Ok("hush"));
        assert!(!text.contains("hush"), "{text}");
    }

    #[test]
    fn both_variables_make_credentials() {
        let get = |name: &'static str| Ok(name.to_lowercase());
        assert_eq!(read(get).unwrap().client_id(), "pan123_client_id");
    }
}
