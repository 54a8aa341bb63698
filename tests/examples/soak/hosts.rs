//! Providers that live as long as the soak, and processes that don't.

use std::fmt;
use std::ops::AddAssign;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use http_body_util::BodyExt;
use pan123_token::{AccessToken, Credentials, OffsetDateTime, http::Request};
use pan123_token_cache::{Event, TokenStore};
use pan123_token_file::FileStore;
use pan123_token_hyper::Bytes;
use pan123_token_redis::RedisStore;
use pan123_token_reqwest::reqwest;
use pan123_token_tests::fleet::policy;
use tokio::runtime::Runtime;

use crate::platform::{CLIENTS, SECRET};

/// Of a life of 12 seconds: renewal falls due a fifth of it before the end, at the earliest.
pub(crate) const SHORTEST_STRETCH_TENTHS: u64 = 96;

pub(crate) const ADAPTERS: [&str; 3] = ["hyper", "ureq", "reqwest"];
const TIMEOUT: Duration = Duration::from_secs(3);
const USER_INFO: &str = "/api/v1/user/info";

/// Where a token is shared.
#[derive(Clone)]
pub(crate) enum Place {
    File(PathBuf),
    Redis(String),
}

impl Place {
    fn parse(text: &str) -> Self {
        match text.strip_prefix("file:") {
            Some(path) => Self::File(path.into()),
            None => Self::Redis(text.to_owned()),
        }
    }

    fn store(&self) -> Arc<dyn TokenStore> {
        match self {
            Self::File(path) => Arc::new(FileStore::in_dir(path)),
            Self::Redis(url) => Arc::new(RedisStore::new(url).unwrap()),
        }
    }

    fn credentials(&self) -> Credentials {
        let client = match self {
            Self::File(_) => CLIENTS[0],
            Self::Redis(_) => CLIENTS[1],
        };
        Credentials::new(client, SECRET).unwrap()
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Redis(url) => f.write_str(url),
        }
    }
}

/// What became of the calls.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) calls: u64,
    /// There was no token in time.
    pub(crate) without: u64,
    /// The token handed out had expired.
    pub(crate) expired: u64,
    /// The platform refused the API call, the retry with another token included.
    pub(crate) refused: u64,
    pub(crate) forced: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.calls += other.calls;
        self.without += other.without;
        self.expired += other.expired;
        self.refused += other.refused;
        self.forced += other.forced;
    }
}

/// A provider and a client.
pub(crate) trait Host: Send + Sync {
    fn token(&self) -> Option<AccessToken>;
    /// Whether the API call was answered and not refused.
    fn call(&self) -> bool;
    fn flush(&self) -> bool;
    /// Forced renewals so far.
    fn forced(&self) -> u64;
}

/// A host's life.
pub(crate) fn live(host: &dyn Host, end: Instant) -> Tally {
    let mut tally = Tally::default();
    while Instant::now() < end {
        tally.calls += 1;
        match host.token() {
            None => tally.without += 1,
            Some(token) if !token.is_usable_at(OffsetDateTime::now_utc()) => tally.expired += 1,
            Some(_) if !host.call() => tally.refused += 1,
            Some(_) => {}
        }
        thread::sleep(Duration::from_millis(5));
    }
    assert!(host.flush(), "something is still under way");
    tally
}

/// One of each adapter.
pub(crate) fn all(runtime: &Arc<Runtime>, url: &str, place: &Place) -> Vec<Arc<dyn Host>> {
    let one = |adapter: &&str| host(adapter, runtime, url, place);
    ADAPTERS.iter().map(one).collect()
}

/// A process that wants one token.
pub(crate) fn short_lived(adapter: &str, url: &str, place: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let host = host(
        adapter,
        &Arc::new(runtime.unwrap()),
        url,
        &Place::parse(place),
    );
    let token = host.token();
    host.flush();
    std::process::exit(i32::from(token.is_none()));
}

fn host(adapter: &str, runtime: &Arc<Runtime>, url: &str, place: &Place) -> Arc<dyn Host> {
    let (runtime, url) = (Arc::clone(runtime), format!("{url}{USER_INFO}"));
    let base_url = url[..url.len() - USER_INFO.len()].parse().unwrap();
    let forced = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&forced);
    let count = move |event: &Event| {
        if matches!(event, Event::Renewed { forced: true, .. }) {
            counted.fetch_add(1, Ordering::Relaxed);
        }
    };
    macro_rules! provider {
        ($adapter:ident) => {
            $adapter::TokenProvider::builder(place.credentials())
                .base_url(base_url)
                .policy(policy())
                .timeout(TIMEOUT)
                .store(place.store())
                .on_event(count)
                .build()
                .unwrap()
        };
    }
    match adapter {
        "hyper" => Arc::new(OnHyper {
            provider: provider!(pan123_token_hyper),
            client: pan123_token_hyper::Client::builder()
                .no_proxy()
                .build()
                .unwrap(),
            runtime,
            url,
            forced,
        }),
        "ureq" => Arc::new(OnUreq {
            provider: provider!(pan123_token_ureq),
            agent: pan123_token_ureq::AgentBuilder::default()
                .no_proxy()
                .build()
                .unwrap(),
            url,
            forced,
        }),
        "reqwest" => Arc::new(OnReqwest {
            provider: provider!(pan123_token_reqwest),
            client: reqwest::Client::builder()
                .no_proxy()
                .redirect(reqwest::redirect::Policy::none())
                .build()
                .unwrap(),
            runtime,
            url,
            forced,
        }),
        _ => panic!("an adapter"),
    }
}

fn is_answer(body: &str) -> bool {
    body.contains(r#""code":0"#)
}

struct OnHyper {
    provider: pan123_token_hyper::TokenProvider,
    client: pan123_token_hyper::Client,
    runtime: Arc<Runtime>,
    url: String,
    forced: Arc<AtomicU64>,
}

impl Host for OnHyper {
    fn token(&self) -> Option<AccessToken> {
        self.runtime.block_on(self.provider.token()).ok()
    }

    fn call(&self) -> bool {
        let request = Request::get(&self.url).body(pan123_token_hyper::Full::<Bytes>::default());
        self.runtime.block_on(async {
            let Ok(reply) = self.provider.call(&self.client, request.unwrap()).await else {
                return false;
            };
            let body = reply.into_body().collect().await.unwrap().to_bytes();
            is_answer(&String::from_utf8_lossy(&body))
        })
    }

    fn flush(&self) -> bool {
        self.runtime.block_on(self.provider.flush(TIMEOUT))
    }

    fn forced(&self) -> u64 {
        self.forced.load(Ordering::Relaxed)
    }
}

struct OnUreq {
    provider: pan123_token_ureq::TokenProvider,
    agent: ureq::Agent,
    url: String,
    forced: Arc<AtomicU64>,
}

impl Host for OnUreq {
    fn token(&self) -> Option<AccessToken> {
        self.provider.token().ok()
    }

    fn call(&self) -> bool {
        let request = Request::get(&self.url).body("").unwrap();
        let reply = self.provider.call(&self.agent, request);
        reply.is_ok_and(|mut reply| is_answer(&reply.body_mut().read_to_string().unwrap()))
    }

    fn flush(&self) -> bool {
        self.provider.flush(TIMEOUT)
    }

    fn forced(&self) -> u64 {
        self.forced.load(Ordering::Relaxed)
    }
}

struct OnReqwest {
    provider: pan123_token_reqwest::TokenProvider,
    client: reqwest::Client,
    runtime: Arc<Runtime>,
    url: String,
    forced: Arc<AtomicU64>,
}

impl Host for OnReqwest {
    fn token(&self) -> Option<AccessToken> {
        self.runtime.block_on(self.provider.token()).ok()
    }

    fn call(&self) -> bool {
        self.runtime.block_on(async {
            match self.provider.send(self.client.get(&self.url)).await {
                Ok(reply) => is_answer(&reply.text().await.unwrap()),
                Err(_) => false,
            }
        })
    }

    fn flush(&self) -> bool {
        self.runtime.block_on(self.provider.flush(TIMEOUT))
    }

    fn forced(&self) -> u64 {
        self.forced.load(Ordering::Relaxed)
    }
}
