//! What a store is to a cache: whether a token is fetched without it.

use pan123_token_cache::StoreRole;

use super::*;

/// A host whose store fails in each call with this error.
fn host(role: StoreRole, error: StoreError) -> (Host, Arc<FaultyStore>) {
    let clock = ManualClock::new(START);
    let faulty = FaultyStore::new(&clock);
    let store: Arc<dyn TokenStore> = Arc::clone(&faulty) as Arc<dyn TokenStore>;
    let mut policy = RenewalPolicy::default();
    policy.store_role = role;
    faulty.fail_with(error);
    (Host::sharing_with(policy, &store, &clock, 1), faulty)
}

fn outage() -> StoreError {
    StoreError::new("connection refused")
}

fn misconfigured() -> StoreError {
    StoreError::misconfigured("wrong password; set another")
}

/// The same, and it holds a token that came from a store that worked then.
fn host_with_a_token(role: StoreRole, error: StoreError) -> (Host, Arc<FaultyStore>) {
    let (mut host, store) = host(role, error.clone());
    store.recover();
    host.fetch_30_days("a");
    assert_eq!(host.wait().1, Reason::Fresh);
    store.fail_with(error);
    (host, store)
}

/// How long until it fetches without the store; or when a caller gets an error instead, and which.
fn fetches_after(host: &mut Host) -> Result<Duration, (Duration, TokenError)> {
    let begun = host.now().monotonic;
    loop {
        let waited = host.now().monotonic - begun;
        match host.poll() {
            Action::Fetch(_) => return Ok(waited),
            Action::Wait { until, reason } => {
                assert_eq!(reason, Reason::StoreDown);
                if let Some(error) = host.cache.token_error(until, reason, host.now()) {
                    return Err((waited, error));
                }
                host.pass(until.monotonic - host.now().monotonic);
            }
            Action::Store(_) => unreachable!("carried out"),
        }
    }
}

#[test]
fn without_a_token_an_outage_is_bypassed_unless_the_store_is_required() {
    for role in [StoreRole::Optional, StoreRole::Preferred] {
        let (mut host, _) = host(role, outage());
        let waited = fetches_after(&mut host).unwrap();
        assert!((27 * SECOND..28 * SECOND).contains(&waited), "{waited:?}");
    }
    let (mut host, store) = host(StoreRole::Required, outage());
    let (waited, error) = fetches_after(&mut host).unwrap_err();
    assert!((27 * SECOND..28 * SECOND).contains(&waited), "{waited:?}");
    assert!(error.is_retryable());
    assert!(
        error
            .to_string()
            .starts_with("the token store failed: connection refused (next attempt in "),
        "{error}"
    );
    // It is tried again, and never bypassed.
    for _ in 0..20 {
        assert_eq!(host.pass_wait(), Reason::StoreDown);
    }
    store.recover();
    let _ = host.ticket();
}

#[test]
fn without_a_token_a_wrong_setting_is_an_error_at_once_unless_the_store_is_optional() {
    let (mut optional, _) = host(StoreRole::Optional, misconfigured());
    assert_eq!(fetches_after(&mut optional), Ok(Duration::ZERO));
    for role in [StoreRole::Preferred, StoreRole::Required] {
        let (mut host, store) = host(role, misconfigured());
        let (waited, error) = fetches_after(&mut host).unwrap_err();
        assert_eq!(waited, Duration::ZERO);
        assert_eq!(store.called(), ["load"]);
        assert!(!error.is_retryable());
        let next_attempt = error.next_attempt().unwrap();
        assert!(
            (30 * SECOND..=MINUTE).contains(&next_attempt),
            "{next_attempt:?}"
        );
        // It is mended meanwhile.
        store.recover();
        host.pass(next_attempt);
        let _ = host.ticket();
    }
}

#[test]
fn with_a_token_no_fault_of_the_store_costs_a_caller_anything_before_the_last_quarter() {
    for role in [
        StoreRole::Optional,
        StoreRole::Preferred,
        StoreRole::Required,
    ] {
        for error in [outage(), misconfigured()] {
            let (mut host, _) = host_with_a_token(role, error);
            host.pass(30 * DAY - 12 * HOUR);
            for _ in 0..20 {
                let reason = host.pass_wait();
                assert!(
                    matches!(reason, Reason::Fresh | Reason::StoreDown),
                    "{reason:?}"
                );
                assert_eq!(host.served().as_deref(), Some("a"));
            }
        }
    }
}

#[test]
fn in_the_last_quarter_a_token_is_renewed_without_the_store_where_that_may_be_bypassed() {
    for (role, error, renewed) in [
        (StoreRole::Optional, outage(), true),
        (StoreRole::Optional, misconfigured(), true),
        (StoreRole::Preferred, outage(), true),
        (StoreRole::Preferred, misconfigured(), false),
        (StoreRole::Required, outage(), false),
        (StoreRole::Required, misconfigured(), false),
    ] {
        let (mut host, _) = host_with_a_token(role, error.clone());
        host.pass(30 * DAY - 2 * HOUR);
        // Until its end it is served, whatever becomes of its renewal.
        let fetched = loop {
            match host.poll() {
                Action::Fetch(_) => break true,
                Action::Wait { .. } if host.served().is_none() => break false,
                Action::Wait { until, .. } => host.pass(until.monotonic - host.now().monotonic),
                Action::Store(_) => unreachable!("carried out"),
            }
        };
        assert_eq!(fetched, renewed, "{role:?}, {error:?}");
        if !fetched {
            let error = host.token_error();
            assert!(matches!(error, Some(TokenError::Store { .. })), "{error:?}");
        }
    }
}

#[test]
fn a_refresh_before_a_store_that_is_misconfigured_is_an_error_at_once() {
    let (mut host, _) = host_with_a_token(StoreRole::Preferred, misconfigured());
    host.pass(HOUR);
    host.cache.refresh();
    let error = host.token_error();
    assert!(matches!(error, Some(TokenError::Store { .. })), "{error:?}");
    assert_eq!(host.served().as_deref(), Some("a"));
}

#[test]
fn an_outage_after_a_wrong_setting_is_bypassed_again() {
    let (mut host, store) = host(StoreRole::Preferred, misconfigured());
    let (_, error) = fetches_after(&mut host).unwrap_err();
    store.fail_with(outage());
    host.pass(error.next_attempt().unwrap());
    // It is tried as often and as long as in any outage.
    let began = host.now().monotonic;
    let _ = host.next_ticket();
    let tried_for = host.now().monotonic - began;
    assert!(
        (27 * SECOND..=28 * SECOND).contains(&tried_for),
        "{tried_for:?}"
    );
}
