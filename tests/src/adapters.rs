//! The adapters behind one signature, so that a scenario runs through each of them.

use std::time::Duration;

use pan123_token::{FetchError, GetAccessToken, Grant};

/// The length of the client secret that `one_exchange` is given.
pub const SECRET_BYTES: usize = 40;

/// One exchange, blocking.
pub type Fetch = fn(&GetAccessToken, Duration) -> Result<Grant, FetchError>;

/// Every way in which an exchange is carried out here, with its name.
pub const ALL: [(&str, Fetch); 3] = [
    ("hyper", through_hyper),
    ("ureq", through_ureq),
    ("ureq with its own defaults", through_default_ureq),
];

/// The same for one that trusts this authority (PEM), too.
pub type TrustingFetch = fn(&GetAccessToken, Duration, &str) -> Result<Grant, FetchError>;

/// The clients that come with the adapters.
pub const TRUSTING: [(&str, TrustingFetch); 2] = [
    ("hyper", |operation, timeout, authority| {
        let client = pan123_token_hyper::Client::builder().no_proxy();
        let client = client.ca_pem(authority.as_bytes()).unwrap();
        block_on(pan123_token_hyper::fetch(
            client.build().unwrap(),
            operation,
            timeout,
        ))
    }),
    ("ureq", |operation, timeout, authority| {
        let agent = pan123_token_ureq::AgentBuilder::default().no_proxy();
        let agent = agent.ca_pem(authority.as_bytes()).unwrap().build();
        pan123_token_ureq::fetch(agent.unwrap(), operation, timeout)
    }),
];

/// hyper, with the client that comes with the adapter.
pub fn through_hyper(operation: &GetAccessToken, timeout: Duration) -> Result<Grant, FetchError> {
    let client = pan123_token_hyper::Client::builder()
        .no_proxy()
        .build()
        .unwrap();
    block_on(pan123_token_hyper::fetch(client, operation, timeout))
}

/// ureq, with the agent that comes with the adapter.
pub fn through_ureq(operation: &GetAccessToken, timeout: Duration) -> Result<Grant, FetchError> {
    let agent = pan123_token_ureq::AgentBuilder::default()
        .no_proxy()
        .build()
        .unwrap();
    pan123_token_ureq::fetch(agent, operation, timeout)
}

/// ureq, with an agent as a user has it: statuses are errors, redirects are followed, nothing is bounded.
pub fn through_default_ureq(
    operation: &GetAccessToken,
    timeout: Duration,
) -> Result<Grant, FetchError> {
    pan123_token_ureq::fetch(ureq::Agent::new_with_defaults(), operation, timeout)
}

/// Runs a future on a runtime that ends with it.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(future)
}
