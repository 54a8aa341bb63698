//! Each adapter with its provider, its client for API calls, and what both show of themselves.

use std::error::Error;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use pan123_emulator::Emulator;
use pan123_token::{AccessToken, Credentials};
use pan123_token_cache::testing::ManualClock;
use pan123_token_cache::{RenewalPolicy, TokenError, TokenStore};
use pan123_token_reqwest::reqwest;
use tokio::runtime::Builder;

use crate::shown::Shown;
use crate::{ID, SECRET};

const LONG: Duration = Duration::from_secs(30);

/// What a provider is made of.
pub(crate) struct Parts<'a> {
    pub(crate) platform: &'a Emulator,
    pub(crate) clock: ManualClock,
    pub(crate) store: Arc<dyn TokenStore>,
    pub(crate) shown: Shown,
}

/// A provider and a client, whatever they are made of.
pub(crate) struct Subject {
    pub(crate) token: Box<dyn Fn() -> Result<AccessToken, TokenError>>,
    /// An API call: its reply's body.
    pub(crate) call: Box<Call>,
    pub(crate) flush: Box<dyn Fn()>,
}

type Call = dyn Fn(&str) -> Result<String, Box<dyn Error>>;

pub(crate) type Make = fn(Parts<'_>) -> Subject;

/// Every adapter, and whether it comes with TLS. reqwest's is its users' choice.
pub(crate) const ALL: [(&str, bool, Make); 3] = [
    ("hyper", true, on_hyper),
    ("ureq", true, on_ureq),
    ("reqwest", false, on_reqwest),
];

fn credentials() -> Credentials {
    Credentials::new(ID, SECRET).unwrap()
}

/// How long is waited for a lease goes by real time.
fn policy() -> RenewalPolicy {
    let mut policy = RenewalPolicy::default();
    policy.lease_poll = Duration::from_millis(50);
    policy.min_interval = Duration::from_millis(50);
    policy
}

fn on_hyper(parts: Parts<'_>) -> Subject {
    use pan123_token_hyper::http::Request;
    use pan123_token_hyper::{Bytes, Client, Full, TokenProvider};

    let runtime = Rc::new(Builder::new_current_thread().enable_all().build().unwrap());
    let pem = parts.platform.ca_pem().unwrap().as_bytes();
    let client = Client::builder().no_proxy().ca_pem(pem).unwrap();
    parts.shown.add(&client);
    let client = client.build().unwrap();
    parts.shown.add(&client);
    let listener = parts.shown.clone();
    let builder = TokenProvider::builder(credentials());
    parts.shown.add(&builder);
    let builder = builder
        .base_url(parts.platform.url().parse().unwrap())
        .client(client.clone())
        .clock(parts.clock)
        .policy(policy())
        .store(parts.store)
        .on_event(move |event| listener.add_event(event));
    parts.shown.add(&builder);
    let provider = builder.build().unwrap();
    let asked = (Rc::clone(&runtime), provider.clone(), parts.shown.clone());
    let flushed = (Rc::clone(&runtime), provider.clone());
    Subject {
        token: Box::new(move || {
            let token = asked.0.block_on(asked.1.token());
            asked.2.add(&asked.1);
            token
        }),
        call: Box::new(move |url| {
            let request = Request::get(url).body(Full::<Bytes>::default()).unwrap();
            runtime.block_on(async {
                let reply = provider.call(&client, request).await?;
                let bytes = reply.into_body().collect().await?.to_bytes();
                Ok(String::from_utf8(bytes.to_vec()).unwrap())
            })
        }),
        flush: Box::new(move || assert!(flushed.0.block_on(flushed.1.flush(LONG)))),
    }
}

fn on_ureq(parts: Parts<'_>) -> Subject {
    use pan123_token_ureq::http::Request;
    use pan123_token_ureq::{AgentBuilder, TokenProvider};

    let pem = parts.platform.ca_pem().unwrap().as_bytes();
    let agent = AgentBuilder::default().no_proxy().ca_pem(pem).unwrap();
    parts.shown.add(&agent);
    let agent = agent.build().unwrap();
    parts.shown.add(&agent);
    let listener = parts.shown.clone();
    let builder = TokenProvider::builder(credentials());
    parts.shown.add(&builder);
    let builder = builder
        .base_url(parts.platform.url().parse().unwrap())
        .agent(agent.clone())
        .clock(parts.clock)
        .policy(policy())
        .store(parts.store)
        .on_event(move |event| listener.add_event(event));
    parts.shown.add(&builder);
    let provider = builder.build().unwrap();
    let (asked, flushed, shown) = (provider.clone(), provider.clone(), parts.shown);
    Subject {
        token: Box::new(move || {
            let token = asked.token();
            shown.add(&asked);
            token
        }),
        call: Box::new(move |url| {
            let request = Request::get(url).body("").unwrap();
            let mut reply = provider.call(&agent, request)?;
            Ok(reply.body_mut().read_to_string()?)
        }),
        flush: Box::new(move || assert!(flushed.flush(LONG))),
    }
}

fn on_reqwest(parts: Parts<'_>) -> Subject {
    use pan123_token_reqwest::TokenProvider;

    let runtime = Rc::new(Builder::new_current_thread().enable_all().build().unwrap());
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    parts.shown.add(&client);
    let listener = parts.shown.clone();
    let builder = TokenProvider::builder(credentials())
        .base_url(parts.platform.url().parse().unwrap())
        .client(client.clone())
        .clock(parts.clock)
        .policy(policy())
        .store(parts.store)
        .on_event(move |event| listener.add_event(event));
    parts.shown.add(&builder);
    let provider = builder.build().unwrap();
    let asked = (Rc::clone(&runtime), provider.clone(), parts.shown);
    let flushed = (Rc::clone(&runtime), provider.clone());
    Subject {
        token: Box::new(move || {
            let token = asked.0.block_on(asked.1.token());
            asked.2.add(&asked.1);
            token
        }),
        call: Box::new(move |url| {
            runtime.block_on(async {
                let reply = provider.send(client.get(url)).await?;
                Ok(reply.text().await?)
            })
        }),
        flush: Box::new(move || assert!(flushed.0.block_on(flushed.1.flush(LONG)))),
    }
}
