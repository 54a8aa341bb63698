//! Terms and cool-downs, by clocks that jump.

use std::fs;
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

    /// The first store left the gate cool.
    fn cooled(cool: Duration) -> Self {
        let pair = Self::leased();
        pair.holder.release(key(), Owner(1), cool).unwrap();
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

    fn set_wall_back(&self, by: Duration) {
        self.clock.set_wall(self.clock.now().wall.abs_diff(by));
    }
}

#[test]
fn what_is_left_of_a_term_shrinks() {
    let pair = Pair::leased();
    assert_eq!(pair.asks(), Lease::Held(TERM, None));
    pair.clock.advance(40 * SECOND);
    assert_eq!(pair.asks(), Lease::Held(5 * SECOND, None));
    pair.clock.advance(5 * SECOND);
    assert_eq!(pair.asks(), Lease::Stuck(None));
}

#[test]
fn without_a_gate_a_term_counts_from_when_the_lock_was_first_found_taken() {
    let pair = Pair::leased();
    fs::remove_file(pair.scene.file("gate")).unwrap();
    assert_eq!(pair.asks(), Lease::Held(TERM, None));
    pair.clock.advance(40 * SECOND);
    assert_eq!(pair.asks(), Lease::Held(5 * SECOND, None));
    // Not so for one that comes later, which can't know.
    assert_eq!(pair.newcomer_asks(), Lease::Held(TERM, None));
    pair.clock.advance(5 * SECOND);
    assert_eq!(pair.asks(), Lease::Stuck(None));
}

#[test]
fn a_cool_down_that_is_over_says_nothing_of_who_has_the_lock_now() {
    let pair = Pair::leased();
    fs::write(pair.scene.file("gate"), "cool 0 1000000000\n").unwrap();
    assert_eq!(pair.asks(), Lease::Held(TERM, None));
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
fn after_a_wall_clock_was_set_back_nobody_waits_longer_than_a_term() {
    let pair = Pair::leased();
    pair.set_wall_back(DAY);
    assert_eq!(pair.asks(), Lease::Held(TERM, None));
    pair.clock.advance(40 * SECOND);
    assert_eq!(pair.asks(), Lease::Held(5 * SECOND, None));
    pair.clock.advance(5 * SECOND);
    assert_eq!(pair.asks(), Lease::Stuck(None));
}

#[test]
fn after_a_wall_clock_was_set_ahead_the_asker_goes_on_alone() {
    let pair = Pair::leased();
    pair.clock.set_wall(pair.clock.now().wall + DAY);
    assert_eq!(pair.asks(), Lease::Stuck(None));
}

#[test]
fn a_host_that_slept_has_no_lease_any_more() {
    let pair = Pair::leased();
    // The monotonic clock stood still meanwhile.
    pair.holders_clock
        .set_wall(pair.holders_clock.now().wall + TERM);
    let other = pair.holder.lease(key(), Owner(9), TERM).unwrap();
    assert_eq!(other, Lease::Granted(None));
    // The one that slept ends nobody else's.
    pair.holder.release(key(), Owner(1), HOUR).unwrap();
    assert_eq!(pair.asks(), Lease::Held(TERM, None));
}

#[test]
fn no_lease_is_waited_for_longer_than_an_hour() {
    let pair = Pair::new();
    pair.holder.lease(key(), Owner(1), DAY).unwrap();
    assert_eq!(pair.asks(), Lease::Held(HOUR, None));
    pair.clock.advance(HOUR);
    assert_eq!(pair.asks(), Lease::Stuck(None));
    pair.holders_clock.advance(HOUR);
    let other = pair.holder.lease(key(), Owner(9), TERM).unwrap();
    assert_eq!(other, Lease::Granted(None));
}

#[test]
fn a_cool_gate_outlives_the_process_and_opens_in_time() {
    let pair = Pair::cooled(60 * SECOND);
    assert_eq!(pair.asks(), Lease::CoolingDown(60 * SECOND, None));
    pair.clock.advance(59 * SECOND);
    assert_eq!(pair.newcomer_asks(), Lease::CoolingDown(SECOND, None));
    pair.clock.advance(SECOND);
    assert_eq!(pair.newcomer_asks(), Lease::Granted(None));
}

#[test]
fn a_gate_stays_cool_for_an_hour_at_the_most() {
    let pair = Pair::cooled(Duration::MAX);
    assert_eq!(pair.asks(), Lease::CoolingDown(HOUR, None));
    pair.clock.advance(HOUR);
    assert_eq!(pair.asks(), Lease::Granted(None));
}

#[test]
fn a_clock_that_was_set_back_shuts_the_gate_for_no_longer_than_the_cool_down() {
    let pair = Pair::cooled(60 * SECOND);
    pair.set_wall_back(DAY);
    // Each time by a process of its own: none of them remembers.
    assert_eq!(pair.newcomer_asks(), Lease::CoolingDown(60 * SECOND, None));
    pair.clock.advance(59 * SECOND);
    assert_eq!(pair.newcomer_asks(), Lease::CoolingDown(SECOND, None));
    pair.clock.advance(SECOND);
    assert_eq!(pair.newcomer_asks(), Lease::Granted(None));
}

#[test]
fn a_lease_that_is_given_back_without_a_cool_down_leaves_the_gate_open() {
    let pair = Pair::cooled(Duration::ZERO);
    assert_eq!(pair.asks(), Lease::Granted(None));
}
