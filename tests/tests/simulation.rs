//! The thirteen rules of the token's life, in the short form of the simulation; `simulate` has the long one.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a panic is how a test reports"
)]

use pan123_token_tests::simulation::{Scenario, figures, run, run_seed};

/// Each family of scenarios five times over.
const SEEDS: u64 = 220;

#[test]
fn all_rules_hold() {
    let threads: Vec<_> = (0..2)
        .map(|half| {
            std::thread::spawn(move || {
                for seed in (0..SEEDS).filter(|seed| seed % 2 == half) {
                    holds(seed);
                }
            })
        })
        .collect();
    for thread in threads {
        if let Err(panic) = thread.join() {
            std::panic::resume_unwind(panic);
        }
    }
}

/// Seeds that once broke a rule, and what they showed. What a seed does changes with the scenarios.
const BROKE_ONCE: [(u64, &str); 15] = [
    (
        10,
        "12: a suspect that just came of age was waited for, for no time",
    ),
    (
        25,
        "2: two leases of others, days apart, were taken for one that never ends",
    ),
    (31, "2: the same, with a lock"),
    (
        38,
        "5: another's suspect was taken over, and the token at hand no more served",
    ),
    (
        54,
        "3: a late token ended the lease of the fetch that was under way",
    ),
    (79, "3: the same, on hosts with wrong clocks"),
    (
        214,
        "11: after two leases that came too late, renewal didn't wait for the store",
    ),
    (
        298,
        "3: a token on an expired ticket made the machine forget a Retry-After",
    ),
    (
        567,
        "3: a gate was given back late, and left cool for the whole time again",
    ),
    (
        963,
        "5: another's suspect, with a later expiry, was taken over",
    ),
    (
        999,
        "11: a full store kept its gate shut for a term after each save",
    ),
    (
        2364,
        "6: after a sleep, renewal was waited for by the clock that had stood still",
    ),
    (3097, "7: a `Date` that was wrong once made caches fight"),
    (
        7095,
        "13: who replaced another's suspect forgot the row of forced renewals",
    ),
    (
        9289,
        "2: a lease that came too late sent the machine past a store that worked",
    ),
];

#[test]
fn rules_that_were_broken_once_hold() {
    for (seed, _) in BROKE_ONCE {
        holds(seed);
    }
}

fn holds(seed: u64) {
    if let Some(broken) = run_seed(seed).broken {
        let trace = run(Scenario::of(seed), true).trace;
        let last = trace.len().saturating_sub(40);
        panic!("{}\nseed {seed} breaks {broken}", trace[last..].join("\n"));
    }
}

#[test]
fn the_stories_end_well() {
    let stories = figures::stories();
    let numbers = |story: &str| -> Vec<u64> {
        let line = stories.lines().find(|line| line.contains(story)).unwrap();
        let cells = line.split('|').skip(2);
        cells.filter_map(|cell| cell.trim().parse().ok()).collect()
    };
    let [issued, calls, rejected, unserved] = numbers("always answers 401")[..] else {
        panic!("{stories}");
    };
    assert!(issued <= 7, "{stories}");
    assert!(rejected * 1000 < calls && unserved == 0, "{stories}");
    assert!(
        matches!(numbers("Redis down")[..], [0, _, 0, 0]),
        "{stories}"
    );
    assert!(
        matches!(numbers("of an older version")[..], [1, _, 0, 0]),
        "{stories}"
    );
}
