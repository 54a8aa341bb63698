//! What the tests share: a clock that is moved by hand, and a platform in this process.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a panic is how a test reports, and not every test uses all of it"
)]

pub(crate) mod server;
pub(crate) mod store;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, SystemTime};

use pan123_token_cache::testing::ManualClock;
use pan123_token_cache::{Clock, Moment};
use pan123_token_ureq::http::{Request, Response};
use pan123_token_ureq::pan123_token::time::format_description::well_known::Rfc3339;
use pan123_token_ureq::ureq::middleware::MiddlewareNext;
use pan123_token_ureq::ureq::{Agent, Body, Error, SendBody};
use pan123_token_ureq::{Credentials, OffsetDateTime, TokenProvider, TokenProviderBuilder};

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const HOUR: Duration = Duration::from_secs(3600);
pub(crate) const DAY: Duration = Duration::from_secs(86_400);
/// How long the platform's tokens live.
pub(crate) const LIFE: Duration = Duration::from_secs(30 * 86_400);

/// 2025-02-21T07:48:37Z, a minute after the process began.
pub(crate) const START: Moment = Moment {
    wall: Duration::from_secs(1_740_124_117),
    monotonic: Duration::from_secs(60),
};

pub(crate) fn clock() -> ManualClock {
    ManualClock::new(START)
}

pub(crate) fn credentials() -> Credentials {
    Credentials::new("my-id", "SENTINEL-secret").unwrap()
}

/// An agent of ureq's own defaults: statuses are errors, redirects are followed.
pub(crate) fn default_agent() -> Agent {
    Agent::config_builder().proxy(None).build().into()
}

/// A platform behind an agent whose requests go nowhere. It grants a token for each request, `token-1` for the first,
/// unless it is set otherwise.
#[derive(Clone)]
pub(crate) struct Platform {
    clock: ManualClock,
    requests: Arc<AtomicU32>,
    answer: Arc<Mutex<Answer>>,
    released: Arc<(Mutex<bool>, Condvar)>,
}

/// What a request gets.
#[derive(Clone)]
pub(crate) enum Answer {
    Grant,
    /// The connection is refused.
    Dead,
    /// This envelope.
    Envelope(&'static str),
    /// The client panics.
    Panic,
}

impl Platform {
    /// Its clock is its own.
    pub(crate) fn new(clock: &ManualClock) -> Self {
        Self {
            clock: clock.clone(),
            requests: Arc::default(),
            answer: Arc::new(Mutex::new(Answer::Grant)),
            released: Arc::new((Mutex::new(true), Condvar::new())),
        }
    }

    pub(crate) fn answers_with(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }

    pub(crate) fn requests(&self) -> u32 {
        self.requests.load(Ordering::SeqCst)
    }

    /// From now on, requests wait until they are released.
    pub(crate) fn hold(&self) {
        *self.released.0.lock().unwrap() = false;
    }

    pub(crate) fn release(&self) {
        *self.released.0.lock().unwrap() = true;
        self.released.1.notify_all();
    }

    pub(crate) fn agent(&self) -> Agent {
        let platform = self.clone();
        let answer =
            move |request: Request<SendBody<'_>>, _: MiddlewareNext<'_>| platform.answer(&request);
        Agent::config_builder().middleware(answer).build().into()
    }

    /// A provider that goes by this clock and asks this platform.
    pub(crate) fn provider(&self, clock: &ManualClock) -> TokenProviderBuilder<Agent> {
        TokenProvider::builder(credentials())
            .agent(self.agent())
            .clock(clock.clone())
    }

    fn answer(&self, request: &Request<SendBody<'_>>) -> Result<Response<Body>, Error> {
        assert_eq!(request.uri().path(), "/api/v1/access_token");
        let number = self.requests.fetch_add(1, Ordering::SeqCst) + 1;
        let open = self.released.0.lock().unwrap();
        drop(self.released.1.wait_while(open, |open| !*open).unwrap());
        let answer = self.answer.lock().unwrap().clone();
        let now = self.clock.now().wall;
        let body = match answer {
            Answer::Dead => {
                let refused = std::io::ErrorKind::ConnectionRefused;
                return Err(Error::Io(refused.into()));
            }
            Answer::Panic => panic!("a client with a bug"),
            Answer::Envelope(envelope) => envelope.to_owned(),
            Answer::Grant => {
                let expiry = OffsetDateTime::UNIX_EPOCH + now + LIFE;
                let expiry = expiry.format(&Rfc3339).unwrap();
                format!(
                    r#"{{"code":0,"data":{{"accessToken":"token-{number}","expiredAt":"{expiry}"}}}}"#
                )
            }
        };
        Ok(Response::builder()
            .header(
                "date",
                httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + now),
            )
            .body(Body::builder().data(body))
            .unwrap())
    }
}
