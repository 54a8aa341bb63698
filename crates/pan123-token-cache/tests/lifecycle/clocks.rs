//! Clocks that are wrong, jump, or stand still.

use super::*;

#[test]
fn a_wrong_wall_clock_does_not_matter_where_the_server_sends_its_own() {
    for wrong in [3 * HOUR, 60 * DAY] {
        for ahead in [true, false] {
            let mut host = Host::alone();
            // The server's clock is right; this host's is not.
            let issued = if ahead {
                START.wall - wrong
            } else {
                START.wall + wrong
            };
            host.fetch(grant("a", issued, 30 * DAY));
            host.pass(30 * DAY - MINUTE - SECOND);
            assert_eq!(host.served().as_deref(), Some("a"), "{wrong:?} {ahead}");
            host.pass(SECOND);
            assert_eq!(host.served(), None);
        }
    }
}

#[test]
fn without_a_date_or_with_an_absurd_one_the_wall_clock_decides() {
    let expires = START.wall + 10 * DAY;
    let absurd = |date: Duration| {
        let mut response = grant("a", date, Duration::ZERO).unwrap();
        response.token = AccessToken::new("a", super::date(expires)).unwrap();
        Ok(response)
    };
    for result in [
        grant_without_date("a", expires),
        absurd(expires),
        absurd(expires + SECOND),
        absurd(expires - 400 * DAY - SECOND),
    ] {
        let mut host = Host::alone();
        host.fetch(result);
        host.pass(10 * DAY - MINUTE - SECOND);
        assert_eq!(host.served().as_deref(), Some("a"));
        host.pass(SECOND);
        assert_eq!(host.served(), None);
    }
}

#[test]
fn a_token_that_comes_again_lives_though_a_wall_clock_ahead_made_it_expire() {
    let mut host = Host::alone();
    host.fetch_30_days("a");
    host.pass(SECOND);
    host.clock.set_wall(START.wall + 31 * DAY);
    assert_eq!(host.served(), None);
    // The platform, whose clock is right, repeats the token that it has.
    host.fetch(grant("a", START.wall, 30 * DAY));
    assert_eq!(host.served().as_deref(), Some("a"));
    assert_eq!(host.cache.last_failure(), None);
    host.pass(30 * DAY);
    assert_eq!(host.served(), None);
}

#[test]
fn a_wall_clock_that_is_set_back_keeps_no_dead_token_alive() {
    let mut host = Host::alone();
    host.fetch_30_days("a");
    host.clock.set_wall(START.wall - 365 * DAY);
    assert_eq!(host.served().as_deref(), Some("a"));
    host.pass(30 * DAY);
    assert_eq!(host.served(), None);
    assert!(matches!(host.poll(), Action::Fetch(_)));
}

#[test]
fn what_is_left_is_told_by_the_clock_that_says_less() {
    let mut host = Host::alone();
    let left = |host: &Host| host.cache.snapshot().left(host.now());
    assert_eq!(left(&host), Duration::ZERO);
    host.fetch_30_days("a");
    // The last minute counts as expired.
    assert_eq!(left(&host), 30 * DAY - MINUTE);
    host.pass(DAY);
    assert_eq!(left(&host), 29 * DAY - MINUTE);
    host.clock.set_wall(START.wall + 20 * DAY);
    assert_eq!(left(&host), 10 * DAY - MINUTE);
    host.clock.set_wall(START.wall - DAY);
    assert_eq!(left(&host), 29 * DAY - MINUTE);
    host.pass(29 * DAY);
    assert_eq!(left(&host), Duration::ZERO);
}

#[test]
fn a_laptop_that_slept_through_the_expiry_does_not_hand_the_token_out() {
    let mut host = Host::alone();
    host.fetch_30_days("a");
    host.pass(HOUR);
    // The monotonic clock stood still.
    host.clock.set_wall(START.wall + 31 * DAY);
    assert_eq!(host.served(), None);
    assert!(matches!(host.poll(), Action::Fetch(_)));
}

#[test]
fn an_earlier_monotonic_time_changes_nothing() {
    let mut host = Host::alone();
    host.fetch(not_sent());
    let (wait, _) = host.wait();
    host.pass(wait / 2);
    let (rest, _) = host.wait();
    let earlier = Moment {
        monotonic: Duration::ZERO,
        ..host.now()
    };
    let Action::Wait { until, .. } = host.cache.poll(earlier) else {
        panic!("it must still wait")
    };
    assert_eq!(until.monotonic, host.now().monotonic + rest);
}

#[test]
fn no_extreme_of_a_clock_panics() {
    let extremes = [
        Duration::ZERO,
        SECOND,
        START.wall,
        Duration::from_secs(u64::MAX),
        Duration::MAX,
    ];
    for wall in extremes {
        for monotonic in extremes {
            for (later_wall, later_monotonic) in [
                (wall, Duration::MAX),
                (Duration::MAX, monotonic),
                (Duration::ZERO, Duration::ZERO),
            ] {
                let mut cache = TokenCache::new(RenewalPolicy::default(), 9)
                    .unwrap()
                    .sharing();
                let now = Moment { wall, monotonic };
                let later = Moment {
                    wall: later_wall,
                    monotonic: later_monotonic,
                };
                for moment in [now, later, now] {
                    match cache.poll(moment) {
                        Action::Fetch(ticket) => {
                            cache.fetched(ticket, grant("a", START.wall, DAY), moment);
                        }
                        Action::Store(_) | Action::Wait { .. } => {}
                    }
                    let snapshot = cache.snapshot();
                    if let Some(token) = snapshot.token(moment).cloned() {
                        let _ = cache.reject(&token, moment);
                    }
                }
            }
        }
    }
}

#[test]
fn a_wait_ends_when_either_clock_says_so() {
    let fresh = || {
        let mut host = Host::alone();
        host.fetch_30_days("a");
        let (wait, _) = host.wait();
        (host, wait)
    };
    let wants_poll = |host: &Host, wall: Duration, monotonic: Duration| {
        let now = Moment {
            wall: START.wall + wall,
            monotonic: START.monotonic + monotonic,
        };
        host.cache.snapshot().wants_poll(now)
    };
    let (host, wait) = fresh();
    assert!(!wants_poll(&host, wait - SECOND, wait - SECOND));
    assert!(wants_poll(&host, wait, Duration::ZERO));
    assert!(wants_poll(&host, Duration::ZERO, wait));
}

#[test]
fn a_stored_life_goes_on_by_the_stores_clock() {
    let (mut hosts, clock, store) = fleet(1);
    hosts[0].fetch_30_days("a");
    hosts[0].wait();
    clock.advance(10 * DAY);
    let mut host = Host::sharing(&store, &clock, 9);
    // This host's wall clock is wrong; the store's is not.
    host.clock = ManualClock::new(Moment {
        wall: START.wall - 100 * DAY,
        monotonic: SECOND,
    });
    assert_eq!(host.wait().1, Reason::Fresh);
    host.pass(20 * DAY - MINUTE - SECOND);
    assert!(host.served().is_some());
    host.pass(SECOND);
    assert!(host.served().is_none());
}

#[test]
fn without_a_clock_of_the_stores_own_the_hosts_wall_clock_decides_what_is_left() {
    /// A file: no clock, and no leases.
    struct File(Record);

    impl TokenStore for File {
        fn load(&self, _: StoreKey) -> Result<Option<Stored>, StoreError> {
            Ok(Some(Stored {
                record: self.0.clone(),
                left: None,
            }))
        }

        fn lease(&self, _: StoreKey, _: Owner, _: Duration) -> Result<Lease, StoreError> {
            Err(StoreError::new("no locks"))
        }

        fn save(
            &self,
            _: StoreKey,
            _: &Record,
            _: Option<Fingerprint>,
            _: Duration,
        ) -> Result<Saved, StoreError> {
            Ok(Saved::Kept)
        }

        fn release(&self, _: StoreKey, _: Owner, _: Duration) -> Result<(), StoreError> {
            Ok(())
        }
    }

    for (sent, left) in [
        (START.wall - 10 * DAY, 20 * DAY),
        (START.wall, 30 * DAY),
        // A clock that was set back since: the expiry decides, but no more than a whole life.
        (START.wall + DAY, 30 * DAY),
        (START.wall + 100 * DAY, 30 * DAY),
    ] {
        let clock = ManualClock::new(START);
        let store: Arc<dyn TokenStore> = Arc::new(File(record("a", sent, 30 * DAY)));
        let mut host = Host::sharing(&store, &clock, 1);
        assert_eq!(host.wait().1, Reason::Fresh);
        host.pass(left - MINUTE - SECOND);
        assert!(host.served().is_some(), "{sent:?}");
        host.pass(SECOND);
        assert!(host.served().is_none(), "{sent:?}");
    }
}

#[test]
fn an_expiry_in_the_year_9900_counts_for_400_days() {
    let year_9900 = Duration::from_secs(250_246_368_000);
    let right_date = grant("a", START.wall, year_9900 - START.wall);
    for result in [right_date, grant_without_date("a", year_9900)] {
        let mut host = Host::alone();
        host.fetch(result);
        let (wait, reason) = host.wait();
        assert_eq!(reason, Reason::Fresh);
        assert!((399 * DAY..400 * DAY).contains(&wait), "{wait:?}");
        host.pass(400 * DAY - MINUTE - SECOND);
        assert!(host.served().is_some());
        host.pass(SECOND);
        assert!(host.served().is_none());
    }
}
