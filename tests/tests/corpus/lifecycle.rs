//! `lifecycle`: over its committed corpus, and over scenarios written by hand.

use std::fs;

use super::{replay, seeds};
use pan123_token_oracle::script;

/// Scripts, whose letters `fuzz/README.md` lists, and what happens in them. The first two digits are the kind of cache
/// and its seed.
const SCENARIOS: &[(&str, &str)] = &[
    ("fetch-and-keep", "01 p g0y10 p w p g0y10 p"),
    ("dropped-ticket", "01 p d0 p w p g0y10"),
    (
        "rejected-while-records-of-it-differ",
        "10 pg0g00 _0 ps00ps00>ap pg0n02 ps05b0b2 p<a wp p p r",
    ),
    (
        "dropped-ticket-while-serving",
        "01 p g0y10 w p d0 w p d0 w p w p",
    ),
    ("late-token", "01 p +f p g0y10 p w p"),
    ("late-token-beside-a-fetch", "01 p +f p w p g0y10 p g0y10 p"),
    (
        "late-token-after-a-newer-one",
        "01 p +f p w p g1y10 p g0y10 p w p",
    ),
    ("late-failure", "01 p +f p f07 p w p g0y10"),
    (
        "each-failure",
        "01 p f00 w p f01 w p f02 w p f03 w p f04 w p f05 w p f06 w p f07 w p f08 w p f09 w p f0a w p f0b w p f0c w p f0d w p f0e w p f0f w p",
    ),
    (
        "retry-after-and-a-late-token",
        "01 p +f p w p f07 g0y10 p w p",
    ),
    ("retry-after-in-the-window", "01 p g0o10 w p f08 p w p w p"),
    (
        "maybe-issued-twice-while-serving",
        "01 p g0y10 w p f02 w p f0a w p w p",
    ),
    (
        "many-failures",
        "01 p f00 w p f00 w p f00 w p f00 w p f00 w p f00 w p f00 w p f00 w p f00 w p f00 w p f00 w p f00 w p f00 w p f00 w p f00 w p f00 w p f00 w p f00 w p f00 ",
    ),
    (
        "asked-for",
        "01 p g0y10 n p w p g0y10 p n p f07 p w p g0y10 p w",
    ),
    (
        "asked-for-in-a-fleet",
        "11 n s00 p s00 p g0y10 p s00 p s00 p n p s00 p s00 p g0y10 h9",
    ),
    (
        "recovered-and-bypassed",
        "11 p s00 p s10 w p s00 p s20 p g0y10",
    ),
    ("issued-expired", "01 p g0010 p w p g0y10"),
    ("unchanged", "01 p g0y10 w p g0y11 w p g0z11 p"),
    ("short-life", "21 p g0k10 w p g0c10 w p w p g05 10 p"),
    ("no-date", "01 p g0y00 w p w p g0y00"),
    (
        "wrong-dates",
        "01 p g0y20 w p g0y30 w p g0y40 w p g0y50 w p",
    ),
    ("wall-clock-ahead", "01 p g0y10 >u p >y p g0y10 p"),
    ("wall-clock-back", "01 p g0y10 <z p +x p w p g0y10 <x p"),
    ("monotonic-alone", "01 p g0y10 ^x p ^t p g0y10 p"),
    ("monotonic-back", "01 p _o g0y10 _z p _h w _o"),
    (
        "rejected-young",
        "01 p g0y10 r p w p g0y10 r r p w p g0y10 r w p",
    ),
    (
        "rejected-old",
        "01 p g0y10 +l r p g0y10 +l r p +j p g0y10 +t r p",
    ),
    (
        "rejected-and-given-again",
        "01 p g0y10 +l r p g0y11 p w p g0y11 p w p g0y10",
    ),
    (
        "rejected-in-the-window",
        "01 p g0y10 w r p f02 w p f02 w p f02 w p",
    ),
    (
        "alone-with-a-store",
        "11 p s00 p s00 p g0y10 p s00 p s00 p w p s00 p s00 p g0y10 h9",
    ),
    ("adopted", "11 p s05yo40 p +l p w p s05yo00 p h9"),
    (
        "adopted-suspect",
        "11 p s05yo20 p s05yo21 p w p s00 p s00 p g0y10 h9",
    ),
    (
        "lease-held",
        "11 p s00 p s02f p w p s00 p s02k p w p s00 p s020 p g0y10 h9",
    ),
    (
        "lease-cooling-down",
        "11 p s00 p s03j p w p s00 p s03o p w p s00 p s00 p g0y10 h9",
    ),
    (
        "lease-too-late",
        "11 p s00 p +9 s00 >d p ^d p w p s00 p s00 ^d p w p",
    ),
    (
        "store-down",
        "11 p s01 p g0y10 p w p s01 p w p s00 p h9 w p s01 p w p",
    ),
    ("store-dropped", "11 p x0 w p g0y10 p x0 w p w p s00 h9"),
    ("save-overtaken", "11 p s00 p s00 p g0y10 p s05y140 p h9"),
    (
        "rejected-with-a-store",
        "11 h5 r p s00 p s00 w p s05y040 p h9 r r R0 R1 p s01 w p h9",
    ),
    (
        "rate-limited-with-a-store",
        "31 p s00 p s00 p f07 p s00 p w p s03h p w p s00 p s00 p g0y10 h9",
    ),
];

#[test]
fn the_corpus_holds() {
    replay("lifecycle", script::check);
}

#[test]
fn the_scenarios_hold() {
    for (name, script) in SCENARIOS {
        println!("{name}");
        // Under the default policy and under another.
        script::check(script.as_bytes());
        let kind = script.as_bytes()[0] ^ 2;
        script::check(&[&[kind], &script.as_bytes()[1..]].concat());
    }
}

/// Writes the scenarios as inputs of the fuzz target. See `fuzz/README.md`.
#[test]
#[ignore = "writes fuzz/target/seeds/lifecycle"]
fn write_seeds() {
    let folder = seeds("lifecycle");
    for (name, script) in SCENARIOS {
        fs::write(folder.join(name), script).unwrap();
    }
}
