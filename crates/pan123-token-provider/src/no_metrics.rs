//! Without the feature `metrics`: figures go nowhere.

use std::time::Duration;

use pan123_token_cache::{Event, StoreDone, Tier};

pub(crate) struct Metrics;

#[expect(clippy::unused_self, reason = "as with the feature")]
impl Metrics {
    pub(crate) fn new(_client_id: &str, _sharing: bool) -> Self {
        Self
    }

    pub(crate) fn life_left(&self, _: impl FnOnce() -> Duration) {}

    pub(crate) fn event(&self, _: &Event) {}

    pub(crate) fn exchange_took(&self, _: Duration) {}

    pub(crate) fn store_answered(&self, _: Tier, _: &StoreDone) {}
}
