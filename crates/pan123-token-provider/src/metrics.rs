//! Figures for dashboards, handed to the `metrics` facade. The crate's documentation has the table of names, which are
//! frozen.
//!
//! Each handle is taken from the recorder once, so that setting it takes a few atomic operations and no memory.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, Unit, counter, gauge, histogram};
use metrics::{describe_counter, describe_gauge, describe_histogram};
use pan123_token_cache::{Event, StoreDone, Tier};

const LIFE_LEFT: &str = "pan123_token_life_left_seconds";
const ISSUED: &str = "pan123_token_issued_total";
const FORCED: &str = "pan123_token_forced_total";
const ADOPTED: &str = "pan123_token_adopted_total";
const REJECTED: &str = "pan123_token_rejected_total";
const FAILURES: &str = "pan123_token_failures_total";
const RENEWAL: &str = "pan123_token_renewal_seconds";
const STORE_UP: &str = "pan123_token_store_up";

/// Those of [`Failure::kind`](pan123_token_cache::Failure::kind).
const KINDS: [&str; 14] = [
    "rate_limited",
    "unavailable",
    "too_large",
    "malformed",
    "refused",
    "not_api",
    "connect",
    "tls",
    "timeout",
    "body",
    "issued_expired",
    "unchanged",
    "dropped",
    "not_sent",
];

pub(crate) struct Metrics {
    life_left: Gauge,
    /// The whole seconds that were last set: most callers of one second find them there, and write nothing.
    seconds_left: AtomicU64,
    issued: Counter,
    forced: Counter,
    adopted: Counter,
    rejected: Counter,
    failures: [(&'static str, Counter); KINDS.len()],
    renewal: Histogram,
    store_up: Option<Gauge>,
}

impl Metrics {
    /// Of the recorder that is installed now.
    pub(crate) fn new(client_id: &str, sharing: bool) -> Self {
        describe();
        let id = || client_id.to_owned();
        let store_up = sharing.then(|| gauge!(STORE_UP, "client_id" => id()));
        // Until a call fails, there is no trouble to be seen.
        if let Some(up) = &store_up {
            up.set(1);
        }
        Self {
            life_left: gauge!(LIFE_LEFT, "client_id" => id()),
            seconds_left: AtomicU64::new(0),
            issued: counter!(ISSUED, "client_id" => id()),
            forced: counter!(FORCED, "client_id" => id()),
            adopted: counter!(ADOPTED, "client_id" => id()),
            rejected: counter!(REJECTED, "client_id" => id()),
            failures: KINDS.map(|kind| {
                (
                    kind,
                    counter!(FAILURES, "client_id" => id(), "kind" => kind),
                )
            }),
            renewal: histogram!(RENEWAL, "client_id" => id()),
            store_up,
        }
    }

    /// A caller asked, or another token took its place.
    pub(crate) fn life_left(&self, left: impl FnOnce() -> Duration) {
        let seconds = left().as_secs();
        if self.seconds_left.load(Ordering::Relaxed) != seconds {
            self.seconds_left.store(seconds, Ordering::Relaxed);
            // Exact up to 285 million years.
            #[expect(clippy::cast_precision_loss, reason = "far fewer")]
            self.life_left.set(seconds as f64);
        }
    }

    pub(crate) fn event(&self, event: &Event) {
        match event {
            Event::Renewed { forced, .. } => {
                self.issued.increment(1);
                if *forced {
                    self.forced.increment(1);
                }
            }
            Event::Adopted { .. } => self.adopted.increment(1),
            Event::Rejected { .. } => self.rejected.increment(1),
            Event::RenewalFailed { failure, .. } => {
                let kind = failure.kind();
                let known = self.failures.iter().find(|(known, _)| *known == kind);
                if let Some((_, failures)) = known {
                    failures.increment(1);
                }
            }
            Event::StoreFailed { .. } => self.store_up(false),
            Event::StoreRecovered => self.store_up(true),
            _ => {}
        }
    }

    /// An exchange has ended, one way or the other.
    pub(crate) fn exchange_took(&self, time: Duration) {
        self.renewal.record(time);
    }

    /// A failure is an event.
    pub(crate) fn store_answered(&self, tier: Tier, done: &StoreDone) {
        if tier == Tier::Shared && done.is_ok() {
            self.store_up(true);
        }
    }

    fn store_up(&self, up: bool) {
        if let Some(gauge) = &self.store_up {
            gauge.set(u8::from(up));
        }
    }
}

fn describe() {
    let (count, seconds) = (Unit::Count, Unit::Seconds);
    describe_gauge!(LIFE_LEFT, seconds, "For how long the token can be used");
    describe_counter!(ISSUED, count, "Tokens that were fetched");
    describe_counter!(
        FORCED,
        count,
        "Tokens that were fetched in place of a rejected one"
    );
    describe_counter!(ADOPTED, count, "Tokens that were taken from the store");
    describe_counter!(REJECTED, count, "Tokens that an API call was refused with");
    describe_counter!(FAILURES, count, "Fetches that brought no token");
    describe_histogram!(
        RENEWAL,
        seconds,
        "How long an exchange with the platform took"
    );
    describe_gauge!(
        STORE_UP,
        count,
        "Whether the store does what it is asked for"
    );
}
