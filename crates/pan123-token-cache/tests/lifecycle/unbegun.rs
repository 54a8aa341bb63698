//! Actions that are taken back, since they were not begun.

use super::*;

#[test]
fn a_fetch_that_was_not_begun_is_drawn_again_and_counts_as_no_failure() {
    let mut host = Host::alone();
    let action = host.poll();
    assert!(matches!(action, Action::Fetch(_)));
    host.cache.unbegun(action);
    assert!(host.cache.snapshot().wants_poll(host.now()));
    assert_eq!(host.cache.last_failure(), None);
    host.fetch_30_days("a");
    assert_eq!(host.served().as_deref(), Some("a"));
}

#[test]
fn a_fetch_that_was_not_begun_leaves_its_lease_to_the_next() {
    let (mut hosts, ..) = fleet(2);
    let action = hosts[0].poll();
    hosts[0].cache.unbegun(action);
    assert_eq!(hosts[1].wait().1, Reason::Leased);
    // No second lease is asked for.
    let now = hosts[0].now();
    assert!(matches!(hosts[0].cache.poll(now), Action::Fetch(_)));
}

#[test]
fn leases_that_come_too_late_for_fetches_that_were_not_begun_are_counted() {
    let clock = ManualClock::new(START);
    let (mut host, _) = Host::on_faulty_store(&clock);
    // A driver that draws the fetch, gives it back, and is kept from it until the lease is no use any more.
    for _ in 0..2 {
        let action = host.poll();
        assert!(matches!(action, Action::Fetch(_)));
        host.cache.unbegun(action);
        host.pass(MINUTE);
    }
    // The second consecutive lease that was no use: this host does without the store.
    let _ = host.ticket();
    let told = host.events();
    assert!(
        told.iter()
            .any(|event| event.to_string().contains("came too late")),
        "{told:?}"
    );
}

#[test]
fn each_store_step_that_was_not_begun_is_drawn_again() {
    let clock = ManualClock::new(START);
    let (mut host, _) = Host::on_faulty_store(&clock);
    for name in ["load", "lease"] {
        let step = host.step();
        assert_eq!(step.name(), name);
        host.cache.unbegun(Action::Store(step));
        let step = host.step();
        assert_eq!(step.name(), name);
        host.run(step);
    }
    host.fetch_30_days("a");
    for name in ["save", "release"] {
        let step = host.step();
        assert_eq!(step.name(), name);
        host.cache.unbegun(Action::Store(step));
        let step = host.step();
        assert_eq!(step.name(), name);
        host.run(step);
    }
    assert_eq!(host.wait().1, Reason::Fresh);
    assert!(!matches!(
        host.events()[..],
        [Event::StoreFailed { .. }, ..]
    ));
}

#[test]
fn a_release_to_a_store_that_is_full_is_not_lost_with_it() {
    let clock = ManualClock::new(START);
    let (mut host, store) = Host::on_faulty_store(&clock);
    store.fail(&["save"]);
    host.fetch_30_days("a");
    let release = loop {
        match host.cache.poll(host.now()) {
            Action::Store(step) if step.name() == "release" => break step,
            Action::Store(step) => host.run(step),
            Action::Wait { .. } => clock.advance(SECOND / 2),
            Action::Fetch(_) => panic!("a fetch"),
        }
    };
    host.cache.unbegun(Action::Store(release));
    store.called();
    let _ = host.poll();
    assert_eq!(store.called(), ["release"]);
}

#[test]
fn a_wait_is_nothing_to_take_back() {
    let mut host = Host::alone();
    host.fetch_30_days("a");
    let wait = host.poll();
    host.cache.unbegun(wait);
    assert!(!host.cache.snapshot().wants_poll(host.now()));
}

#[test]
fn an_action_of_the_past_takes_nothing_of_the_present_back() {
    let mut host = Host::alone();
    let past = host.poll();
    host.pass(30 * SECOND);
    assert_eq!(host.pass_wait(), Reason::Backoff);
    let _present = host.ticket();
    host.cache.unbegun(past);
    assert_eq!(host.wait().1, Reason::Fetching);
}
