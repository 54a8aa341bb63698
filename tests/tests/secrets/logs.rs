//! Collects what this process logs, at every level, through `tracing` and through `log`.

use std::fmt::{Debug, Write as _};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use log::{LevelFilter, Log, Metadata, Record};
use tracing::Subscriber;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};

static LINES: Mutex<Vec<Line>> = Mutex::new(Vec::new());

/// What was logged with one call.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) target: String,
    pub(crate) level: String,
    pub(crate) text: String,
}

/// Collects everything from now on.
pub(crate) fn collect() {
    static BEGIN: Once = Once::new();
    BEGIN.call_once(|| {
        tracing::subscriber::set_global_default(Collector).unwrap();
        log::set_logger(&Collector).unwrap();
        log::set_max_level(LevelFilter::Trace);
    });
}

/// What was logged so far.
pub(crate) fn lines() -> Vec<Line> {
    lock().clone()
}

fn lock() -> MutexGuard<'static, Vec<Line>> {
    LINES.lock().unwrap_or_else(PoisonError::into_inner)
}

fn add(target: &str, level: &str, text: String) {
    let (target, level) = (target.to_owned(), level.to_owned());
    lock().push(Line {
        target,
        level,
        text,
    });
}

struct Collector;

impl Log for Collector {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        add(
            record.target(),
            record.level().as_str(),
            record.args().to_string(),
        );
    }

    fn flush(&self) {}
}

/// A line of fields.
#[derive(Default)]
struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, "{field}={value:?} ").unwrap();
    }
}

impl Subscriber for Collector {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut fields = Fields::default();
        span.record(&mut fields);
        add(
            span.metadata().target(),
            span.metadata().level().as_str(),
            fields.0,
        );
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &tracing::span::Record<'_>) {
        let mut fields = Fields::default();
        values.record(&mut fields);
        add("a span", "", fields.0);
    }

    fn event(&self, event: &tracing::Event<'_>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        add(
            event.metadata().target(),
            event.metadata().level().as_str(),
            fields.0,
        );
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}
