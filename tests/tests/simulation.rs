//! The rules of the token's life, in the short form of the simulation; `simulate` has the long one.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a panic is how a test reports"
)]

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::thread;

use pan123_token_oracle::{PENDING, Scenario, figures, run, run_seed};

/// Each family of scenarios once.
const SEEDS: u64 = 56;

#[test]
fn all_rules_hold() {
    let pending = Mutex::new(BTreeMap::new());
    thread::scope(|scope| {
        for half in 0..2 {
            let pending = &pending;
            scope.spawn(move || {
                for seed in (0..SEEDS).filter(|seed| seed % 2 == half) {
                    for broken in holds(seed) {
                        *pending.lock().unwrap().entry(broken).or_insert(0) += 1;
                    }
                }
            });
        }
    });
    let pending = pending.into_inner().unwrap();
    for name in PENDING {
        let seeds = pending.get(name).unwrap_or(&0);
        println!("PENDING rule {name}: broken by {seeds} of {SEEDS} seeds");
    }
}

/// The names of the pending rules that it breaks.
fn holds(seed: u64) -> Vec<&'static str> {
    let outcome = run_seed(seed);
    if let Some(broken) = outcome.broken {
        let trace = run(Scenario::of(seed), true).trace;
        let last = trace.len().saturating_sub(40);
        panic!("{}\nseed {seed} breaks {broken}", trace[last..].join("\n"));
    }
    outcome.pending.iter().map(|broken| broken.name).collect()
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
