//! Store steps that are dropped, late, or answered in any way.

use super::*;

#[test]
fn a_step_that_is_dropped_counts_as_a_store_that_failed() {
    let clock = ManualClock::new(START);
    let (mut host, _) = Host::on_faulty_store(&clock);
    let Action::Store(step) = host.cache.poll(host.now()) else {
        panic!()
    };
    assert_eq!(step.name(), "load");
    drop(step);
    let Action::Wait { until, reason } = host.cache.poll(host.now()) else {
        panic!()
    };
    assert_eq!(reason, Reason::Storing);
    assert_eq!(until.monotonic, START.monotonic + 3 * SECOND);
    clock.advance(3 * SECOND);
    assert!(matches!(
        host.cache.poll(host.now()),
        Action::Wait {
            reason: Reason::StoreDown,
            ..
        }
    ));
    assert!(matches!(
        host.events()[..],
        [Event::StoreFailed { call: "load", .. }]
    ));
}

#[test]
fn an_answer_that_comes_too_late_is_passed_over() {
    let clock = ManualClock::new(START);
    let (mut host, _) = Host::on_faulty_store(&clock);
    let session = host.store.clone().unwrap();
    let Action::Store(step) = host.cache.poll(host.now()) else {
        panic!()
    };
    clock.advance(3 * SECOND);
    host.cache.stored(session.run(step), host.now());
    assert!(matches!(
        host.events()[..],
        [Event::StoreFailed { call: "load", .. }]
    ));
}
