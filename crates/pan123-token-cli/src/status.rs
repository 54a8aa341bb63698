//! `status`: what is stored, who may fetch, and what is wrong; never the token.

mod facts;

use std::fmt::Write as _;
use std::time::Duration;

use pan123_token_cache::{Clock, LeaseRecord, Moment, RenewalPolicy, SystemClock};
use pan123_token_ureq::OffsetDateTime;
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;

use self::facts::Facts;
use crate::arguments::{Report, Status};
use crate::failure::Failure;
use crate::output;
use crate::signals::Stop;
use crate::store::not_writable;
use crate::warnings::Warnings;

/// How it ends where nothing is stored that can be used. A token that has expired is as good as none: a store that forgets
/// by itself, as Redis does, doesn't have it any more.
const NOTHING: u8 = 1;

/// Returns the exit code.
pub(crate) fn run(arguments: &Status) -> Result<u8, Failure> {
    // As PID 1 it would be deaf to them.
    Stop::at_signals();
    let warnings = Warnings::default();
    let (session, folder) = arguments.place.session(&warnings)?;
    let now = SystemClock::new().now();
    let stored = session.load().map_err(Failure::store)?;
    let token = stored.map(|stored| Facts::of(stored, now));
    let lease = session.lease_record();
    let usable = token.as_ref().is_some_and(|token| token.usable);
    let mut trouble = Vec::new();
    if arguments.format == Report::Json {
        // They are part of what is asked for; elsewhere they are warnings.
        trouble = warnings.take();
    }
    trouble.extend(folder.and_then(|folder| not_writable(&folder)));
    trouble.extend(lease.as_ref().err().map(ToString::to_string));
    let whole = Whole {
        token,
        lease: lease.ok().flatten().filter(is_worth_a_line),
        now,
        trouble,
    };
    output::stdout(&match arguments.format {
        Report::Text => whole.text(),
        Report::Json => format!("{}\n", whole.json()),
    })?;
    warnings.say();
    Ok(if usable { 0 } else { NOTHING })
}

/// That two fetches lie a moment apart is no more than usual.
fn is_worth_a_line(lease: &LeaseRecord) -> bool {
    let spacing = RenewalPolicy::default().min_interval;
    !matches!(lease, LeaseRecord::CoolingDown(wait) if *wait <= spacing)
}

struct Whole {
    token: Option<Facts>,
    lease: Option<LeaseRecord>,
    now: Moment,
    trouble: Vec<String>,
}

impl Whole {
    fn text(&self) -> String {
        let mut text = match &self.token {
            Some(token) => token.text(),
            None => "nothing is stored\n".to_owned(),
        };
        match self.lease {
            Some(LeaseRecord::Held(wait)) => line(
                &mut text,
                "lease",
                &format!(
                    "a process has it, and fetches, for {} at the most",
                    rough(seconds(wait))
                ),
            ),
            Some(LeaseRecord::CoolingDown(wait)) => line(
                &mut text,
                "cooldown",
                &format!(
                    "no process may fetch until {} (in {})",
                    self.date_after(wait),
                    rough(seconds(wait))
                ),
            ),
            None => {}
        }
        for trouble in &self.trouble {
            line(&mut text, "trouble", trouble);
        }
        text
    }

    fn json(&self) -> Value {
        let mut object = match &self.token {
            Some(token) => token.json(),
            None => json!({ "stored": false, "usable": false }),
        };
        match self.lease {
            Some(LeaseRecord::Held(wait)) => {
                object["leaseSecondsLeft"] = seconds(wait).into();
                object["leaseUntil"] = self.date_after(wait).into();
            }
            Some(LeaseRecord::CoolingDown(wait)) => {
                object["cooldownSecondsLeft"] = seconds(wait).into();
                object["cooldownUntil"] = self.date_after(wait).into();
            }
            None => {}
        }
        if !self.trouble.is_empty() {
            object["trouble"] = self.trouble.clone().into();
        }
        object
    }

    fn date_after(&self, wait: Duration) -> String {
        let then = time::Duration::try_from(self.now.wall + wait).unwrap_or_default();
        // To the second, as all else here.
        let then = time::Duration::seconds(then.whole_seconds());
        OffsetDateTime::UNIX_EPOCH
            .checked_add(then)
            .map_or_else(String::new, date)
    }
}

fn line(text: &mut String, name: &str, value: &str) {
    let _ = writeln!(text, "{name:<12} {value}");
}

fn date(date: OffsetDateTime) -> String {
    date.format(&Rfc3339).unwrap_or_default()
}

/// Rounded up: who waits so long has waited long enough.
fn seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

/// As much of it as anyone reads.
fn rough(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn empty(lease: LeaseRecord) -> Whole {
        Whole {
            token: None,
            lease: Some(lease),
            now: Moment {
                // 2025-02-23T07:48:37Z, and a half.
                wall: Duration::from_millis(1_740_296_917_500),
                ..Moment::default()
            },
            trouble: vec!["the disk is full".to_owned()],
        }
    }

    #[test]
    fn lease_and_cooldown_are_told_with_their_end() {
        let wait = Duration::from_millis(117_600);
        let held = empty(LeaseRecord::Held(wait));
        assert_eq!(
            held.text(),
            "nothing is stored\n\
             lease        a process has it, and fetches, for 118 s at the most\n\
             trouble      the disk is full\n"
        );
        assert_eq!(
            held.json(),
            json!({
                "stored": false,
                "usable": false,
                "leaseSecondsLeft": 118,
                "leaseUntil": "2025-02-23T07:50:35Z",
                "trouble": ["the disk is full"],
            })
        );
        let cooling = empty(LeaseRecord::CoolingDown(wait));
        assert_eq!(
            cooling.text().lines().nth(1),
            Some("cooldown     no process may fetch until 2025-02-23T07:50:35Z (in 118 s)")
        );
        assert_eq!(cooling.json()["cooldownSecondsLeft"], 118);
    }

    #[test]
    fn the_second_between_two_fetches_is_no_cooldown_to_tell_of() {
        let cooling = |seconds| LeaseRecord::CoolingDown(Duration::from_secs(seconds));
        assert!(!is_worth_a_line(&cooling(1)));
        assert!(is_worth_a_line(&cooling(2)));
        assert!(is_worth_a_line(&LeaseRecord::Held(Duration::from_secs(1))));
    }
}
