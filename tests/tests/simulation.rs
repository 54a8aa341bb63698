//! The rules of the token's life, in the short form of the simulation; `simulate` has the long one.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a panic is how a test reports"
)]

use std::thread;

use pan123_token_oracle::{Scenario, figures, run, run_seed};

/// Each family of scenarios once.
const SEEDS: u64 = 57;

#[test]
fn all_rules_hold() {
    all_hold(Scenario::of);
}

#[test]
fn all_rules_hold_of_providers() {
    all_hold(|seed| Scenario::of(seed).with_providers());
}

#[test]
fn all_rules_hold_of_hosts_with_a_store_of_their_own() {
    all_hold(|seed| Scenario::of(seed).with_fallback());
}

#[test]
fn all_rules_hold_of_providers_with_a_store_of_their_host() {
    all_hold(|seed| Scenario::of(seed).with_providers().with_fallback());
}

fn all_hold(scenario: fn(u64) -> Scenario) {
    thread::scope(|scope| {
        for half in 0..2 {
            scope.spawn(move || {
                for seed in (0..SEEDS).filter(|seed| seed % 2 == half) {
                    holds(seed, &scenario(seed));
                }
            });
        }
    });
}

fn holds(seed: u64, scenario: &Scenario) {
    let Some(broken) = run_seed(seed, scenario).broken else {
        return;
    };
    let trace = run(scenario.clone(), true).trace;
    let last = trace.len().saturating_sub(40);
    panic!("{}\nseed {seed} breaks {broken}", trace[last..].join("\n"));
}

#[test]
fn the_figures_of_the_fleet_s_law_are_no_worse() {
    let rows = figures::rows();
    let row = |name: &str| {
        rows.iter()
            .find(|row| row.name == name)
            .unwrap()
            .run()
            .tally
    };
    let always_401 = row("always-401");
    assert!(
        always_401.issued <= 40 && always_401.unserved == 0,
        "{always_401:?}"
    );
    assert!(
        always_401.rejected * 1000 < always_401.calls,
        "{always_401:?}"
    );
    let store_down = row("store-down-1h-window");
    assert_eq!(
        (store_down.issued, store_down.unserved),
        (1, 0),
        "{store_down:?}"
    );
    let upgrade = row("older-5-of-10");
    assert_eq!((upgrade.issued, upgrade.unserved), (1, 0), "{upgrade:?}");
    assert_eq!(row("cold-10000").issued, 1);
    assert_eq!(row("calm-1000").issued, 2);
}
