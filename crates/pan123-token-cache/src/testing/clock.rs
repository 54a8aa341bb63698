//! A clock that is moved by hand.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use crate::moment::{Clock, Moment};

/// A clock that stands still until it is moved. Clones are the same clock.
///
/// ```
/// use std::time::Duration;
///
/// use pan123_token_cache::testing::ManualClock;
/// use pan123_token_cache::{Clock, Moment};
///
/// let clock = ManualClock::new(Moment::default());
/// clock.advance(Duration::from_secs(60));
/// clock.set_wall(Duration::from_secs(1_740_124_117));
/// assert_eq!(clock.now().monotonic, Duration::from_secs(60));
/// assert_eq!(clock.now().wall, Duration::from_secs(1_740_124_117));
/// ```
#[derive(Clone, Debug, Default)]
pub struct ManualClock(Arc<Mutex<Moment>>);

impl ManualClock {
    /// Starts at this moment.
    pub fn new(start: Moment) -> Self {
        Self(Arc::new(Mutex::new(start)))
    }

    /// Lets time pass by both clocks.
    pub fn advance(&self, by: Duration) {
        let mut now = self.lock();
        *now = now.after(by);
    }

    /// Sets the wall clock alone.
    pub fn set_wall(&self, wall: Duration) {
        self.lock().wall = wall;
    }

    fn lock(&self) -> MutexGuard<'_, Moment> {
        self.0.lock().expect("no test panicked in here")
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Moment {
        *self.lock()
    }
}
