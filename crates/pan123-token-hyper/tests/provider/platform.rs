//! A platform in the same process: its tokens, its moods, and what it was asked.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use pan123_token_cache::testing::ManualClock;
use pan123_token_hyper::clock::{Clock, Moment};
use pan123_token_hyper::http::{Request, Response};
use pan123_token_hyper::pan123_token::time::format_description::well_known::{Rfc2822, Rfc3339};
use pan123_token_hyper::service::OwnClient;
use pan123_token_hyper::{
    Bytes, Credentials, Full, OffsetDateTime, TokenProvider, TokenProviderBuilder,
};
use tokio::sync::watch;
use tower_service::Service;

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const HOUR: Duration = Duration::from_secs(3600);
pub(crate) const DAY: Duration = Duration::from_secs(86_400);

/// How long tokens live, unless a test says otherwise.
pub(crate) const LIFETIME: Duration = Duration::from_secs(30 * 86_400);

/// 2025-02-21T07:48:37Z, an hour after the host was started.
pub(crate) const START: Moment = Moment {
    wall: Duration::from_secs(1_740_124_117),
    monotonic: Duration::from_secs(3600),
};

/// Issues `token-1`, `token-2` and so on, each with a `Date`. Clones are the same platform.
#[derive(Clone)]
pub(crate) struct Platform(Arc<Inner>);

struct Inner {
    /// The time as the platform has it.
    clock: Box<dyn Clock>,
    state: Mutex<State>,
    /// Replies are held back while it is shut.
    open: watch::Sender<bool>,
}

struct State {
    mood: Mood,
    lifetime: Duration,
    requests: usize,
    issued: usize,
}

/// What is answered to a request for a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    Well,
    /// The port refuses.
    Down,
    /// This status, without a body.
    Status(u16),
    /// Refuses the credentials.
    Refusing,
    /// The client panics.
    Panicking,
}

impl Platform {
    pub(crate) fn new(clock: impl Clock + 'static) -> Self {
        Self(Arc::new(Inner {
            clock: Box::new(clock),
            state: Mutex::new(State {
                mood: Mood::Well,
                lifetime: LIFETIME,
                requests: 0,
                issued: 0,
            }),
            open: watch::Sender::new(true),
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_mood(&self, mood: Mood) {
        self.state().mood = mood;
    }

    pub(crate) fn set_lifetime(&self, lifetime: Duration) {
        self.state().lifetime = lifetime;
    }

    /// From now on, replies are held back.
    pub(crate) fn shut(&self) {
        self.0.open.send_replace(false);
    }

    pub(crate) fn open(&self) {
        self.0.open.send_replace(true);
    }

    /// How often it was asked for a token.
    pub(crate) fn requests(&self) -> usize {
        self.state().requests
    }

    pub(crate) fn issued(&self) -> usize {
        self.state().issued
    }

    fn answer(&self) -> io::Result<Response<String>> {
        let now = self.0.clock.now().wall;
        let mut state = self.state();
        match state.mood {
            Mood::Well => {}
            Mood::Down => return Err(io::ErrorKind::ConnectionRefused.into()),
            Mood::Status(status) => {
                let mut response = Response::new(String::new());
                *response.status_mut() = status.try_into().unwrap();
                return Ok(response);
            }
            Mood::Refusing => {
                let body = r#"{"code":7,"message":"no such client","data":null}"#;
                return Ok(Response::new(body.to_owned()));
            }
            Mood::Panicking => panic!("the client of this test panics"),
        }
        state.issued += 1;
        let number = state.issued;
        let expires_at = date(now + state.lifetime).format(&Rfc3339).unwrap();
        let body = format!(
            r#"{{"code":0,"data":{{"accessToken":"token-{number}","expiredAt":"{expires_at}"}}}}"#
        );
        let date = date(now).format(&Rfc2822).unwrap().replace("+0000", "GMT");
        Ok(Response::builder().header("date", date).body(body).unwrap())
    }
}

fn date(since_1970: Duration) -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH + since_1970
}

impl Service<Request<Full<Bytes>>> for Platform {
    type Response = Response<String>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Response<String>>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Full<Bytes>>) -> Self::Future {
        self.state().requests += 1;
        let platform = self.clone();
        Box::pin(async move {
            let mut open = platform.0.open.subscribe();
            open.wait_for(|open| *open).await.unwrap();
            platform.answer()
        })
    }
}

pub(crate) fn credentials() -> Credentials {
    Credentials::new("my-id", "SENTINEL-secret").unwrap()
}

pub(crate) fn builder(
    platform: &Platform,
    clock: impl Clock + 'static,
) -> TokenProviderBuilder<OwnClient> {
    TokenProvider::builder(credentials())
        .client(platform.clone())
        .clock(clock)
}

/// A provider, its platform, and the clock that both go by.
pub(crate) fn set_up() -> (TokenProvider, Platform, ManualClock) {
    let clock = ManualClock::new(START);
    let platform = Platform::new(clock.clone());
    let provider = builder(&platform, clock.clone()).build().unwrap();
    (provider, platform, clock)
}

/// Lets everything come to rest: paused time moves on only once there is nothing else to do, on no thread.
pub(crate) async fn quiet() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}
