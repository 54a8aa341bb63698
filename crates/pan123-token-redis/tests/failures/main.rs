//! Servers that answer wrongly, late or not at all, played by the test.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a panic is how a test reports"
)]

mod answers;
mod bounds;
mod played;
mod redirects;
mod refusals;
mod url;

use pan123_token_cache::pan123_token::BaseUrl;
use pan123_token_cache::{StoreError, StoreKey};

fn key() -> StoreKey {
    StoreKey::new(&BaseUrl::default(), "my-id")
}

/// It is one printable line that names the server, and no secret is in it.
fn line(error: &StoreError, port: u16) -> String {
    let line = error.to_string();
    assert!(!line.contains(char::is_control), "{line:?}");
    assert!(
        line.starts_with(&format!("Redis at 127.0.0.1:{port}: ")),
        "{line}"
    );
    for text in [&line, &format!("{error:?}")] {
        assert!(!text.contains("SENTINEL"), "{text}");
    }
    line
}
