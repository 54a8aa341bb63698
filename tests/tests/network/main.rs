//! Networks that fail, and gateways that we didn't write: for each fault and each adapter, what kind of error it is, how
//! soon the caller knows, and how many requests were sent. The table in `tests/README.md` is what these tests assert.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a panic is how a test reports"
)]

mod deaf;
mod faults;
mod gateway;
mod keep_alive;
mod nginx;

use std::time::{Duration, Instant};

use pan123_emulator::{CLIENT_ID, CLIENT_SECRET};
use pan123_token::{Credentials, FetchError, GetAccessToken, Grant};
use pan123_token_tests::adapters::block_on;
use reqwest::redirect::Policy;

/// How much longer than its timeout a caller may wait.
const GRACE: Duration = Duration::from_millis(250);

/// An exchange through a client that trusts this authority.
type Fetch = fn(&GetAccessToken, Option<&str>, Duration) -> Result<Grant, FetchError>;

/// reqwest's TLS is its users' choice: here it has none.
const ADAPTERS: [(&str, Fetch); 3] = [("hyper", hyper), ("ureq", ureq), ("reqwest", reqwest)];

fn hyper(
    operation: &GetAccessToken,
    ca_pem: Option<&str>,
    timeout: Duration,
) -> Result<Grant, FetchError> {
    let client = hyper_client(ca_pem);
    block_on(pan123_token_hyper::fetch(client, operation, timeout))
}

fn hyper_client(ca_pem: Option<&str>) -> pan123_token_hyper::Client {
    let mut builder = pan123_token_hyper::Client::builder().no_proxy();
    if let Some(pem) = ca_pem {
        builder = builder.ca_pem(pem.as_bytes()).unwrap();
    }
    builder.build().unwrap()
}

fn ureq(
    operation: &GetAccessToken,
    ca_pem: Option<&str>,
    timeout: Duration,
) -> Result<Grant, FetchError> {
    pan123_token_ureq::fetch(ureq_agent(ca_pem), operation, timeout)
}

fn ureq_agent(ca_pem: Option<&str>) -> ureq::Agent {
    let mut builder = pan123_token_ureq::AgentBuilder::default().no_proxy();
    if let Some(pem) = ca_pem {
        builder = builder.ca_pem(pem.as_bytes()).unwrap();
    }
    builder.build().unwrap()
}

fn reqwest(
    operation: &GetAccessToken,
    _: Option<&str>,
    timeout: Duration,
) -> Result<Grant, FetchError> {
    let client = reqwest_client();
    block_on(pan123_token_reqwest::fetch(&client, operation, timeout))
}

fn reqwest_client() -> reqwest::Client {
    let builder = reqwest::Client::builder().no_proxy();
    builder.redirect(Policy::none()).build().unwrap()
}

/// `token`, or the error's kind, within the time.
fn kind(fetch: Fetch, base_url: &str, ca_pem: Option<&str>, timeout: Duration) -> &'static str {
    let credentials = Credentials::new(CLIENT_ID, CLIENT_SECRET).unwrap();
    let operation = GetAccessToken::new(credentials).with_base_url(base_url.parse().unwrap());
    let begun = Instant::now();
    let result = fetch(&operation, ca_pem, timeout);
    let took = begun.elapsed();
    assert!(took <= timeout + GRACE, "{took:?}: {result:?}");
    match result {
        Ok(_) => "token",
        Err(error) => {
            assert!(!error.to_string().contains(CLIENT_SECRET), "{error}");
            error.kind()
        }
    }
}
