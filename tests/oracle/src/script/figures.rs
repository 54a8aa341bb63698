//! What the digits of a script stand for: lengths of time, failures, records.

use std::sync::OnceLock;
use std::time::Duration;

use pan123_token::{Cause, FetchError, OffsetDateTime};
use pan123_token_cache::{Record, RenewalPolicy};

use crate::scenario::{HOUR, MINUTE, SECOND};
use crate::wire::{access_token, reply_of};

const MILLISECOND: Duration = Duration::from_millis(1);

/// The lengths of time that a digit of a script stands for, from 0 to z.
pub(super) fn length(digit: usize) -> Duration {
    const MILLIS: [u64; 13] = [
        0, 1, 10, 100, 250, 500, 999, 1000, 1001, 2000, 3000, 5000, 10_000,
    ];
    const SECONDS: [u64; 12] = [29, 30, 45, 59, 60, 61, 120, 300, 600, 900, 1800, 3600];
    const HOURS: [u32; 11] = [2, 6, 12, 23, 24, 48, 144, 576, 696, 720, 9600];
    match digit {
        0..13 => Duration::from_millis(MILLIS[digit]),
        13..25 => Duration::from_secs(SECONDS[digit - 13]),
        _ => HOUR * HOURS[(digit - 25) % 11],
    }
}

pub(super) struct Bytes<'a>(pub(super) std::slice::Iter<'a, u8>);

impl Bytes<'_> {
    /// 0 to 35.
    pub(super) fn digit(&mut self) -> usize {
        let byte = self.0.next().copied().unwrap_or(b'0');
        usize::from(match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'z' => byte - b'a' + 10,
            _ => byte % 36,
        })
    }

    pub(super) fn length(&mut self) -> Duration {
        length(self.digit())
    }
}

/// A policy in which no two figures are the same and all are small.
pub(super) fn quick() -> RenewalPolicy {
    let mut policy = RenewalPolicy::default();
    policy.min_interval = 700 * MILLISECOND;
    policy.fetch_timeout = 4 * SECOND;
    policy.store_timeout = 1500 * MILLISECOND;
    policy.lease_term = 8 * SECOND;
    policy.renewal_window = 50 * SECOND;
    policy.expiry_margin = 6 * SECOND;
    policy.backoff_base = 300 * MILLISECOND;
    policy.backoff_cap = 9 * SECOND;
    policy.backoff_cap_serving = 40 * SECOND;
    policy.refused_base = 11 * SECOND;
    policy.min_token_age = 13 * SECOND;
    policy.min_token_age_cap = MINUTE;
    policy.settled_after = 90 * SECOND;
    policy.store_retry_base = 17 * SECOND;
    policy.store_retry_cap = 70 * SECOND;
    policy.lease_poll = 900 * MILLISECOND;
    policy
}

/// Each way in which an exchange ends without a token.
pub(super) fn failures() -> &'static [FetchError] {
    static FAILURES: OnceLock<Vec<FetchError>> = OnceLock::new();
    FAILURES.get_or_init(|| {
        let mut failures = vec![
            FetchError::Connect("refused".into()),
            FetchError::Tls("unknown issuer".into()),
            FetchError::Timeout(30 * SECOND),
            FetchError::Body(Cause::from("reset")),
        ];
        let replies = [
            (200, "", r#"{"code":1,"message":"no"}"#),
            (200, "", r#"{"code":429,"message":"no"}"#),
            (429, "2", ""),
            (429, "100", r#"{"code":429}"#),
            (429, "3600", ""),
            (503, "20", ""),
            (502, "", ""),
            (504, "7", "<html>"),
            (500, "", r#"{"code":0}"#),
            (200, "", r#"{"code":0}"#),
            (200, "", "<html>"),
            (403, "45", r#"{"code":1}"#),
        ];
        failures.extend(
            replies
                .into_iter()
                .filter_map(|(status, retry_after, body)| {
                    reply_of(status, retry_after, body).err()
                }),
        );
        failures
    })
}

pub(super) fn template_record() -> Record {
    static RECORD: OnceLock<Record> = OnceLock::new();
    let form = br#"{"version":1,"readableBy":1,"accessToken":"ISSUED-1","fingerprint":"FINGERPRINT","expiresAt":"2025-03-23T07:48:37Z","issuedAt":"2025-02-21T07:48:37Z","lifetimeMs":2592000000,"sentAtMs":1740124116750,"forced":0,"suspect":false}"#;
    let form = String::from_utf8_lossy(form);
    let token = access_token(1, OffsetDateTime::UNIX_EPOCH);
    let form = form.replace("FINGERPRINT", &token.fingerprint().to_string());
    RECORD
        .get_or_init(|| Record::decode(form.as_bytes()).unwrap())
        .clone()
}
