//! Callers share one exchange and its result.

use std::time::Duration;

use pan123_token::{AccessToken, OffsetDateTime};
use pan123_token_cache::{Rejection, TokenError};
use pan123_token_provider::{Place, Provider, Wanted};

use crate::host::{DAY, Host, LIFETIME, LIMIT, SECOND, exchange, grant, refused_port};

#[test]
fn callers_without_a_token_share_one_exchange() {
    let host = Host::new(false);
    let (mut one, mut other) = (host.caller(), host.caller());
    let (mut job, place) = one.starts();
    assert_eq!(place, Place::Usual);
    one.waits();
    other.waits();
    let mut exchange = exchange(&mut job);
    let operation = exchange.operation();
    assert_eq!((one.woken(), other.woken()), (0, 0));
    exchange.finish(Ok(grant(&operation, 1)));
    assert_eq!((one.woken(), other.woken()), (1, 1));
    assert_eq!(one.ends().unwrap().secret(), "token-1");
    assert_eq!(other.ends().unwrap().secret(), "token-1");
    assert!(job.next().is_none());
}

#[test]
fn callers_share_a_failure_until_the_next_attempt_is_due() {
    let host = Host::new(false);
    let (mut one, mut other) = (host.caller(), host.caller());
    let (mut job, _) = one.starts();
    other.waits();
    exchange(&mut job).finish(Err(refused_port()));
    let error = one.ends().unwrap_err();
    assert_eq!(error.next_attempt(), Some(SECOND));
    assert_eq!(other.ends().unwrap_err(), error);
    assert_eq!(host.caller().ends().unwrap_err(), error);
    drop(job);
    host.clock.advance(SECOND);
    let (job, _) = host.caller().starts();
    drop(job);
}

#[test]
fn a_caller_gives_up_at_its_own_limit_and_nothing_else_ends() {
    let host = Host::new(false);
    let mut hasty = host.asking_within(Wanted::Usable, 2 * SECOND);
    let (mut job, _) = hasty.starts();
    let mut exchange = exchange(&mut job);
    let operation = exchange.operation();
    assert_eq!(hasty.waits(), 2 * SECOND);
    hasty.waited = 2 * SECOND;
    let error = hasty.ends().unwrap_err();
    assert_eq!(error, TokenError::TimedOut(2 * SECOND));
    exchange.finish(Ok(grant(&operation, 1)));
    assert_eq!(host.provider.current().unwrap().secret(), "token-1");
}

#[test]
fn a_caller_who_may_not_wait_at_all_starts_a_job_all_the_same() {
    let host = Host::new(false);
    let mut hasty = host.asking_within(Wanted::Usable, Duration::ZERO);
    let (job, _) = hasty.starts();
    let error = hasty.ends().unwrap_err();
    assert_eq!(error, TokenError::TimedOut(Duration::ZERO));
    host.carry_out(job, 1);
    assert_eq!(host.provider.current().unwrap().secret(), "token-1");
}

#[test]
fn in_the_window_a_caller_starts_the_renewal_and_has_the_old_token_at_once() {
    let host = Host::new(false);
    let old = host.token(1);
    host.clock.advance(LIFETIME - DAY / 2);
    assert_eq!(host.provider.fresh(), None);
    let mut caller = host.caller();
    let (job, _) = caller.starts();
    assert_eq!(caller.ends().unwrap(), old);
    // Another one finds the job on its way.
    assert_eq!(host.caller().ends().unwrap(), old);
    host.carry_out(job, 2);
    assert_eq!(host.provider.fresh().unwrap().secret(), "token-2");
}

#[test]
fn a_refresh_is_done_with_another_token_while_others_have_the_old_one() {
    let host = Host::new(false);
    let old = host.token(1);
    host.clock.advance(SECOND);
    let mut refreshing = host.asking(Wanted::Refreshed);
    let (mut job, _) = refreshing.starts();
    let mut exchange = exchange(&mut job);
    let operation = exchange.operation();
    refreshing.waits();
    assert_eq!(host.caller().ends().unwrap(), old);
    exchange.finish(Ok(grant(&operation, 2)));
    assert_eq!(refreshing.ends().unwrap().secret(), "token-2");
}

#[test]
fn a_refresh_that_fails_is_an_error_though_the_old_token_is_good() {
    let host = Host::new(false);
    let old = host.token(1);
    host.clock.advance(SECOND);
    let mut refreshing = host.asking(Wanted::Refreshed);
    let (mut job, _) = refreshing.starts();
    exchange(&mut job).finish(Err(refused_port()));
    refreshing.ends().unwrap_err();
    assert_eq!(host.caller().ends().unwrap(), old);
}

#[test]
fn a_rejected_token_that_may_not_be_replaced_yet_is_the_answer_at_once() {
    let host = Host::new(false);
    let young = host.token(1);
    host.provider.reject(&young);
    let mut replacing = host.asking(Wanted::Replacing(young.fingerprint()));
    assert_eq!(replacing.ends().unwrap(), young);
}

#[test]
fn a_rejected_token_that_may_not_be_replaced_yet_is_waited_for_where_another_is_on_its_way() {
    let host = Host::new(false);
    let old = host.token(1);
    host.clock.advance(SECOND);
    let (mut job, _) = host.asking(Wanted::Refreshed).starts();
    let mut exchange = exchange(&mut job);
    let operation = exchange.operation();
    host.provider.reject(&old);
    let mut replacing = host.asking(Wanted::Replacing(old.fingerprint()));
    replacing.waits();
    exchange.finish(Ok(grant(&operation, 2)));
    assert_eq!(replacing.ends().unwrap().secret(), "token-2");
}

#[test]
fn a_rejected_token_that_is_old_enough_is_replaced() {
    let host = Host::new(false);
    let old = host.token(1);
    host.clock.advance(DAY);
    host.provider.reject(&old);
    let mut replacing = host.asking(Wanted::Replacing(old.fingerprint()));
    let (job, _) = replacing.starts();
    replacing.waits();
    host.carry_out(job, 2);
    assert_eq!(replacing.ends().unwrap().secret(), "token-2");
}

#[test]
fn a_fixed_provider_hands_out_its_token_whatever_happens() {
    let token = AccessToken::new("fixed", OffsetDateTime::UNIX_EPOCH).unwrap();
    let other = AccessToken::new("other", OffsetDateTime::UNIX_EPOCH).unwrap();
    let provider = Provider::fixed(token.clone());
    assert_eq!(provider.fresh().as_ref(), Some(&token));
    assert_eq!(provider.current().as_ref(), Some(&token));
    let mut caller = provider.caller(Wanted::Refreshed, LIMIT);
    let turn = caller.turn(Duration::ZERO, std::task::Waker::noop());
    assert!(matches!(turn, pan123_token_provider::Turn::Done(Ok(it)) if it == token));
    let never = Rejection::Suspect {
        replaceable_in: Duration::MAX,
    };
    assert_eq!(provider.reject(&token), never);
    assert_eq!(provider.reject(&other), Rejection::NotCurrent);
    assert!(provider.flush().is_done(std::task::Waker::noop()));
}
