//! The providers behind one signature, so that a scenario runs through each of them.

use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pan123_token::{AccessToken, BaseUrl, Credentials};
use pan123_token_cache::testing::ManualClock;
use pan123_token_cache::{Event, Failure, Rejection, TokenError, TokenStore};
use pan123_token_examples::smol_provider;
use pan123_token_provider::Settings;
use pan123_token_reqwest::reqwest;
use tokio::runtime::{Builder, Runtime};

/// What a provider is made of.
#[derive(Clone)]
pub struct Parts {
    /// Whose token.
    pub credentials: Credentials,
    /// Where the platform is.
    pub base_url: BaseUrl,
    /// What time it is.
    pub clock: ManualClock,
    /// Where the token is shared.
    pub store: Arc<dyn TokenStore>,
    /// What the provider tells.
    pub log: Log,
}

/// A provider, whatever it is made of. All of it blocks.
pub struct Provider {
    token: Box<dyn Fn() -> Result<AccessToken, TokenError>>,
    refresh: Box<dyn Fn() -> Result<AccessToken, TokenError>>,
    reject: Box<dyn Fn(&AccessToken) -> Rejection>,
    settle: Box<dyn Fn()>,
}

impl Provider {
    /// A token; then waits until nothing is under way any more.
    pub fn token(&self) -> Result<AccessToken, TokenError> {
        let token = (self.token)();
        (self.settle)();
        token
    }

    /// Another token; then waits until nothing is under way any more.
    pub fn refresh(&self) -> Result<AccessToken, TokenError> {
        let token = (self.refresh)();
        (self.settle)();
        token
    }

    /// Reports a rejection.
    pub fn reject(&self, token: &AccessToken) -> Rejection {
        (self.reject)(token)
    }
}

/// Makes a provider.
pub type Make = fn(Parts) -> Provider;

/// Every provider there is, with its name.
pub const ALL: [(&str, Make); 4] = [
    ("hyper", on_hyper),
    ("ureq", on_ureq),
    ("reqwest", on_reqwest),
    ("smol", on_smol),
];

const LONG: Duration = Duration::from_secs(30);

/// A provider of an adapter on tokio, whose callers block on a runtime of its own. The adapters' types have no trait in common.
macro_rules! blocking_on_tokio {
    ($provider:ident) => {{
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let runtime = Rc::new(runtime);
        let on = |runtime: &Rc<Runtime>| (Rc::clone(runtime), $provider.clone());
        let (refreshing, rejecting, settling) = (on(&runtime), $provider.clone(), on(&runtime));
        Provider {
            token: Box::new(move || runtime.block_on($provider.token())),
            refresh: Box::new(move || refreshing.0.block_on(refreshing.1.refresh())),
            reject: Box::new(move |token| rejecting.reject(token)),
            settle: Box::new(move || assert!(settling.0.block_on(settling.1.flush(LONG)))),
        }
    }};
}

fn on_hyper(parts: Parts) -> Provider {
    let log = parts.log;
    let provider = pan123_token_hyper::TokenProvider::builder(parts.credentials)
        .base_url(parts.base_url)
        .client(
            pan123_token_hyper::Client::builder()
                .no_proxy()
                .build()
                .unwrap(),
        )
        .clock(parts.clock)
        .store(parts.store)
        .on_event(move |event| log.take(event))
        .build()
        .unwrap();
    blocking_on_tokio!(provider)
}

fn on_ureq(parts: Parts) -> Provider {
    let log = parts.log;
    let agent = pan123_token_ureq::AgentBuilder::default()
        .no_proxy()
        .build()
        .unwrap();
    let provider = pan123_token_ureq::TokenProvider::builder(parts.credentials)
        .base_url(parts.base_url)
        .agent(agent)
        .clock(parts.clock)
        .store(parts.store)
        .on_event(move |event| log.take(event))
        .build()
        .unwrap();
    let (refreshing, rejecting, settling) = (provider.clone(), provider.clone(), provider.clone());
    Provider {
        token: Box::new(move || provider.token()),
        refresh: Box::new(move || refreshing.refresh()),
        reject: Box::new(move |token| rejecting.reject(token)),
        settle: Box::new(move || assert!(settling.flush(LONG))),
    }
}

fn on_reqwest(parts: Parts) -> Provider {
    let log = parts.log;
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none());
    let provider = pan123_token_reqwest::TokenProvider::builder(parts.credentials)
        .base_url(parts.base_url)
        .client(client.build().unwrap())
        .clock(parts.clock)
        .store(parts.store)
        .on_event(move |event| log.take(event))
        .build()
        .unwrap();
    blocking_on_tokio!(provider)
}

fn on_smol(parts: Parts) -> Provider {
    let log = parts.log;
    let settings = Settings::new(parts.credentials, parts.clock)
        .base_url(parts.base_url)
        .on_event(move |event| log.take(event));
    let provider = smol_provider::TokenProvider::new(settings, Some(parts.store)).unwrap();
    let (refreshing, rejecting, settling) = (provider.clone(), provider.clone(), provider.clone());
    Provider {
        token: Box::new(move || smol::block_on(provider.token())),
        refresh: Box::new(move || smol::block_on(refreshing.refresh())),
        reject: Box::new(move |token| rejecting.reject(token)),
        settle: Box::new(move || smol::block_on(settling.flush())),
    }
}

/// Events, as one would write them down by hand.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn take(&self, event: &Event) {
        self.0.lock().unwrap().push(line(event));
    }

    /// What was told since the last time.
    pub fn read(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

fn line(event: &Event) -> String {
    match event {
        Event::Renewed { forced: false, .. } => "renewed".to_owned(),
        Event::Renewed { forced: true, .. } => "renewed by force".to_owned(),
        Event::RenewalFailed {
            failure,
            serving_old,
            ..
        } => {
            let kind = match failure {
                Failure::Fetch(error) => error.kind(),
                _ => "other",
            };
            let old = if *serving_old {
                ", the old one is served"
            } else {
                ""
            };
            format!("renewal failed: {kind}{old}")
        }
        Event::RateLimited { wait } => format!("rate limited for {} s", wait.as_secs()),
        Event::Rejected { replaceable_in, .. } => {
            format!("rejected, replaceable in {} s", replaceable_in.as_secs())
        }
        Event::Adopted { .. } => "adopted".to_owned(),
        Event::StoreFailed { call, .. } => format!("store failed: {call}"),
        Event::StoreRecovered => "store recovered".to_owned(),
        other => format!("{other:?}"),
    }
}
