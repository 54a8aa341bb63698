//! What there is to tell of a stored token.

use std::time::Duration;

use pan123_token_cache::{Moment, RenewalPolicy, Stored};
use serde_json::{Value, json};

use super::{date, line, rough, seconds};
use crate::stored_token::{StoredToken, replaced_when};

/// As they are printed.
pub(super) struct Facts {
    fingerprint: String,
    expires_at: String,
    issued_at: String,
    /// The earliest that anyone renews it.
    renewal_due: String,
    left: Duration,
    until_renewal: Duration,
    pub(super) usable: bool,
    suspect: bool,
    /// As a suspect.
    replaceable_in: Duration,
    forced: u32,
    maybe_issued: u32,
}

impl Facts {
    pub(super) fn of(stored: Stored, now: Moment) -> Self {
        let record = stored.record.clone();
        let left = stored.left_at(now);
        let window = RenewalPolicy::default().window(record.lifetime);
        let expires_at = record.token.expires_at();
        let token = StoredToken::new(stored, now);
        Self {
            fingerprint: record.fingerprint().to_string(),
            expires_at: date(expires_at),
            issued_at: date(record.issued_at),
            renewal_due: date(expires_at.saturating_sub(signed(window))),
            left,
            until_renewal: left.saturating_sub(window),
            usable: token.is_usable(),
            suspect: record.suspect,
            replaceable_in: token.replaceable_in(),
            forced: record.forced,
            maybe_issued: record.maybe_issued,
        }
    }

    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        // Rounded down, as in the JSON.
        let when = |left: Duration, now: &str| match left.as_secs() {
            0 => now.to_owned(),
            seconds => format!("in {}", rough(seconds)),
        };
        let mut expires = when(self.left, "expired");
        if !self.usable && self.left.as_secs() > 0 {
            expires += ", and counts as expired";
        }
        let due = when(self.until_renewal, "now");
        let suspect = if self.suspect {
            let replaced = replaced_when(self.replaceable_in);
            format!("yes: an API call was refused with it; {replaced}")
        } else {
            "no".to_owned()
        };
        line(&mut text, "fingerprint", &self.fingerprint);
        line(&mut text, "issued", &self.issued_at);
        line(
            &mut text,
            "expires",
            &format!("{} ({expires})", self.expires_at),
        );
        line(
            &mut text,
            "renewal due",
            &format!("{} ({due})", self.renewal_due),
        );
        line(&mut text, "suspect", &suspect);
        if self.forced > 0 {
            let renewals = counted(self.forced, "consecutive renewal");
            let forced = format!("{renewals}, because of refusals");
            line(&mut text, "forced", &forced);
        }
        if self.maybe_issued > 0 {
            let attempts = counted(self.maybe_issued, "attempt");
            let lost = format!("{attempts} may have cost a token");
            line(&mut text, "lost", &lost);
        }
        text
    }

    pub(super) fn json(&self) -> Value {
        let mut object = json!({
            "stored": true,
            "usable": self.usable,
            "fingerprint": self.fingerprint,
            "issuedAt": self.issued_at,
            "expiresAt": self.expires_at,
            "renewalDue": self.renewal_due,
            "secondsLeft": self.left.as_secs(),
            "suspect": self.suspect,
            "forcedRenewals": self.forced,
            "maybeIssued": self.maybe_issued,
        });
        if self.suspect {
            object["replaceableInSeconds"] = seconds(self.replaceable_in).into();
        }
        object
    }
}

fn counted(number: u32, what: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{number} {what}{ending}")
}

fn signed(duration: Duration) -> time::Duration {
    time::Duration::try_from(duration).unwrap_or(time::Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(seconds: f64) -> Facts {
        Facts {
            fingerprint: "f".to_owned(),
            expires_at: "2025-02-23T07:48:37Z".to_owned(),
            issued_at: "i".to_owned(),
            renewal_due: "2025-02-22T07:48:37Z".to_owned(),
            left: Duration::from_secs_f64(seconds),
            until_renewal: Duration::ZERO,
            usable: false,
            suspect: false,
            replaceable_in: Duration::ZERO,
            forced: 0,
            maybe_issued: 0,
        }
    }

    #[test]
    fn the_text_and_the_json_have_the_same_seconds_left() {
        for (seconds, text, json) in [
            (0.0, "(expired)", 0),
            (0.7, "(expired)", 0),
            (1.0, "(in 1 s, and counts as expired)", 1),
            (5.9, "(in 5 s, and counts as expired)", 5),
        ] {
            let facts = left(seconds);
            let expires = format!("expires      2025-02-23T07:48:37Z {text}");
            assert_eq!(facts.text().lines().nth(2), Some(&*expires));
            assert_eq!(facts.json()["secondsLeft"], json);
        }
    }

    #[test]
    fn a_renewal_is_due_now_where_less_than_a_second_is_left() {
        for (millis, text) in [(0, "(now)"), (999, "(now)"), (119_900, "(in 119 s)")] {
            let facts = Facts {
                until_renewal: Duration::from_millis(millis),
                ..left(90_000.0)
            };
            let due = format!("renewal due  2025-02-22T07:48:37Z {text}");
            assert_eq!(facts.text().lines().nth(3), Some(&*due));
        }
    }

    #[test]
    fn one_is_singular() {
        let last = |number| {
            let facts = Facts {
                forced: number,
                maybe_issued: number,
                ..left(5.0)
            };
            let text = facts.text();
            text.lines().skip(5).collect::<Vec<_>>().join("\n")
        };
        assert_eq!(
            last(1),
            "forced       1 consecutive renewal, because of refusals\n\
             lost         1 attempt may have cost a token"
        );
        assert_eq!(
            last(2),
            "forced       2 consecutive renewals, because of refusals\n\
             lost         2 attempts may have cost a token"
        );
    }
}
