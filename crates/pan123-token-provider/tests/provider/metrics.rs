//! The figures that a recorder gets, each under its name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use pan123_token::{Credentials, FetchError, GetAccessToken, http};
use pan123_token_cache::testing::MemoryStore;
use pan123_token_cache::{Failure, FallbackStore, StoreError, Tier};
use pan123_token_provider::{Turn, Wanted, Work};

use crate::host::{DAY, Host, LIFETIME, SECOND, grant, refused_port, settings, store_call};
use crate::recorder::Figures;

/// A host, and a recorder that was installed as its provider was built.
fn recorded(sharing: bool) -> (Host, Figures) {
    let figures = Figures::default();
    let host = metrics::with_local_recorder(&figures, || Host::new(sharing));
    (host, figures)
}

fn expected<const N: usize>(figures: [(&str, f64); N]) -> BTreeMap<String, f64> {
    figures.map(|(name, value)| (name.to_owned(), value)).into()
}

/// One exchange that takes 2 s and ends so.
fn exchange(host: &Host, result: Result<u32, FetchError>) {
    let mut caller = host.caller();
    let (mut job, _) = caller.starts();
    let mut exchange = crate::host::exchange(&mut job);
    let operation = exchange.operation();
    host.clock.advance(2 * SECOND);
    exchange.finish(result.map(|number| grant(&operation, number)));
    assert!(job.next().is_none());
}

#[test]
fn the_names_are_those_of_the_documentation() {
    let (_host, figures) = recorded(true);
    let without_kind = |name: String| name.split(' ').next().unwrap().to_owned();
    let registered: BTreeSet<_> = figures.names().into_iter().map(without_kind).collect();
    let documented: BTreeSet<_> = include_str!("../../src/lib.rs")
        .lines()
        .filter_map(|line| line.strip_prefix("//! | `")?.split('`').next())
        .map(str::to_owned)
        .collect();
    assert_eq!(registered, documented);
    assert_eq!(registered, figures.described().into_iter().collect());
    assert_eq!(documented.len(), 8);
}

#[test]
fn what_becomes_of_a_token_is_counted() {
    let (host, figures) = recorded(false);
    assert_eq!(figures.all(), expected([]));
    exchange(&host, Ok(1));
    // 30 days, less the 2 s that the exchange took and the last 60 s.
    let left = LIFETIME - 62 * SECOND;
    let mut seen = expected([
        ("life_left_seconds", left.as_secs_f64()),
        ("issued_total", 1.0),
        ("renewal_seconds", 2.0),
    ]);
    assert_eq!(figures.all(), seen);

    // As time goes by it is set when a caller asks.
    host.clock.advance(DAY);
    assert_eq!(figures.all(), seen);
    let token = host.provider.fresh().unwrap();
    seen.insert("life_left_seconds".into(), (left - DAY).as_secs_f64());
    assert_eq!(figures.all(), seen);

    host.provider.reject(&token);
    exchange(&host, Ok(2));
    // Its life began a day and 2 s after the first one's.
    let second = expected([
        ("life_left_seconds", left.as_secs_f64() - 2.0),
        ("issued_total", 2.0),
        ("forced_total", 1.0),
        ("rejected_total", 1.0),
        ("renewal_seconds", 4.0),
    ]);
    assert_eq!(figures.all(), second);

    host.clock.advance(40 * DAY);
    assert_eq!(host.provider.fresh(), None);
    assert!(!figures.all().contains_key("life_left_seconds"));
}

#[test]
fn failures_are_counted_by_kind() {
    let (host, figures) = recorded(false);
    exchange(&host, Err(refused_port()));
    for _ in 0..2 {
        host.clock.advance(DAY);
        exchange(&host, Err(FetchError::Timeout(SECOND)));
    }
    let failed = expected([
        ("failures_total connect", 1.0),
        ("failures_total timeout", 2.0),
        ("renewal_seconds", 6.0),
    ]);
    assert_eq!(figures.all(), failed);
}

#[test]
fn each_kind_of_failure_is_there_from_the_start() {
    let (_host, figures) = recorded(false);
    let kinds: BTreeSet<String> = figures
        .names()
        .iter()
        .filter_map(|name| name.split_once(' ').map(|(_, kind)| kind.to_owned()))
        .collect();
    let operation = GetAccessToken::new(Credentials::new("my-id", "my-secret").unwrap());
    let reply = |status: u16, body: &str| {
        let mut reply = http::Response::new(body.to_owned());
        *reply.status_mut() = status.try_into().unwrap();
        FetchError::from(operation.parse_response(&reply).unwrap_err())
    };
    let failures: [Failure; 14] = [
        reply(429, "").into(),
        reply(503, "").into(),
        reply(200, &"x".repeat(70_000)).into(),
        reply(200, r#"{"code":0}"#).into(),
        reply(200, r#"{"code":1}"#).into(),
        reply(404, "").into(),
        refused_port().into(),
        FetchError::Tls("bad certificate".into()).into(),
        FetchError::Timeout(SECOND).into(),
        FetchError::Body("reset".into()).into(),
        Failure::IssuedExpired(Host::new(false).token(1)),
        Failure::Unchanged,
        Failure::Dropped,
        Failure::NotSent("no runtime".into()),
    ];
    let all: BTreeSet<String> = failures.iter().map(|it| it.kind().to_owned()).collect();
    assert_eq!(all.len(), 14);
    assert_eq!(kinds, all);
}

#[test]
fn a_store_is_up_until_a_call_fails_and_again_once_one_does_what_it_is_asked() {
    let (host, figures) = recorded(true);
    let up = || figures.all().contains_key("store_up");
    assert!(up(), "before the first call");
    let (mut job, _) = host.caller().starts();
    let (step, _, report) = store_call(&mut job).split();
    report.finish(step.fail(StoreError::new("refused")));
    assert!(!up());
    drop(job);
    host.clock.advance(SECOND);
    let (job, _) = host.caller().starts();
    host.carry_out(job, 1);
    assert!(up());
}

#[test]
fn a_failure_of_the_hosts_own_store_says_nothing_of_the_shared_one() {
    let (host, _) = recorded(true);
    host.token(1);
    let figures = Figures::default();
    let settings = settings(&host.clock).sharing(true).fallback(true);
    let both = metrics::with_local_recorder(&figures, || settings.build().unwrap());
    let mut caller = both.caller(Wanted::Usable, SECOND);
    let Turn::Start(mut job, _) = caller.turn(Duration::ZERO, Waker::noop()) else {
        panic!("no job");
    };
    let own = MemoryStore::new(host.clock.clone());
    let stores = FallbackStore::new(Arc::new(host.store), Arc::new(own));
    let mut calls_made = Vec::new();
    while let Some(Work::Store(call)) = job.next() {
        let (step, key, report) = call.split();
        calls_made.push((step.tier(), step.name()));
        report.finish(match (step.tier(), step.name()) {
            (Tier::Host, "save") => step.fail(StoreError::new("the disk is full")),
            _ => step.run(&stores, key),
        });
    }
    let expected = [
        (Tier::Shared, "load"),
        (Tier::Host, "load"),
        (Tier::Host, "save"),
    ];
    assert_eq!(calls_made, expected);
    assert_eq!(figures.all().get("store_up"), Some(&1.0));
}

#[test]
fn a_token_that_another_host_has_stored_is_adopted_and_not_issued() {
    let (host, _) = recorded(true);
    host.token(1);
    let figures = Figures::default();
    let settings = settings(&host.clock).sharing(true);
    let other = metrics::with_local_recorder(&figures, || settings.build().unwrap());
    let mut caller = other.caller(Wanted::Usable, SECOND);
    let Turn::Start(job, _) = caller.turn(Duration::ZERO, Waker::noop()) else {
        panic!("it has a token already");
    };
    host.carry_out(job, 2);
    let seen = figures.all();
    assert_eq!(seen.get("adopted_total"), Some(&1.0));
    assert!(!seen.contains_key("issued_total"));
}

#[test]
fn without_a_store_there_is_no_figure_of_one() {
    let (_host, figures) = recorded(false);
    assert!(figures.names().iter().all(|name| !name.contains("store")));
}
