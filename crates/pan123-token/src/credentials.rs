//! Who asks: the client ID and client secret that the platform issues to an application.

use std::fmt;

use zeroize::Zeroizing;

/// A client ID and its client secret, checked.
///
/// ```
/// use pan123_token::Credentials;
///
/// let credentials = Credentials::new("my-client-id", "my-client-secret")?;
/// assert_eq!(credentials.client_id(), "my-client-id");
/// assert!(!format!("{credentials:?}").contains("my-client-secret"));
///
/// // Nothing is trimmed.
/// let error = Credentials::new("my-client-id", "my-client-secret\n").unwrap_err();
/// assert_eq!(error.to_string(), "the client secret ends in a line break; remove it");
/// # Ok::<(), pan123_token::CredentialsError>(())
/// ```
///
/// `Debug` shows the client ID and never the secret; the secret is wiped from memory on drop.
#[derive(Clone)]
pub struct Credentials {
    client_id: String,
    client_secret: Zeroizing<String>,
}

impl Credentials {
    /// The longest client ID or client secret that is taken for one, in bytes.
    ///
    /// The platform documents no length. This bound is ours; it is there to catch a file or a page that was passed by
    /// mistake.
    pub const MAX_BYTES: usize = 1024;

    /// Takes both strings exactly as they are: nothing is trimmed.
    ///
    /// A `String` passed as the secret is kept without a copy and wiped on drop; a `&str` is copied, and the original
    /// stays the caller's to wipe.
    ///
    /// # Errors
    ///
    /// When either one is empty, longer than [`MAX_BYTES`](Self::MAX_BYTES), or holds a control character, such as the
    /// line break at the end of a file.
    pub fn new(
        client_id: impl Into<String>,
        client_secret: impl Into<String>,
    ) -> Result<Self, CredentialsError> {
        let client_id = client_id.into();
        let client_secret = Zeroizing::new(client_secret.into());
        check(Field::ClientId, &client_id)?;
        check(Field::ClientSecret, &client_secret)?;
        Ok(Self {
            client_id,
            client_secret,
        })
    }

    /// The client ID. It is no secret.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    pub(crate) fn client_secret(&self) -> &str {
        &self.client_secret
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

fn check(field: Field, value: &str) -> Result<(), CredentialsError> {
    let flaw = if value.is_empty() {
        Flaw::Empty
    } else if value.len() > Credentials::MAX_BYTES {
        Flaw::TooLong
    } else if value.ends_with(['\n', '\r']) {
        Flaw::LineBreakAtEnd
    } else if value.contains(char::is_control) {
        Flaw::ControlCharacter
    } else {
        return Ok(());
    };
    Err(CredentialsError { field, flaw })
}

/// Why a client ID or client secret can't be one. It names the field, never its content.
///
/// An example is with [`Credentials`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CredentialsError {
    field: Field,
    flaw: Flaw,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    ClientId,
    ClientSecret,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    Empty,
    TooLong,
    LineBreakAtEnd,
    ControlCharacter,
}

impl fmt::Display for CredentialsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.field {
            Field::ClientId => "the client ID ",
            Field::ClientSecret => "the client secret ",
        })?;
        match self.flaw {
            Flaw::Empty => f.write_str("is empty"),
            Flaw::TooLong => write!(f, "is longer than {} bytes", Credentials::MAX_BYTES),
            Flaw::LineBreakAtEnd => f.write_str("ends in a line break; remove it"),
            Flaw::ControlCharacter => f.write_str("holds a control character"),
        }
    }
}

impl std::error::Error for CredentialsError {}
