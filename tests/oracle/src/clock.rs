//! A host's two clocks, each wrong in its own way.

use std::time::Duration;

use pan123_token_cache::Moment;

/// True time since the simulation's start, which no host knows.
pub(crate) type At = Duration;

/// The true date at the start: 2026-01-01T00:00:00Z.
pub(crate) const START: Duration = Duration::from_secs(1_767_225_600);

#[derive(Clone, Debug)]
pub(crate) struct HostClock {
    /// When the two readings below were taken.
    at: At,
    wall: Duration,
    monotonic: Duration,
    /// Parts per million that each clock is too fast.
    wall_drift: i32,
    monotonic_drift: i32,
    /// The monotonic clock stands still: the host sleeps.
    frozen: bool,
}

impl HostClock {
    /// `offset` is by how many seconds the wall clock is ahead.
    pub(crate) fn new(
        offset: i64,
        wall_drift: i32,
        monotonic_drift: i32,
        uptime: Duration,
    ) -> Self {
        Self {
            at: Duration::ZERO,
            wall: moved(START, offset),
            monotonic: uptime,
            wall_drift,
            monotonic_drift,
            frozen: false,
        }
    }

    pub(crate) fn at(&self, now: At) -> Moment {
        let elapsed = now.saturating_sub(self.at);
        let monotonic = if self.frozen {
            Duration::ZERO
        } else {
            scaled(elapsed, self.monotonic_drift)
        };
        Moment {
            wall: self.wall + scaled(elapsed, self.wall_drift),
            monotonic: self.monotonic + monotonic,
        }
    }

    fn read(&mut self, now: At) {
        let Moment { wall, monotonic } = self.at(now);
        (self.at, self.wall, self.monotonic) = (now, wall, monotonic);
    }

    pub(crate) fn jump(&mut self, now: At, seconds: i64) {
        self.read(now);
        self.wall = moved(self.wall, seconds);
    }

    pub(crate) fn freeze(&mut self, now: At, frozen: bool) {
        self.read(now);
        self.frozen = frozen;
    }

    /// When the first of the two clocks reaches `until`, as far as can be told now; `None` where that is never.
    pub(crate) fn when(&self, now: At, until: Moment) -> Option<At> {
        const NEVER: Duration = Duration::from_secs(1 << 40);
        let here = self.at(now);
        let wall = unscaled(until.wall.saturating_sub(here.wall), self.wall_drift);
        let monotonic = unscaled(
            until.monotonic.saturating_sub(here.monotonic),
            self.monotonic_drift,
        );
        let wait = wall.min(monotonic);
        (wait < NEVER).then(|| now + wait)
    }
}

fn moved(wall: Duration, seconds: i64) -> Duration {
    let step = Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 {
        wall.saturating_sub(step)
    } else {
        wall + step
    }
}

fn scaled(elapsed: Duration, drift: i32) -> Duration {
    if drift == 0 {
        return elapsed;
    }
    let change = elapsed / 1_000_000 * drift.unsigned_abs();
    if drift < 0 {
        elapsed.saturating_sub(change)
    } else {
        elapsed + change
    }
}

/// So long takes a clock with this drift for what it calls `wait`; rounded up, so that it is really there then.
fn unscaled(wait: Duration, drift: i32) -> Duration {
    let slower = if drift < 0 {
        2 * drift.unsigned_abs()
    } else {
        0
    };
    if drift == 0 || wait > Duration::from_secs(1 << 40) {
        return wait;
    }
    wait + wait / 1_000_000 * slower + Duration::from_micros(1)
}
