//! The calls of scripts: their texts, keys and arguments.

use std::time::Duration;

use pan123_token_cache::{Owner, StoreKey};
use redis::Cmd;

/// Longer than anything lives, and far from where Redis refuses an expiry.
const MAX_MILLIS: u128 = 1 << 50;

/// What the lease record holds in a cooldown; the owner else. The first version's word, which hosts of any version share.
pub(crate) const COOLING_DOWN: &[u8] = b"cool";

macro_rules! script {
    ($name:literal) => {
        concat!(
            include_str!("scripts/read.lua"),
            include_str!(concat!("scripts/", $name, ".lua"))
        )
    };
}

pub(crate) fn load(key: StoreKey) -> Cmd {
    eval(script!("load"), &[record_key(key)])
}

/// What the lease record says, and for how long.
pub(crate) fn lease_record(key: StoreKey) -> Cmd {
    eval(script!("load"), &[lease_key(key)])
}

pub(crate) fn lease(key: StoreKey, owner: Owner, term: Duration) -> Cmd {
    let mut lease = eval(script!("lease"), &[record_key(key), lease_key(key)]);
    lease.arg(mark(owner)).arg(at_least(term).max(1));
    lease
}

/// Replaces what was seen by the form, which ends then by the server's clock; or says what is there.
pub(crate) fn save(key: StoreKey, seen: &[u8], form: &str, ends: &str) -> Cmd {
    let mut save = eval(script!("save"), &[record_key(key)]);
    save.arg(seen).arg(form).arg(ends);
    save
}

pub(crate) fn release(key: StoreKey, owner: Owner, cooldown: Duration) -> Cmd {
    let mut release = eval(script!("release"), &[lease_key(key)]);
    release.arg(mark(owner)).arg(at_least(cooldown));
    release
}

/// A script's call. The whole script is sent: calls are hours apart, and so there is no cache of scripts to miss.
fn eval(script: &str, keys: &[String]) -> Cmd {
    let mut eval = redis::cmd("EVAL");
    eval.arg(script).arg(keys.len()).arg(keys);
    eval
}

// The braces keep both keys in one slot of a cluster.
fn record_key(key: StoreKey) -> String {
    format!("pan123-token:{{{key}}}:v1:record")
}

/// Of the lease record. `gate` is the first version's word, which hosts of any version share.
fn lease_key(key: StoreKey) -> String {
    format!("pan123-token:{{{key}}}:v1:gate")
}

pub(crate) fn mark(owner: Owner) -> String {
    format!("{:016x}", owner.0)
}

/// In milliseconds, rounded down: no token lives on.
pub(crate) fn at_most(time: Duration) -> u128 {
    time.as_millis().min(MAX_MILLIS)
}

/// In milliseconds, rounded up: no lease and no cooldown ends early.
fn at_least(time: Duration) -> u128 {
    time.as_nanos().div_ceil(1_000_000).min(MAX_MILLIS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rounded_to_the_safe_side() {
        let time = Duration::from_micros(1500);
        assert_eq!((at_most(time), at_least(time)), (1, 2));
        let whole = Duration::from_millis(2);
        assert_eq!((at_most(whole), at_least(whole)), (2, 2));
        assert_eq!((at_most(Duration::ZERO), at_least(Duration::ZERO)), (0, 0));
        assert_eq!(at_most(Duration::MAX), at_least(Duration::MAX));
    }
}
