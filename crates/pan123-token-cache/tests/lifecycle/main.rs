//! The token's life under made-up clocks: each rule by itself, with figures written by hand.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::unchecked_time_subtraction,
    clippy::disallowed_types,
    reason = "a panic is how a test reports, and a store is shared between threads"
)]

mod backoff;
mod clocks;
mod events;
mod refresh;
mod rejection;
mod renewal;
mod sharing;
mod store_trouble;
mod tickets;
mod token_error;

use std::sync::Arc;
use std::time::Duration;

use pan123_token::{AccessToken, Credentials, FetchError, GetAccessToken, Grant, http};
use pan123_token_cache::testing::{ManualClock, MemoryStore};
use pan123_token_cache::{
    Action, Event, FetchTicket, Moment, Reason, Record, RenewalPolicy, StoreKey, StoreSession,
    TokenCache, TokenError, TokenStore,
};
use time::OffsetDateTime;
use time::format_description::well_known::{Rfc2822, Rfc3339};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

/// 2025-02-21T07:48:37Z by the wall, some time after the process began.
const START: Moment = Moment {
    wall: Duration::from_secs(1_740_124_117),
    monotonic: Duration::from_secs(1000),
};

fn operation() -> GetAccessToken {
    GetAccessToken::new(Credentials::new("my-id", "my-secret").unwrap())
}

fn parse(response: &http::Response<String>) -> Result<Grant, FetchError> {
    operation().parse_response(response).map_err(Into::into)
}

fn date(wall: Duration) -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH + wall
}

/// A token that the server issues at `issued` by its own clock, and that lives for `lifetime` from then on.
fn grant(secret: &str, issued: Duration, lifetime: Duration) -> Result<Grant, FetchError> {
    let date_header = date(issued)
        .format(&Rfc2822)
        .unwrap()
        .replace("+0000", "GMT");
    let expired_at = date(issued + lifetime).format(&Rfc3339).unwrap();
    let body =
        format!(r#"{{"code":0,"data":{{"accessToken":"{secret}","expiredAt":"{expired_at}"}}}}"#);
    parse(
        &http::Response::builder()
            .header("date", date_header)
            .body(body)
            .unwrap(),
    )
}

/// The same without a `Date`.
fn grant_without_date(secret: &str, expires: Duration) -> Result<Grant, FetchError> {
    let expired_at = date(expires).format(&Rfc3339).unwrap();
    let body =
        format!(r#"{{"code":0,"data":{{"accessToken":"{secret}","expiredAt":"{expired_at}"}}}}"#);
    parse(&http::Response::new(body))
}

fn reply(status: u16, body: &str) -> Result<Grant, FetchError> {
    parse(
        &http::Response::builder()
            .status(status)
            .body(body.to_owned())
            .unwrap(),
    )
}

fn refused() -> Result<Grant, FetchError> {
    reply(200, r#"{"code":1,"message":"no"}"#)
}

fn rate_limited() -> Result<Grant, FetchError> {
    reply(200, r#"{"code":429,"message":"no"}"#)
}

fn not_sent() -> Result<Grant, FetchError> {
    Err(FetchError::Connect("refused".into()))
}

fn maybe_issued() -> Result<Grant, FetchError> {
    Err(FetchError::Body("reset".into()))
}

/// A record of a token that was issued at `issued` and lives for `lifetime` from then on.
fn record(secret: &str, issued: Duration, lifetime: Duration) -> Record {
    let token = AccessToken::new(secret, date(issued + lifetime)).unwrap();
    let form = format!(
        r#"{{"version":1,"readableBy":1,"accessToken":"{secret}","fingerprint":"{}","expiresAt":"{}","issuedAt":"{}","lifetimeMs":{},"sentAtMs":{},"forced":0,"suspect":false}}"#,
        token.fingerprint(),
        token.expires_at().format(&Rfc3339).unwrap(),
        date(issued).format(&Rfc3339).unwrap(),
        lifetime.as_millis(),
        issued.as_millis(),
    );
    Record::decode(form.as_bytes()).unwrap()
}

/// One cache, its clock, and the store that it may share.
struct Host {
    cache: TokenCache,
    clock: ManualClock,
    store: Option<StoreSession>,
}

impl Host {
    fn alone() -> Self {
        Self::with(RenewalPolicy::default(), 1)
    }

    fn with(policy: RenewalPolicy, seed: u64) -> Self {
        Self {
            cache: TokenCache::new(policy, seed).unwrap(),
            clock: ManualClock::new(START),
            store: None,
        }
    }

    /// A host of a fleet: the clock is one for all.
    fn sharing(store: &Arc<dyn TokenStore>, clock: &ManualClock, seed: u64) -> Self {
        let key = StoreKey::of(&operation());
        Self {
            cache: TokenCache::new(RenewalPolicy::default(), seed)
                .unwrap()
                .sharing(),
            clock: clock.clone(),
            store: Some(StoreSession::new(Arc::clone(store), key)),
        }
    }

    fn now(&self) -> Moment {
        pan123_token_cache::Clock::now(&self.clock)
    }

    fn pass(&self, time: Duration) {
        self.clock.advance(time);
    }

    /// Polls, and carries out calls to the store, until there is something else to do.
    fn poll(&mut self) -> Action {
        for _ in 0..20 {
            match self.cache.poll(self.now()) {
                Action::Store(step) => {
                    let done = self.store.as_ref().expect("a store").run(step);
                    self.cache.stored(done, self.now());
                }
                action => return action,
            }
        }
        panic!("20 calls to the store in a row");
    }

    #[track_caller]
    fn ticket(&mut self) -> FetchTicket {
        match self.poll() {
            Action::Fetch(ticket) => ticket,
            other => panic!("no fetch: {other:?}"),
        }
    }

    /// The same, while the store is tried again and then given up.
    #[track_caller]
    fn ticket_without_the_store(&mut self) -> FetchTicket {
        for _ in 0..60 {
            match self.poll() {
                Action::Fetch(ticket) => return ticket,
                Action::Wait { until, reason } => {
                    assert_eq!(reason, Reason::StoreDown);
                    self.pass(until.monotonic - self.now().monotonic);
                }
                Action::Store(_) => unreachable!("carried out"),
            }
        }
        panic!("the store isn't given up");
    }

    /// The next fetch, however long that is waited for.
    #[track_caller]
    fn next_ticket(&mut self) -> FetchTicket {
        for _ in 0..100 {
            match self.poll() {
                Action::Fetch(ticket) => return ticket,
                Action::Wait { until, .. } => self.pass(until.monotonic - self.now().monotonic),
                Action::Store(_) => unreachable!("carried out"),
            }
        }
        panic!("no fetch in 100 waits");
    }

    /// How long the last poll says that there is no attempt, and why.
    #[track_caller]
    fn error(&mut self) -> TokenError {
        match self.poll() {
            Action::Wait { until, reason } => {
                let error = self.cache.token_error(until, reason, self.now());
                error.unwrap_or_else(|| panic!("a wait that is worth it: {reason:?}"))
            }
            other => panic!("no wait: {other:?}"),
        }
    }

    /// Fetches, and reports this.
    #[track_caller]
    fn fetch(&mut self, result: Result<Grant, FetchError>) {
        let ticket = self.ticket();
        self.cache.fetched(ticket, result, self.now());
    }

    /// How long there is nothing to do, and why.
    #[track_caller]
    fn wait(&mut self) -> (Duration, Reason) {
        match self.poll() {
            Action::Wait { until, reason } => (until.monotonic - self.now().monotonic, reason),
            other => panic!("no wait: {other:?}"),
        }
    }

    /// Fetches a token that lives for 30 days.
    #[track_caller]
    fn fetch_30_days(&mut self, secret: &str) {
        let issued = self.now().wall;
        self.fetch(grant(secret, issued, 30 * DAY));
    }

    fn served(&self) -> Option<String> {
        let snapshot = self.cache.snapshot();
        snapshot
            .token(self.now())
            .map(|token| token.secret().to_owned())
    }

    fn token(&self) -> AccessToken {
        self.cache.snapshot().token(self.now()).unwrap().clone()
    }

    fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.cache.next_event()).collect()
    }
}

fn memory_store(clock: &ManualClock) -> Arc<dyn TokenStore> {
    Arc::new(MemoryStore::new(clock.clone()))
}
