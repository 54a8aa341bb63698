//! The feature `tracing`: the same events, with their figures as fields.

use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::platform::{DAY, Mood, SECOND, set_up};

/// Writes each event of the provider into a line.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<(Level, String)>>>);

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, "{}={value:?} ", field.name()).unwrap();
    }
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("pan123_token_cache")
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        let level = *event.metadata().level();
        self.0.lock().unwrap().push((level, line.0));
    }
}

#[tokio::test(start_paused = true)]
async fn events_come_with_their_figures_and_without_a_secret() {
    let lines = Lines::default();
    let _subscribed = tracing::subscriber::set_default(lines.clone());
    let (provider, platform, clock) = set_up();
    platform.set_mood(Mood::Refusing);
    provider.token().await.unwrap_err();
    clock.advance(30 * SECOND);
    platform.set_mood(Mood::Well);
    let token = provider.token().await.unwrap();
    clock.advance(DAY);
    provider.reject(&token);

    let fingerprint = token.fingerprint();
    let lines = lines.0.lock().unwrap();
    let expected = [
        (Level::WARN, ["renewal failed; there is no token", "code 7"]),
        (Level::INFO, ["token renewed", "forced=false"]),
        (Level::WARN, ["token rejected", "replaceable_in=0ns"]),
    ];
    assert_eq!(lines.len(), expected.len(), "{lines:?}");
    for ((level, line), (expected_level, parts)) in lines.iter().zip(expected) {
        assert_eq!(*level, expected_level, "{line}");
        assert!(parts.iter().all(|part| line.contains(part)), "{line}");
        assert!(
            !line.contains("SENTINEL") && !line.contains("token-1"),
            "{line}"
        );
    }
    for (_, line) in &lines[1..] {
        assert!(
            line.contains(&format!("fingerprint={fingerprint}")),
            "{line}"
        );
    }
}
