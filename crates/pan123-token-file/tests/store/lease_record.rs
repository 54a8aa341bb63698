//! What an operator sees of the lease.

use std::time::Duration;

use pan123_token_cache::{Lease, LeaseRecord, Owner, TokenStore as _};
use pan123_token_file::FileStore;

use crate::process::Process;
use crate::processes::{HOUR, asks};
use crate::record::{SECOND, key};
use crate::scene::{Scene, clock};
use crate::stopped::stop;

#[test]
fn to_look_makes_nothing() {
    let scene = Scene::new();
    assert_eq!(scene.store.lease_record(key()), Ok(None));
    assert_eq!(scene.endings(), [""; 0]);
    let absent = FileStore::in_dir(scene.dir().join("not/there"));
    assert_eq!(absent.lease_record(key()), Ok(None));
    assert!(!scene.dir().join("not").exists());
}

#[test]
fn a_lease_is_held_until_it_is_released_and_then_cools_down() {
    let scene = Scene::new();
    let clock = clock();
    let store = FileStore::in_dir(scene.dir()).with_clock(clock.clone());
    let operator = FileStore::in_dir(scene.dir()).with_clock(clock.clone());
    store.lease(key(), Owner(1), 45 * SECOND).unwrap();
    clock.advance(5 * SECOND);
    for looks in [&store, &operator, &operator] {
        let held = Some(LeaseRecord::Held(40 * SECOND));
        assert_eq!(looks.lease_record(key()), Ok(held));
    }
    store.release(key(), Owner(1), Duration::ZERO).unwrap();
    assert_eq!(operator.lease_record(key()), Ok(None));

    store.lease(key(), Owner(2), 45 * SECOND).unwrap();
    store.release(key(), Owner(2), 120 * SECOND).unwrap();
    clock.advance(SECOND);
    let cooling = Some(LeaseRecord::CoolingDown(119 * SECOND));
    assert_eq!(operator.lease_record(key()), Ok(cooling));
    clock.advance(119 * SECOND);
    assert_eq!(operator.lease_record(key()), Ok(None));
}

#[test]
fn a_process_that_died_holds_nothing_and_one_that_is_stopped_does_until_its_term_ends() {
    let scene = Scene::new();
    let clock = clock();
    let operator = FileStore::in_dir(scene.dir()).with_clock(clock.clone());
    Process::holder(scene.dir(), HOUR).kill();
    assert_eq!(operator.lease_record(key()), Ok(None));

    let holder = Process::holder(scene.dir(), HOUR);
    stop(&holder);
    let seen = operator.lease_record(key()).unwrap();
    assert!(
        matches!(seen, Some(LeaseRecord::Held(left)) if left > HOUR / 2 && left <= HOUR),
        "{seen:?}"
    );
    clock.advance(HOUR + SECOND);
    assert_eq!(operator.lease_record(key()), Ok(None));
    // Taken over: without the lock, the lease record alone says so.
    let heir = FileStore::in_dir(scene.dir()).with_clock(clock);
    assert_eq!(asks(&heir), Lease::Granted(None));
    let seen = operator.lease_record(key()).unwrap();
    assert!(matches!(seen, Some(LeaseRecord::Held(_))), "{seen:?}");
}
