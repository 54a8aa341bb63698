//! How long each part of a run may take: all of it fits into the timeout that the user gave.

use std::time::Duration;

use pan123_token_cache::RenewalPolicy;

use crate::arguments::Place;

/// `sharing`: there is a store.
pub(crate) fn policy(place: &Place, sharing: bool) -> RenewalPolicy {
    let timeout = place.timeout;
    let mut policy = RenewalPolicy::default();
    // A token that comes late in a short time is to be seen before its end.
    policy.lease_poll = policy.lease_poll.min(timeout / 60);
    policy.store_role = place.store_role();
    policy.store_timeout = place.store_timeout();
    let calls = 2 * policy.store_timeout;
    // A user who allows more time means the exchange.
    policy.fetch_timeout = timeout;
    if sharing {
        // But a run that waits for the lease of one that was killed is to have it, and a token, within the same timeout.
        // The machine adds a second to each exchange.
        let spare = calls + Duration::from_secs(1);
        let fetch = (timeout * 9 / 10).saturating_sub(spare);
        policy.fetch_timeout = fetch.max(timeout / 2);
    }
    policy.lease_term = policy.fetch_timeout + calls;
    policy
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::arguments::{Arguments, Command};

    fn policy_of(timeout: u64) -> RenewalPolicy {
        let words = ["pan123-token", "status", "--timeout", &timeout.to_string()];
        let command = Arguments::try_parse_from(words).map(|it| it.command);
        let Ok(Command::Status(status)) = command else {
            unreachable!("no other command was given");
        };
        policy(&status.place, true)
    }

    #[test]
    fn a_run_behind_a_lease_that_no_one_releases_sees_its_end_in_time() {
        for timeout in [5, 10, 20, 30, 60, 600, 86_400] {
            let policy = policy_of(timeout);
            // The machine adds a second to an exchange, and asks the store this often at the least.
            let seen = policy.lease_term + Duration::from_secs(1) + 3 * policy.lease_poll;
            let timeout = Duration::from_secs(timeout);
            assert!(seen <= timeout * 95 / 100, "{seen:?} of {timeout:?}");
        }
    }
}
