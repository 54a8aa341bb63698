//! The clocks of the operating system, behind their feature.
#![cfg(feature = "system-clock")]
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::time::Duration;

use pan123_token_cache::{Clock, Moment, SystemClock};

#[test]
fn both_clocks_run() {
    let clock = SystemClock::new();
    let first = clock.now();
    // 2025-01-01, in seconds since 1970.
    assert!(first.wall > Duration::from_secs(1_735_689_600));
    while clock.now().monotonic == first.monotonic {}
    let later = clock.now();
    assert!(later.monotonic > first.monotonic && later.wall >= first.wall);
}

#[test]
fn an_alarm_goes_by_the_clock_that_comes_first() {
    let clock = SystemClock::new();
    let (now, hour) = (clock.now(), Duration::from_secs(3600));
    let later = now.after(hour);
    let moments = [
        (now, true),
        (later, false),
        (
            Moment {
                wall: now.wall,
                ..later
            },
            true,
        ),
        (
            Moment {
                monotonic: now.monotonic,
                ..later
            },
            true,
        ),
    ];
    for (moment, has_come) in moments {
        assert_eq!(clock.alarm(moment).unwrap()(), has_come, "{moment:?}");
    }
}

#[test]
fn there_is_no_alarm_at_a_moment_that_the_clocks_cannot_show() {
    let never = Moment::default().after(Duration::MAX);
    assert!(SystemClock::new().alarm(never).is_none());
}
