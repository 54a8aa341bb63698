//! Handing out a current token allocates nothing, though a recorder gets figures of it. A program of its own, since the
//! allocator is the whole program's.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a panic is how a test reports"
)]

#[path = "provider/recorder.rs"]
#[expect(dead_code, reason = "shared with tests that look at more")]
mod recorder;

use std::hint::black_box;
use std::task::Waker;
use std::time::Duration;

use pan123_token::{Credentials, http};
use pan123_token_cache::Moment;
use pan123_token_cache::testing::ManualClock;
use pan123_token_provider::{Settings, Turn, Wanted, Work};

use recorder::Figures;

#[test]
fn a_current_token_costs_no_allocation_with_a_recorder() {
    let figures = Figures::default();
    metrics::set_global_recorder(figures.clone()).unwrap();
    let clock = ManualClock::new(Moment {
        wall: Duration::from_secs(1_740_124_117),
        monotonic: Duration::ZERO,
    });
    let credentials = Credentials::new("my-id", "my-secret").unwrap();
    let settings = Settings::new(credentials, clock.clone());
    let provider = settings.build().unwrap();
    let mut caller = provider.caller(Wanted::Usable, Duration::from_secs(1));
    let Turn::Start(mut job, _) = caller.turn(Duration::ZERO, Waker::noop()) else {
        panic!("there is no token");
    };
    while let Some(work) = job.next() {
        let Work::Exchange(exchange) = work else {
            panic!("there is no store");
        };
        exchange.run_blocking(|operation, _| {
            let body = r#"{"code":0,"data":{"accessToken":"a.b.c","expiredAt":"2025-03-23T15:48:37+08:00"}}"#;
            Ok(operation.parse_response(&http::Response::new(body))?)
        });
    }
    // The first read on a thread registers it.
    provider.fresh().unwrap();
    let info = allocation_counter::measure(|| {
        for _ in 0..1_000 {
            clock.advance(Duration::from_millis(250));
            black_box(provider.fresh().unwrap());
        }
    });
    assert_eq!(info.count_total, 0);
    // 30 days, less the last 60 s and the 250 s that have passed.
    let left = 30.0 * 86_400.0 - 60.0 - 250.0;
    assert_eq!(figures.all().get("life_left_seconds"), Some(&left));
}
