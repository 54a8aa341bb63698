//! The events as `tracing` gets them. A program of its own, since a job has a thread of its own, and
//! only a subscriber of the whole program hears of it.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

mod common;

use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex};

use common::{Answer, Platform, SECOND, clock};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("pan123_token_cache")
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        write!(self.0, " {field}={value:?}").unwrap();
    }
}

#[test]
fn each_event_has_its_level_and_no_secret() {
    let log = Log::default();
    tracing::subscriber::set_global_default(log.clone()).unwrap();
    let clock = clock();
    let platform = Platform::new(&clock);
    let provider = platform.provider(&clock).build().unwrap();
    platform.answers_with(Answer::Dead);
    let error = provider.token().unwrap_err();
    platform.answers_with(Answer::Grant);
    clock.advance(error.next_attempt().unwrap());
    let token = provider.token_within(20 * SECOND).unwrap();
    provider.reject(&token);
    // The job delivers its event after it has handed the token out, and then what came meanwhile.
    while log.0.lock().unwrap().len() < 3 {
        std::thread::yield_now();
    }
    let mark = token.fingerprint();
    let lines = log.0.lock().unwrap().clone();
    let begin = [
        "WARN message=renewal failed; there is no token failure=no connection: connection refused"
            .to_owned(),
        format!("INFO message=token renewed fingerprint={mark} expires_at=2025-03-23"),
        format!("WARN message=token rejected fingerprint={mark} replaceable_in=60s"),
    ];
    assert_eq!(lines.len(), 3, "{lines:?}");
    for (line, begin) in lines.iter().zip(begin) {
        assert!(line.starts_with(&begin), "{line}");
        assert!(
            !line.contains("token-2") && !line.contains("SENTINEL"),
            "{line}"
        );
    }
}
