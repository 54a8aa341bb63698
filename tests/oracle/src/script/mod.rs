//! A world made of bytes: what a fuzzer makes up, or a hand writes, led through one cache and judged by the same rules.
//!
//! An input is a script of letters and digits, which `fuzz/README.md` lists; bytes that are no operation have no effect.

mod figures;

use std::time::Duration;

use pan123_token::{FetchError, Grant, time};
use pan123_token_cache::{
    Lease, Moment, Reason, Record, RenewalPolicy, Saved, StoreError, StoreStep, Stored, Tier,
    TokenCache,
};

use self::figures::{Bytes, failures, quick, template_record};
use crate::answer::Answer;
use crate::judged::{Asked, Drawn, Judged, Ticket};
use crate::rules::{Broken, Check, ensure};
use crate::scenario::{DAY, HOUR};
use crate::wire::{access_token, date_of, template_grant};

/// 2025-02-21T07:48:37Z by the wall, some time after the process began.
const START: Moment = Moment {
    wall: Duration::from_secs(1_740_124_117),
    monotonic: Duration::from_secs(1000),
};

/// Longer scripts say nothing new and are slow.
const MAX_OPERATIONS: usize = 200;

/// After the last fault there is a token within an hour (`Retry-After`), the longest backoff, a lease and a fetch.
const ALIVE_AGAIN: Duration = Duration::from_secs(3600 + 900 + 60 + 45 + 30 + 10);

/// Panics where the life that the script leads to breaks a rule.
///
/// # Panics
///
/// That is how it says so.
pub fn check(script: &[u8]) {
    check_of(script, false);
}

/// The same of a cache that has a store of its host beside the one that all share.
///
/// # Panics
///
/// That is how it says so.
pub fn check_with_fallback(script: &[u8]) {
    check_of(script, true);
}

#[expect(clippy::panic, reason = "what a fuzzer looks for")]
fn check_of(script: &[u8], fallback: bool) {
    let run = || Script::run(script, fallback);
    match (run(), run()) {
        (Ok(first), Ok(second)) => {
            assert_eq!(first, second, "equal seeds and inputs, equal actions");
        }
        (Err((broken, trace)), _) | (_, Err((broken, trace))) => {
            panic!("{}\nit breaks {broken}", trace.join("\n"))
        }
    }
}

/// What the store answers to one call.
enum Condition {
    /// What was saved, and the lease.
    Well,
    Failing,
    Held(Duration),
    CoolingDown(Duration),
    /// As if it were empty.
    Empty,
    /// Another cache's record, newer than any.
    Foreign(Box<Stored>),
}

/// One cache, and all that was done to it.
struct Script {
    judged: Judged,
    now: Moment,
    /// The platform's own clock.
    platform: Duration,
    tickets: Vec<Ticket>,
    steps: Vec<Asked>,
    wait: Option<Moment>,
    tokens: usize,
    /// What the shared store holds, and the host's.
    records: [Option<Record>; 2],
    /// What the machine did, to be compared.
    trace: Vec<String>,
}

impl Script {
    /// Leads a life as the script says, then one without faults, and says what the machine did.
    fn run(script: &[u8], fallback: bool) -> Result<Vec<String>, (Broken, Vec<String>)> {
        let mut bytes = Bytes(script.iter());
        let (kind, seed) = (bytes.digit(), bytes.digit());
        let policy = if kind / 2 % 2 == 1 {
            quick()
        } else {
            RenewalPolicy::default()
        };
        let shares = kind % 2 == 1;
        let mut cache = TokenCache::new(policy.clone(), seed as u64).unwrap();
        if shares {
            cache = if fallback {
                cache.with_fallback()
            } else {
                cache.sharing()
            };
        }
        let mut world = Self {
            judged: Judged::new(cache, policy, shares).printing(),
            now: START,
            platform: START.wall,
            tickets: Vec::new(),
            steps: Vec::new(),
            wait: None,
            tokens: 0,
            records: [None, None],
            trace: Vec::new(),
        };
        match world.live(&mut bytes) {
            Ok(()) => Ok(world.trace),
            Err(broken) => Err((broken, world.trace)),
        }
    }

    fn live(&mut self, bytes: &mut Bytes<'_>) -> Check {
        for _ in 0..MAX_OPERATIONS {
            let Some(operation) = bytes.0.next().copied() else {
                break;
            };
            self.operate(operation, bytes)?;
            self.judged.token(self.now)?;
        }
        self.judged.shows_no_secret()?;
        self.must_recover()
    }

    fn operate(&mut self, operation: u8, bytes: &mut Bytes<'_>) -> Check {
        match operation {
            b'p' => return self.poll(),
            b'+' => self.pass(bytes.length()),
            b'>' => self.now.wall += bytes.length(),
            b'<' => self.now.wall = self.now.wall.saturating_sub(bytes.length()),
            b'^' => self.now.monotonic += bytes.length(),
            b'_' => return self.poll_earlier(bytes.length()),
            b'w' => self.wait(),
            b'g' => {
                let (at, lifetime) = (bytes.digit(), bytes.length());
                let (date, token) = (bytes.digit(), bytes.digit());
                let grant = self.grant(lifetime, date, token);
                return self.report(at, Ok(grant));
            }
            b'f' => {
                let (at, failure) = (bytes.digit(), bytes.digit());
                let failures = failures();
                return self.report(at, Err(failures[failure % failures.len()].clone()));
            }
            b'u' => {
                if let Some(ticket) = take(&mut self.tickets, bytes.digit()) {
                    self.judged.not_sent(ticket, self.now)?;
                }
            }
            b'v' => {
                let superseded = self.judged.supersede(self.now)?;
                self.trace.push(format!("superseded {superseded}"));
            }
            b'd' => drop(take(&mut self.tickets, bytes.digit())),
            b'x' => drop(take(&mut self.steps, bytes.digit())),
            b's' => {
                let at = bytes.digit();
                let condition = self.condition(bytes);
                return self.carry_out(at, &condition);
            }
            b'r' => {
                if let Some(token) = self.judged.token(self.now)? {
                    let answer = self.judged.reject(&token, self.now)?;
                    self.trace.push(format!("{answer:?}"));
                }
            }
            b'R' => {
                let number = bytes.digit() % (self.tokens + 1);
                let token = access_token(number, date_of(self.platform + DAY));
                let answer = self.judged.reject(&token, self.now)?;
                self.trace.push(format!("{answer:?}"));
            }
            b'n' => self.judged.refresh(),
            b'h' => {
                for _ in 0..bytes.digit() {
                    self.go_on_well()?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn pass(&mut self, time: Duration) {
        self.now = self.now.after(time);
        self.platform += time;
    }

    fn wait(&mut self) {
        if let Some(until) = self.wait {
            let by_wall = until.wall.saturating_sub(self.now.wall);
            let by_monotonic = until.monotonic.saturating_sub(self.now.monotonic);
            self.pass(by_wall.min(by_monotonic).min(10_000 * DAY));
        }
    }

    fn poll(&mut self) -> Check {
        self.poll_and_note().map(drop)
    }

    /// Returns the wait, if it is one.
    fn poll_and_note(&mut self) -> Result<Option<(Moment, Reason)>, Broken> {
        let mut wait = None;
        match self.judged.poll(self.now)? {
            Drawn::Fetch(ticket) => {
                self.trace.push(format!("fetch {:?}", ticket.timeout()));
                self.tickets.push(ticket);
            }
            Drawn::Store(asked) => {
                let (step, tier) = (asked.step.name(), asked.step.tier());
                self.trace.push(format!("{step}, {tier:?}"));
                self.steps.push(asked);
            }
            Drawn::Wait { until, reason } => {
                self.trace.push(format!("{until:?} {reason:?}"));
                self.wait = Some(until);
                wait = Some((until, reason));
            }
        }
        let events = self.judged.events()?;
        self.trace
            .extend(events.iter().map(|event| format!("{event:?}")));
        Ok(wait)
    }

    /// Earlier monotonic times change nothing: the machine takes them for the latest that it saw.
    fn poll_earlier(&mut self, by: Duration) -> Check {
        // So that the latest is this one.
        let Some(wait) = self.poll_and_note()? else {
            return Ok(());
        };
        let again = self.judged.poll_earlier(self.now, by)?;
        ensure(
            again == Some(wait),
            10,
            "earlier-times-change-nothing",
            || format!("{again:?} instead of {wait:?}"),
        )
    }

    fn report(&mut self, at: usize, result: Result<Grant, FetchError>) -> Check {
        let Some(ticket) = take(&mut self.tickets, at) else {
            return Ok(());
        };
        let end = self.judged.fetched(ticket, result, self.now)?;
        self.trace.push(format!("{end:?}"));
        Ok(())
    }

    fn carry_out(&mut self, at: usize, condition: &Condition) -> Check {
        let Some(asked) = take(&mut self.steps, at) else {
            return Ok(());
        };
        let answer = self.answer(&asked.step, condition);
        self.judged.stored(asked, answer, self.now)
    }

    fn answer(&mut self, step: &StoreStep, condition: &Condition) -> Answer {
        let stored = match condition {
            Condition::Failing => {
                return Answer::failed(step, StoreError::new("it is down"));
            }
            Condition::Empty => None,
            Condition::Foreign(stored) => Some(Stored::clone(stored)),
            _ => self
                .record_in(step.tier())
                .clone()
                .map(|record| Stored { record, left: None }),
        };
        match step {
            StoreStep::Load(_) => Answer::Load(Ok(stored)),
            StoreStep::Lease(_) => Answer::Lease(Ok(match condition {
                Condition::Held(wait) => Lease::Held(*wait, stored),
                Condition::CoolingDown(wait) => Lease::CoolingDown(*wait, stored),
                _ => Lease::Granted(stored),
            })),
            StoreStep::Save(step) => {
                if let (Condition::Foreign(_), Some(stored)) = (condition, stored) {
                    return Answer::Save(Ok(Saved::Newer(stored)));
                }
                // As a store has it, which keeps milliseconds.
                let form = step.call().record.encode();
                *self.record_in(step.call().tier) = Some(Record::decode(form.as_bytes()).unwrap());
                Answer::Save(Ok(Saved::Kept))
            }
            StoreStep::Release(_) => Answer::Release(Ok(())),
        }
    }

    fn record_in(&mut self, tier: Tier) -> &mut Option<Record> {
        match tier {
            Tier::Shared => &mut self.records[0],
            Tier::Host => &mut self.records[1],
        }
    }

    /// One step of a driver whose exchanges and calls all go well.
    fn go_on_well(&mut self) -> Check {
        self.poll()?;
        if !self.judged.is_in_flight(self.now) {
            self.wait();
        } else if self.judged.is_fetching(self.now) && !self.tickets.is_empty() {
            let grant = self.grant(30 * DAY, 1, 0);
            self.report(self.tickets.len() - 1, Ok(grant))?;
        } else if !self.judged.is_fetching(self.now) && !self.steps.is_empty() {
            self.carry_out(self.steps.len() - 1, &Condition::Well)?;
        } else {
            self.wait();
        }
        self.judged.token(self.now).map(drop)
    }

    fn must_recover(&mut self) -> Check {
        self.tickets.clear();
        self.steps.clear();
        let faults_ended = self.now.monotonic;
        while self.judged.token(self.now)?.is_none() {
            self.go_on_well()?;
            let without = self.now.monotonic.saturating_sub(faults_ended);
            ensure(without <= ALIVE_AGAIN, 12, "alive", || {
                format!("no token for {without:?} after the last fault")
            })?;
        }
        Ok(())
    }

    /// What the platform grants. `token` is the number of an earlier one, or zero for a new one.
    fn grant(&mut self, lifetime: Duration, date: usize, token: usize) -> Grant {
        let mut grant = template_grant();
        grant.token = access_token(self.token(token), date_of(self.platform + lifetime));
        let platform = date_of(self.platform);
        let hour = time::Duration::HOUR;
        grant.server_time = match date % 6 {
            0 => None,
            1 => Some(platform),
            2 => Some(platform + hour),
            3 => Some(platform - hour),
            4 => Some(platform + 60 * time::Duration::DAY),
            _ => Some(platform - 390 * time::Duration::DAY),
        };
        grant
    }

    fn token(&mut self, number: usize) -> usize {
        if number == 0 || number > self.tokens {
            self.tokens += 1;
            return self.tokens;
        }
        number
    }

    fn condition(&mut self, bytes: &mut Bytes<'_>) -> Condition {
        match bytes.digit() % 6 {
            0 => Condition::Well,
            1 => Condition::Failing,
            2 => Condition::Held(bytes.length()),
            3 => Condition::CoolingDown(bytes.length()),
            4 => Condition::Empty,
            _ => {
                let (lifetime, age) = (bytes.length(), bytes.length());
                let (flags, token) = (bytes.digit(), bytes.digit());
                let issued = self.platform.saturating_sub(age);
                let mut record = template_record();
                record.token = access_token(self.token(token), date_of(issued + lifetime));
                record.issued_at = date_of(issued);
                record.lifetime = lifetime;
                // The writer's wall clock is this host's, or an hour ahead.
                let ahead = if flags & 1 == 1 { HOUR } else { Duration::ZERO };
                record.sent_at = self.now.wall.saturating_sub(age) + ahead;
                record.suspect = flags & 2 == 2;
                record.forced = u32::try_from(flags / 8).unwrap_or(0);
                let left = (flags & 4 == 4).then(|| lifetime.saturating_sub(age));
                Condition::Foreign(Box::new(Stored { record, left }))
            }
        }
    }
}

fn take<T>(all: &mut Vec<T>, at: usize) -> Option<T> {
    (!all.is_empty()).then(|| all.remove(at % all.len()))
}
