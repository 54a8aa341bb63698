//! The access token of the 123pan open platform, with [ureq](ureq) (blocking).
//!
//! # In scope
//!
//! [`fetch`] carries out one exchange on any [`ureq::Agent`], and [`agent`] is one that is ready to use: rustls, no
//! redirects, bounded time. Building the request and judging the reply is the core's business (`pan123-token`, whose
//! types are re-exported here).
//!
//! # Out of scope
//!
//! Nothing is kept: each [`fetch`] costs one of the 3 tokens that the platform keeps alive per client ID.
//!
//! # Secrets in logs
//!
//! At TRACE, the log target `ureq_proto::util` of ureq itself dumps headers and bodies, the client secret and the token
//! among them. Keep that target off.
#![cfg_attr(
    feature = "rustls",
    doc = r#"
# Example

```no_run
use std::time::Duration;

use pan123_token_ureq::{Credentials, GetAccessToken, agent, fetch};

let operation = GetAccessToken::new(Credentials::new("my-client-id", "my-client-secret")?);
let grant = fetch(&agent(), &operation, Duration::from_secs(30))?;
println!("good until {}", grant.token.expires_at());
# Ok::<(), Box<dyn std::error::Error>>(())
```
"#
)]

#[cfg(feature = "rustls")]
mod agent;
mod failure;
mod fetch;

#[cfg(feature = "rustls")]
pub use agent::{AgentBuilder, agent};
pub use fetch::fetch;
pub use pan123_token::{
    self, AccessToken, AccessTokenError, Authorization, Authorized, BaseUrl, BaseUrlError, Cause,
    Credentials, CredentialsError, ErrorKind, FetchError, Fingerprint, GetAccessToken, Grant,
    MAX_REJECTION_BYTES, MAX_RESPONSE_BYTES, OffsetDateTime, Origins, RejectionWatch,
    ResponseError, http, time, token_rejected,
};

// The client, in the version that `fetch` takes.
pub use ureq;
