//! The access token, kept and renewed.

use std::time::Duration;

use pan123_token::{AccessToken, BaseUrl, Credentials, Origins};
use pan123_token_cache::{Rejection, TokenError};
use pan123_token_provider::on_tokio::TokioProvider;

use crate::builder::TokenProviderBuilder;

/// Hands out the access token, and sees to it that there is one: fetched when it is first asked for, renewed in time,
/// replaced when it was rejected. Cheap to clone; clones share the token.
///
/// ```no_run
/// # #[cfg(feature = "rustls")]
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use pan123_token_hyper::{Credentials, TokenProvider};
///
/// let credentials = Credentials::new("my-client-id", "my-client-secret")?;
/// let provider = TokenProvider::builder(credentials).build()?;
/// let token = provider.token().await?;
/// println!("good until {}", token.expires_at());
/// # Ok(())
/// # }
/// ```
///
/// Nothing runs in the background while there is nothing to do: a caller who asks for a token when one is due starts its
/// renewal, off this call, one at a time. So the `async` methods need a tokio runtime with its timer on; the others need
/// none. Callers may run on different runtimes, and those may end or sleep: see
/// [`runtime`](TokenProviderBuilder::runtime).
#[derive(Clone, Debug)]
pub struct TokenProvider(pub(crate) TokioProvider);

impl TokenProvider {
    /// A builder, for the official address and with the default policy. An example is with [`TokenProviderBuilder`].
    pub fn builder(credentials: Credentials) -> TokenProviderBuilder {
        TokenProviderBuilder::new(credentials)
    }

    /// For tests: hands out this token whenever it is asked, and never another. Its one origin is the official one, until
    /// others are [allowed](Self::allow_origin). An example is with [`current`](Self::current).
    pub fn fixed(token: AccessToken) -> Self {
        Self(TokioProvider::fixed(token))
    }

    pan123_token_provider::tokio_provider_methods!(0);
}
