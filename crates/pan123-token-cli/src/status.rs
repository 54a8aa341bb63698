//! `status`: what is stored; never the token.

use std::fmt::Write as _;
use std::time::Duration;

use pan123_token_cache::{Clock, RenewalPolicy, Stored, SystemClock};
use pan123_token_ureq::OffsetDateTime;
use serde_json::json;
use time::format_description::well_known::Rfc3339;

use crate::arguments::{Report, Status};
use crate::failure::Failure;
use crate::output;
use crate::place::Warnings;

/// How it ends where nothing is stored.
const NOTHING: u8 = 1;

/// Returns the exit code.
pub(crate) fn run(arguments: &Status) -> Result<u8, Failure> {
    let warnings = Warnings::default();
    let session = arguments.place.session(&warnings)?;
    let now = SystemClock::new().now();
    let stored = session.load().map_err(Failure::store)?;
    let left = stored.as_ref().map(|stored| stored.left_at(now));
    let report = match (&stored, arguments.format) {
        (None, Report::Text) => "nothing is stored\n".to_owned(),
        (None, Report::Json) => format!("{}\n", json!({ "stored": false })),
        (Some(stored), format) => {
            let report = Facts::of(stored, left.unwrap_or_default());
            match format {
                Report::Text => report.text(),
                Report::Json => format!("{}\n", report.json()),
            }
        }
    };
    output::stdout(&report)?;
    warnings.say();
    Ok(if stored.is_some() { 0 } else { NOTHING })
}

struct Facts {
    fingerprint: String,
    expires_at: String,
    issued_at: String,
    /// The earliest that anyone renews it.
    renewal_due: String,
    left: Duration,
    until_renewal: Duration,
    suspect: bool,
    forced: u32,
}

impl Facts {
    fn of(stored: &Stored, left: Duration) -> Self {
        let record = &stored.record;
        let window = RenewalPolicy::default().window(record.lifetime);
        let date = |date: OffsetDateTime| date.format(&Rfc3339).unwrap_or_default();
        let until_renewal = left.saturating_sub(window);
        let expires_at = record.token.expires_at();
        Self {
            fingerprint: record.fingerprint().to_string(),
            expires_at: date(expires_at),
            issued_at: date(record.issued_at),
            renewal_due: date(expires_at.saturating_sub(signed(window))),
            left,
            until_renewal,
            suspect: record.suspect,
            forced: record.forced,
        }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        let mut line = |name: &str, value: String| {
            let _ = writeln!(text, "{name:<12} {value}");
        };
        line("fingerprint", self.fingerprint.clone());
        line("issued", self.issued_at.clone());
        line(
            "expires",
            if self.left.is_zero() {
                format!("{} (over)", self.expires_at)
            } else {
                format!("{} (in {})", self.expires_at, rough(self.left))
            },
        );
        line(
            "renewal due",
            if self.until_renewal.is_zero() {
                format!("{} (now)", self.renewal_due)
            } else {
                format!("{} (in {})", self.renewal_due, rough(self.until_renewal))
            },
        );
        line(
            "suspect",
            if self.suspect {
                "yes: an API call was refused with it".to_owned()
            } else {
                "no".to_owned()
            },
        );
        text
    }

    fn json(&self) -> serde_json::Value {
        json!({
            "stored": true,
            "fingerprint": self.fingerprint,
            "issuedAt": self.issued_at,
            "expiresAt": self.expires_at,
            "renewalDue": self.renewal_due,
            "secondsLeft": self.left.as_secs(),
            "suspect": self.suspect,
            "forcedRenewals": self.forced,
        })
    }
}

fn signed(duration: Duration) -> time::Duration {
    time::Duration::try_from(duration).unwrap_or(time::Duration::MAX)
}

/// As much of it as anyone reads.
fn rough(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}
