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
        let when = |left: Duration, now: &str| {
            if left.is_zero() {
                now.to_owned()
            } else {
                format!("in {}", rough(left))
            }
        };
        let expires = if self.usable || self.left.is_zero() {
            when(self.left, "expired")
        } else {
            format!("{}, and counts as expired", when(self.left, ""))
        };
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
            let forced = format!("{} consecutive renewals, because of refusals", self.forced);
            line(&mut text, "forced", &forced);
        }
        if self.maybe_issued > 0 {
            let lost = format!("{} attempts may have cost a token", self.maybe_issued);
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

fn signed(duration: Duration) -> time::Duration {
    time::Duration::try_from(duration).unwrap_or(time::Duration::MAX)
}
