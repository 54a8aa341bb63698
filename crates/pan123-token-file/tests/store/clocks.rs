//! Terms and cooldowns, by clocks that jump.

use std::fs::{self, File};
use std::time::Duration;

use pan123_token_cache::testing::ManualClock;
use pan123_token_cache::{Clock as _, Lease, Owner, TokenStore as _};
use pan123_token_file::FileStore;

use crate::record::{SECOND, key};
use crate::scene::{Scene, clock};

const TERM: Duration = Duration::from_secs(45);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

/// Two stores on a folder, as two processes have them, each with a clock of its own. Each asks as an owner of its own.
struct Pair {
    holder: FileStore,
    holders_clock: ManualClock,
    waiter: FileStore,
    clock: ManualClock,
    scene: Scene,
}

impl Pair {
    fn new() -> Self {
        let scene = Scene::new();
        let (holders_clock, clock) = (clock(), clock());
        clock.set_wall(holders_clock.now().wall);
        Self {
            holder: FileStore::in_dir(scene.dir()).with_clock(holders_clock.clone()),
            holders_clock,
            waiter: FileStore::in_dir(scene.dir()).with_clock(clock.clone()),
            clock,
            scene,
        }
    }

    /// The first store has the lease.
    fn leased() -> Self {
        let pair = Self::new();
        let lease = pair.holder.lease(key(), Owner(1), TERM).unwrap();
        assert_eq!(lease, Lease::Granted(None));
        pair
    }

    /// The first store left a cooldown.
    fn cooling_down(cooldown: Duration) -> Self {
        let pair = Self::leased();
        pair.holder.release(key(), Owner(1), cooldown).unwrap();
        pair
    }

    /// The second store asks.
    fn asks(&self) -> Lease {
        self.waiter.lease(key(), Owner(2), TERM).unwrap()
    }

    /// A process that has just begun asks.
    fn newcomer_asks(&self) -> Lease {
        let store = FileStore::in_dir(self.waiter.dir()).with_clock(self.clock.clone());
        store.lease(key(), Owner(3), TERM).unwrap()
    }

    fn lock_is_free(&self) -> bool {
        let file = File::options().write(true).open(self.scene.file("lease"));
        file.unwrap().try_lock().is_ok()
    }

    fn set_wall_back(&self, by: Duration) {
        self.clock.set_wall(self.clock.now().wall.abs_diff(by));
    }
}

#[test]
fn a_lease_that_is_not_released_is_taken_over_after_its_term() {
    let pair = Pair::leased();
    assert_eq!(pair.asks(), Lease::Held(TERM, None));
    pair.clock.advance(40 * SECOND);
    assert_eq!(pair.asks(), Lease::Held(5 * SECOND, None));
    pair.clock.advance(5 * SECOND);
    assert_eq!(pair.asks(), Lease::Granted(None));
    assert_eq!(pair.newcomer_asks(), Lease::Held(TERM, None));
}

#[test]
fn a_lease_that_was_taken_over_ends_with_its_own_term_though_the_lock_is_free() {
    let pair = Pair::leased();
    pair.clock.advance(TERM);
    assert_eq!(pair.asks(), Lease::Granted(None));
    drop(pair.holder);
    let newcomer = FileStore::in_dir(pair.scene.dir()).with_clock(pair.clock.clone());
    let newcomer_asks = || newcomer.lease(key(), Owner(3), TERM).unwrap();
    assert_eq!(newcomer_asks(), Lease::Held(TERM, None));
    pair.clock.advance(40 * SECOND);
    assert_eq!(newcomer_asks(), Lease::Held(5 * SECOND, None));
    pair.clock.advance(5 * SECOND);
    assert_eq!(newcomer_asks(), Lease::Granted(None));
}

#[test]
fn a_lease_that_was_taken_over_is_free_once_it_is_released() {
    let pair = Pair::leased();
    pair.clock.advance(TERM);
    assert_eq!(pair.asks(), Lease::Granted(None));
    pair.waiter.release(key(), Owner(2), 3 * SECOND).unwrap();
    assert_eq!(pair.newcomer_asks(), Lease::CoolingDown(3 * SECOND, None));
    pair.clock.advance(3 * SECOND);
    // The lock is taken all the time.
    assert_eq!(pair.newcomer_asks(), Lease::Granted(None));
    pair.clock.advance(TERM);
    assert_eq!(pair.asks(), Lease::Granted(None));
    pair.waiter
        .release(key(), Owner(2), Duration::ZERO)
        .unwrap();
    assert_eq!(pair.newcomer_asks(), Lease::Granted(None));
}

#[test]
fn a_holder_that_was_late_ends_no_lease_of_another() {
    let pair = Pair::leased();
    pair.clock.advance(TERM);
    assert_eq!(pair.asks(), Lease::Granted(None));
    pair.holders_clock.advance(TERM);
    // It asks for another term as if nothing had happened.
    let again = pair.holder.lease(key(), Owner(1), TERM).unwrap();
    assert_eq!(again, Lease::Held(TERM, None));
    assert!(pair.lock_is_free());
    pair.holder.release(key(), Owner(1), HOUR).unwrap();
    assert_eq!(pair.newcomer_asks(), Lease::Held(TERM, None));

    let pair = Pair::leased();
    pair.clock.advance(TERM);
    assert_eq!(pair.asks(), Lease::Granted(None));
    pair.waiter.release(key(), Owner(2), TERM).unwrap();
    pair.holders_clock.advance(TERM);
    let again = pair.holder.lease(key(), Owner(1), TERM).unwrap();
    assert_eq!(again, Lease::CoolingDown(TERM, None));
    assert!(pair.lock_is_free());

    let pair = Pair::leased();
    pair.clock.advance(TERM);
    assert_eq!(pair.asks(), Lease::Granted(None));
    pair.holder.release(key(), Owner(1), HOUR).unwrap();
    assert_eq!(pair.newcomer_asks(), Lease::Held(TERM, None));
    pair.waiter
        .release(key(), Owner(2), Duration::ZERO)
        .unwrap();
    assert_eq!(pair.newcomer_asks(), Lease::Granted(None));
}

#[test]
fn without_a_lease_record_a_term_counts_from_when_the_lock_was_first_found_taken() {
    let pair = Pair::leased();
    fs::remove_file(pair.scene.file("gate")).unwrap();
    assert_eq!(pair.asks(), Lease::Held(TERM, None));
    pair.clock.advance(40 * SECOND);
    assert_eq!(pair.asks(), Lease::Held(5 * SECOND, None));
    // For one that comes later, too.
    assert_eq!(pair.newcomer_asks(), Lease::Held(5 * SECOND, None));
    pair.clock.advance(5 * SECOND);
    assert_eq!(pair.newcomer_asks(), Lease::Granted(None));
}

#[test]
fn the_holders_term_counts_and_not_the_askers() {
    let pair = Pair::new();
    pair.holder.lease(key(), Owner(1), 3 * SECOND).unwrap();
    assert_eq!(pair.asks(), Lease::Held(3 * SECOND, None));
}

#[test]
fn one_who_comes_late_waits_for_the_rest_of_the_term() {
    let pair = Pair::leased();
    pair.clock.advance(40 * SECOND);
    assert_eq!(pair.newcomer_asks(), Lease::Held(5 * SECOND, None));
}

#[test]
fn asking_again_begins_the_term_anew() {
    let pair = Pair::leased();
    assert_eq!(pair.asks(), Lease::Held(TERM, None));
    pair.clock.advance(40 * SECOND);
    pair.holders_clock.advance(40 * SECOND);
    let again = pair.holder.lease(key(), Owner(1), TERM).unwrap();
    assert_eq!(again, Lease::Granted(None));
    assert_eq!(pair.asks(), Lease::Held(TERM, None));
}

#[test]
fn after_a_wall_clock_was_set_back_no_process_waits_longer_than_a_term() {
    let pair = Pair::leased();
    pair.set_wall_back(DAY);
    assert_eq!(pair.asks(), Lease::Held(TERM, None));
    pair.clock.advance(40 * SECOND);
    assert_eq!(pair.asks(), Lease::Held(5 * SECOND, None));
    // Nor does one that has just begun.
    assert_eq!(pair.newcomer_asks(), Lease::Held(5 * SECOND, None));
    pair.clock.advance(5 * SECOND);
    assert_eq!(pair.newcomer_asks(), Lease::Granted(None));
}

#[test]
fn after_a_wall_clock_was_set_ahead_the_lease_is_taken_over() {
    let pair = Pair::leased();
    pair.clock.set_wall(pair.clock.now().wall + DAY);
    assert_eq!(pair.asks(), Lease::Granted(None));
}

#[test]
fn a_host_that_slept_has_no_lease_any_more() {
    let pair = Pair::leased();
    // The monotonic clock stood still meanwhile.
    pair.holders_clock
        .set_wall(pair.holders_clock.now().wall + TERM);
    let other = pair.holder.lease(key(), Owner(9), TERM).unwrap();
    assert_eq!(other, Lease::Granted(None));
    // The one that slept ends no other's.
    pair.holder.release(key(), Owner(1), HOUR).unwrap();
    assert_eq!(pair.asks(), Lease::Held(TERM, None));
}

#[test]
fn no_lease_is_waited_for_longer_than_an_hour() {
    let pair = Pair::new();
    pair.holder.lease(key(), Owner(1), DAY).unwrap();
    assert_eq!(pair.asks(), Lease::Held(HOUR, None));
    pair.holders_clock.advance(HOUR);
    let other = pair.holder.lease(key(), Owner(9), DAY).unwrap();
    assert_eq!(other, Lease::Granted(None));
    pair.clock.advance(2 * HOUR);
    assert_eq!(pair.asks(), Lease::Granted(None));
}

#[test]
fn a_cooldown_outlives_the_process_and_ends_in_time() {
    let pair = Pair::cooling_down(60 * SECOND);
    assert_eq!(pair.asks(), Lease::CoolingDown(60 * SECOND, None));
    pair.clock.advance(59 * SECOND);
    assert_eq!(pair.newcomer_asks(), Lease::CoolingDown(SECOND, None));
    pair.clock.advance(SECOND);
    assert_eq!(pair.newcomer_asks(), Lease::Granted(None));
}

#[test]
fn a_cooldown_lasts_an_hour_at_the_most() {
    let pair = Pair::cooling_down(Duration::MAX);
    assert_eq!(pair.asks(), Lease::CoolingDown(HOUR, None));
    pair.clock.advance(HOUR);
    assert_eq!(pair.asks(), Lease::Granted(None));
}

#[test]
fn a_clock_that_was_set_back_makes_no_cooldown_longer() {
    let pair = Pair::cooling_down(60 * SECOND);
    pair.set_wall_back(DAY);
    // Each time a process of its own asks: none of them remembers.
    assert_eq!(pair.newcomer_asks(), Lease::CoolingDown(60 * SECOND, None));
    pair.clock.advance(59 * SECOND);
    assert_eq!(pair.newcomer_asks(), Lease::CoolingDown(SECOND, None));
    pair.clock.advance(SECOND);
    assert_eq!(pair.newcomer_asks(), Lease::Granted(None));
}

#[test]
fn a_lease_that_is_released_without_a_cooldown_is_free() {
    let pair = Pair::cooling_down(Duration::ZERO);
    assert_eq!(pair.asks(), Lease::Granted(None));
}
