//! The figures of the policy.

use super::*;

#[test]
fn every_figure_of_the_policy_counts() {
    let mut policy = RenewalPolicy::default();
    policy.min_interval = 7 * SECOND;
    policy.fetch_timeout = 11 * SECOND;
    policy.renewal_window = 2 * HOUR;
    policy.expiry_margin = 13 * MINUTE;
    policy.backoff_base = 100 * SECOND;
    policy.backoff_cap = 100 * SECOND;
    policy.refused_base = 200 * SECOND;
    policy.backoff_cap_serving = 200 * SECOND;
    let mut host = Host::with(policy, 3);
    let ticket = host.ticket();
    assert_eq!(ticket.timeout(), 11 * SECOND);
    host.cache.fetched(ticket, refused(), host.now());
    assert_eq!(host.wait(), (200 * SECOND, Reason::Backoff));
    host.pass(200 * SECOND);
    host.fetch_30_days("a");
    let (wait, _) = host.wait();
    assert!(
        (30 * DAY - 2 * HOUR..=30 * DAY - HOUR).contains(&wait),
        "{wait:?}"
    );
    host.pass(30 * DAY - 13 * MINUTE - SECOND);
    assert!(host.served().is_some());
    host.pass(SECOND);
    assert!(host.served().is_none());
    host.fetch(not_sent());
    let (wait, _) = host.wait();
    assert!((7 * SECOND..=100 * SECOND).contains(&wait), "{wait:?}");
}

#[test]
fn a_policy_whose_figures_do_not_fit_together_is_refused_by_name() {
    let refusal = |change: fn(&mut RenewalPolicy)| {
        let mut policy = RenewalPolicy::default();
        change(&mut policy);
        TokenCache::new(policy, 0).unwrap_err().to_string()
    };
    assert_eq!(
        refusal(|p| p.min_interval = Duration::ZERO),
        "the renewal policy's min_interval must not be zero"
    );
    for (change, field) in [
        (
            (|p| p.fetch_timeout = Duration::ZERO) as fn(&mut RenewalPolicy),
            "fetch_timeout",
        ),
        (|p| p.store_timeout = Duration::ZERO, "store_timeout"),
        (|p| p.renewal_window = Duration::ZERO, "renewal_window"),
        (|p| p.backoff_base = Duration::ZERO, "backoff_base"),
        (|p| p.refused_base = Duration::ZERO, "refused_base"),
        (|p| p.min_token_age = Duration::ZERO, "min_token_age"),
        (|p| p.settled_after = Duration::ZERO, "settled_after"),
        (|p| p.store_retry_base = Duration::ZERO, "store_retry_base"),
        (|p| p.lease_poll = Duration::ZERO, "lease_poll"),
        (|p| p.lease_term = 34 * SECOND, "lease_term"),
        (|p| p.backoff_cap = SECOND / 2, "backoff_cap"),
        (
            |p| p.backoff_cap_serving = 59 * SECOND,
            "backoff_cap_serving",
        ),
        (|p| p.refused_base = HOUR, "backoff_cap_serving"),
        (|p| p.min_token_age_cap = 59 * SECOND, "min_token_age_cap"),
        (|p| p.store_retry_cap = 59 * SECOND, "store_retry_cap"),
    ] {
        let text = refusal(change);
        assert!(
            text.starts_with(&format!("the renewal policy's {field} must ")),
            "{text}"
        );
    }
    // The bounds themselves are fine.
    let mut policy = RenewalPolicy::default();
    policy.lease_term = 35 * SECOND;
    policy.backoff_cap = SECOND;
    policy.min_token_age_cap = MINUTE;
    policy.store_retry_cap = MINUTE;
    policy.check().unwrap();
}
