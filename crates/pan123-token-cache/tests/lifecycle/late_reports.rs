//! Tickets that are reported late, twice, or never.

use super::*;

#[test]
fn a_dropped_ticket_frees_the_machine_at_its_deadline() {
    let mut host = Host::alone();
    drop(host.ticket());
    assert_eq!(host.wait(), (30 * SECOND, Reason::Fetching));
    host.pass(30 * SECOND - Duration::from_millis(1));
    assert_eq!(host.wait().1, Reason::Fetching);
    host.pass(Duration::from_millis(1));
    assert_eq!(host.wait().1, Reason::Backoff);
    assert_eq!(host.cache.last_failure(), Some(&Failure::Dropped));
}

#[test]
fn a_token_that_comes_on_an_expired_ticket_is_taken() {
    let mut host = Host::alone();
    let late = host.ticket();
    host.pass(40 * SECOND);
    assert_eq!(host.wait_reason(), Reason::Backoff);
    host.cache
        .fetched(late, grant("late", START.wall, 30 * DAY), host.now());
    assert_eq!(host.served().as_deref(), Some("late"));
    assert_eq!(host.cache.last_failure(), None);
    // Its life is counted from when it was asked for.
    host.pass(30 * DAY - 40 * SECOND - MINUTE - SECOND);
    assert!(host.served().is_some());
    host.pass(SECOND);
    assert!(host.served().is_none());
}

impl Host {
    /// A ticket whose deadline has passed, and the backoff after it, too.
    fn overdue_ticket(&mut self) -> FetchTicket {
        let overdue = self.ticket();
        self.pass(31 * SECOND);
        let (wait, _) = self.wait();
        self.pass(wait);
        overdue
    }

    fn wait_reason(&mut self) -> Reason {
        self.wait().1
    }
}

#[test]
fn a_late_token_takes_no_newer_ones_place() {
    let mut host = Host::alone();
    let late = host.overdue_ticket();
    host.fetch_30_days("newer");
    host.cache
        .fetched(late, grant("late", START.wall, 30 * DAY), host.now());
    assert_eq!(host.served().as_deref(), Some("newer"));
}

#[test]
fn a_failure_on_an_expired_ticket_is_passed_over() {
    let mut host = Host::alone();
    let late = host.overdue_ticket();
    host.fetch_30_days("a");
    host.events();
    host.cache.fetched(late, refused(), host.now());
    assert_eq!(host.events(), []);
    assert_eq!(host.cache.last_failure(), None);
}

#[test]
fn a_report_in_the_moment_of_the_deadline_is_late() {
    let mut host = Host::alone();
    let ticket = host.ticket();
    host.pass(30 * SECOND);
    host.cache.fetched(ticket, refused(), host.now());
    assert_eq!(host.cache.last_failure(), Some(&Failure::Dropped));
}

#[test]
fn equal_seeds_and_inputs_lead_to_equal_actions() {
    let run = |seed| {
        let mut host = Host::with(RenewalPolicy::default(), seed);
        let mut log = Vec::new();
        for _ in 0..20 {
            host.fetch(not_sent());
            let (wait, reason) = host.wait();
            log.push((wait, reason));
            host.pass(wait);
        }
        log
    };
    assert_eq!(run(5), run(5));
    assert_ne!(run(5), run(6));
}

#[test]
fn a_late_token_that_is_newer_is_taken() {
    let mut host = Host::alone();
    let late = host.overdue_ticket();
    host.fetch(grant("held", START.wall, 30 * DAY));
    let issued = START.wall + SECOND;
    host.cache
        .fetched(late, grant("newer", issued, 30 * DAY), host.now());
    assert_eq!(host.served().as_deref(), Some("newer"));
}

#[test]
fn a_late_token_is_taken_where_the_held_one_has_expired() {
    let mut host = Host::alone();
    let late = host.overdue_ticket();
    host.fetch(grant("held", START.wall + HOUR, 100 * SECOND));
    host.pass(100 * SECOND);
    assert_eq!(host.served(), None);
    host.cache
        .fetched(late, grant("late", START.wall, 30 * DAY), host.now());
    assert_eq!(host.served().as_deref(), Some("late"));
}

#[test]
fn a_late_token_that_has_expired_is_no_failure() {
    let mut host = Host::alone();
    let late = host.overdue_ticket();
    host.fetch_30_days("a");
    host.events();
    host.cache
        .fetched(late, grant("expired", START.wall, SECOND), host.now());
    assert_eq!(host.cache.last_failure(), None);
    assert_eq!(host.events(), []);
    assert_eq!(host.served().as_deref(), Some("a"));
}

#[test]
fn a_token_in_time_is_taken_even_if_the_servers_clock_went_back() {
    let mut host = Host::alone();
    host.fetch(grant("a", START.wall, HOUR));
    host.pass(55 * MINUTE);
    // An earlier `Date`, and an expiry that is nearer than that of the one held.
    host.fetch(grant("b", START.wall - DAY, HOUR));
    assert_eq!(host.served().as_deref(), Some("b"));
    assert_eq!(host.cache.last_failure(), None);
}

#[test]
fn a_report_on_an_old_ticket_is_not_taken_for_one_on_the_new() {
    let mut host = Host::alone();
    let old = host.overdue_ticket();
    let new = host.ticket();
    host.cache.fetched(old, refused(), host.now());
    assert_eq!(host.wait().1, Reason::Fetching);
    host.cache.fetched(new, not_sent(), host.now());
    assert_eq!(host.wait().1, Reason::Backoff);
}

#[test]
fn a_report_with_an_earlier_monotonic_time_counts_as_now() {
    let mut host = Host::alone();
    let ticket = host.ticket();
    let earlier = Moment {
        monotonic: Duration::ZERO,
        ..host.now()
    };
    host.cache.fetched(ticket, refused(), earlier);
    assert_eq!(host.wait().1, Reason::Backoff);
    assert!(host.wait().0 >= 30 * SECOND);
}

#[test]
fn a_superseded_fetch_counts_as_dropped_and_its_token_is_still_taken() {
    let mut host = Host::alone();
    assert!(!host.cache.supersede(host.now()));
    let late = host.ticket();
    assert!(host.cache.supersede(host.now()));
    assert!(!host.cache.supersede(host.now()));
    assert_eq!(host.cache.last_failure(), Some(&Failure::Dropped));
    assert_eq!(host.wait(), (SECOND, Reason::Backoff));
    host.cache
        .fetched(late, grant("late", START.wall, 30 * DAY), host.now());
    assert_eq!(host.served().as_deref(), Some("late"));
    assert_eq!(host.cache.last_failure(), None);
    assert_eq!(host.wait().1, Reason::Fresh);
}

#[test]
fn a_superseded_fetch_that_comes_late_leaves_the_next_one_under_way() {
    let mut host = Host::alone();
    let late = host.ticket();
    assert!(host.cache.supersede(host.now()));
    host.pass_wait();
    let next = host.ticket();
    host.cache
        .fetched(late, grant("late", START.wall, 30 * DAY), host.now());
    assert_eq!(host.served().as_deref(), Some("late"));
    assert_eq!(host.wait().1, Reason::Fetching);
    // The newer one is taken as well.
    let issued = host.now().wall;
    host.cache
        .fetched(next, grant("next", issued, 30 * DAY), host.now());
    assert_eq!(host.served().as_deref(), Some("next"));
}

#[test]
fn a_first_dropped_fetch_is_followed_by_another_after_the_spacing_and_a_second_backs_off() {
    let mut longest = Duration::ZERO;
    for seed in 0..100 {
        let mut host = Host::with(RenewalPolicy::default(), seed);
        let _dropped = host.ticket();
        assert!(host.cache.supersede(host.now()));
        assert_eq!(host.wait(), (SECOND, Reason::Backoff));
        host.pass(SECOND);
        let _dropped = host.ticket();
        assert!(host.cache.supersede(host.now()));
        longest = longest.max(host.wait().0);
    }
    assert!(
        longest > SECOND + SECOND / 2 && longest <= 2 * SECOND,
        "{longest:?}"
    );
}

#[test]
fn on_a_store_too_a_first_dropped_fetch_is_followed_by_another_after_the_spacing() {
    let (mut hosts, clock, _) = fleet(1);
    let _dropped = hosts[0].ticket();
    let now = hosts[0].now();
    assert!(hosts[0].cache.supersede(now));
    assert_eq!(hosts[0].wait(), (SECOND, Reason::Backoff));
    clock.advance(SECOND);
    let _dropped = hosts[0].ticket();
    // A second one may be its own fault: others go first.
    let now = hosts[0].now();
    assert!(hosts[0].cache.supersede(now));
    assert_eq!(hosts[0].pass_wait(), Reason::Backoff);
    assert_eq!(hosts[0].wait(), (3 * SECOND, Reason::Leased));
}
