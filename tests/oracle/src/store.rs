//! A store in memory over the simulation's time: with a clock of its own, like Redis, or without one, like a file.

use std::time::Duration;

use pan123_token_cache::{
    Lease, Owner, Record, RecordError, Release, Save, Saved, StoreError, StoreStep, Stored,
    TakeLease,
};

use crate::answer::Answer;
use crate::clock::At;

/// What kind of store it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Tells how much of a token's life is left, forgets what has expired, ends leases by itself.
    Redis,
    /// Has no clock. A lease is an advisory lock: the process's death ends it, time doesn't.
    File,
}

/// How it behaves in one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    Well,
    /// No call has an effect.
    Down,
    /// The call has its effect, and its answer is lost.
    AnswerLost,
    /// No record can be written, a lease record can.
    Full,
    /// Nothing can be written at all.
    ReadOnly,
    /// A wrong password: no call has an effect, and it won't heal by itself.
    Misconfigured,
    /// A replica answers, which doesn't know yet what was written in the last seconds.
    Stale,
}

/// Which versions of the stored form a process writes and reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// This crate's.
    Ours,
    /// One before the count of attempts that may have issued a token: it neither reads nor writes that.
    Older,
    /// A later one that says that ours may read it.
    Later,
    /// A later one that says that ours may not.
    Unreadable,
}

/// Who calls, when, and how the store is then.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller {
    pub(crate) process: usize,
    pub(crate) version: Version,
    pub(crate) condition: Condition,
    pub(crate) now: At,
}

pub(crate) struct Store {
    kind: Kind,
    /// Keep the stored form and read it back, instead of the record itself.
    forms: bool,
    kept: Option<Kept>,
    /// What a replica may still answer with, and until when.
    before: Option<(Option<Kept>, At)>,
    lease: Option<LeaseRecord>,
    cooldown: At,
    /// Until when a stopped process keeps the lock.
    stuck: At,
    /// How long a replica lags behind.
    lag: Duration,
}

#[derive(Clone)]
struct Kept {
    record: Record,
    form: String,
    writer: Version,
    saved_at: At,
    ends: At,
}

#[derive(Clone, Copy, Debug)]
struct LeaseRecord {
    owner: Owner,
    process: usize,
    ends: At,
}

impl Store {
    pub(crate) fn new(kind: Kind, forms: bool, lag: Duration) -> Self {
        Self {
            kind,
            forms,
            kept: None,
            before: None,
            lease: None,
            cooldown: At::ZERO,
            stuck: At::ZERO,
            lag,
        }
    }

    pub(crate) fn flush(&mut self) {
        self.kept = None;
        self.before = None;
        self.lease = None;
        self.cooldown = At::ZERO;
    }

    pub(crate) fn lose_lease(&mut self) {
        self.lease = None;
    }

    pub(crate) fn stick(&mut self, until: At) {
        if self.lease.is_none() {
            self.stuck = until;
        }
    }

    /// A process died: its locks are free.
    pub(crate) fn died(&mut self, process: usize) {
        if self.kind == Kind::File {
            self.lease = self.lease.filter(|lease| lease.process != process);
        }
    }

    /// What a process of this version could read, and since when it is there.
    pub(crate) fn readable(&self, version: Version, now: At) -> Option<(&Record, At)> {
        let kept = self.kept_at(now)?;
        let ours = matches!(version, Version::Ours | Version::Older);
        (!ours || kept.writer != Version::Unreadable).then_some((&kept.record, kept.saved_at))
    }

    fn kept_at(&self, now: At) -> Option<&Kept> {
        let kept = self.kept.as_ref()?;
        (self.kind == Kind::File || now < kept.ends).then_some(kept)
    }

    /// How long this process still has the lease, if it has.
    pub(crate) fn lease_left(&self, process: usize, now: At) -> Option<Duration> {
        self.lease
            .filter(|lease| lease.process == process && now < lease.ends)
            .map(|lease| lease.ends.saturating_sub(now))
    }

    /// Carries out a step.
    pub(crate) fn answer(&mut self, step: &StoreStep, caller: Caller) -> Answer {
        let error = match (caller.condition, step) {
            (Condition::Down, _) => Some(StoreError::new("connection refused")),
            (Condition::Misconfigured, _) => Some(StoreError::misconfigured("wrong password")),
            (Condition::ReadOnly, StoreStep::Load(_)) => None,
            (Condition::ReadOnly, _) => Some(StoreError::new("read-only")),
            (Condition::Full, StoreStep::Save(_)) => Some(StoreError::new("full")),
            _ => None,
        };
        if let Some(error) = error {
            return Answer::failed(step, error);
        }
        let answer = match step {
            StoreStep::Load(_) => Answer::Load(self.load(caller)),
            StoreStep::Lease(step) => Answer::Lease(self.take_lease(*step.call(), caller)),
            StoreStep::Save(step) => Answer::Save(self.save(step.call(), caller)),
            StoreStep::Release(step) => {
                self.release(*step.call(), caller.now);
                Answer::Release(Ok(()))
            }
        };
        if caller.condition == Condition::AnswerLost {
            return Answer::failed(step, StoreError::new("connection lost"));
        }
        answer
    }

    fn load(&self, caller: Caller) -> Result<Option<Stored>, StoreError> {
        match &self.before {
            Some((before, until))
                if caller.condition == Condition::Stale && caller.now < *until =>
            {
                let alive = before.as_ref().filter(|kept| caller.now < kept.ends);
                self.read(alive, caller)
            }
            _ => self.read(self.kept_at(caller.now), caller),
        }
    }

    fn read(&self, kept: Option<&Kept>, caller: Caller) -> Result<Option<Stored>, StoreError> {
        let Some(kept) = kept else {
            return Ok(None);
        };
        let mut record = match (caller.version, kept.writer) {
            (Version::Ours | Version::Older, Version::Unreadable) => {
                return Err(StoreError::new(RecordError::Newer));
            }
            _ if self.forms => Record::decode(kept.form.as_bytes()).map_err(StoreError::new)?,
            _ => kept.record.clone(),
        };
        if caller.version == Version::Older {
            record.maybe_issued = 0;
        }
        let left = (self.kind == Kind::Redis).then(|| kept.ends.saturating_sub(caller.now));
        Ok(Some(Stored { record, left }))
    }

    fn take_lease(&mut self, call: TakeLease, caller: Caller) -> Result<Lease, StoreError> {
        let Caller { process, now, .. } = caller;
        let stored = self.read(self.kept_at(now), caller)?;
        let lasts = |lease: &LeaseRecord| match self.kind {
            Kind::Redis => now < lease.ends,
            // The process that holds it may take it anew once its term has ended.
            Kind::File => lease.process != process || now < lease.ends,
        };
        let held = self
            .lease
            .filter(|lease| lease.owner != call.owner)
            .filter(lasts)
            .map(|lease| lease.ends)
            .or((now < self.stuck).then_some(now));
        Ok(if let Some(ends) = held {
            match ends.saturating_sub(now) {
                Duration::ZERO => Lease::Stuck(stored),
                wait => Lease::Held(wait, stored),
            }
        } else if now < self.cooldown {
            Lease::CoolingDown(self.cooldown.saturating_sub(now), stored)
        } else {
            self.lease = Some(LeaseRecord {
                owner: call.owner,
                process,
                ends: now + call.term,
            });
            Lease::Granted(stored)
        })
    }

    fn save(&mut self, call: &Save, caller: Caller) -> Result<Saved, StoreError> {
        let stored = self.read(self.kept_at(caller.now), caller)?;
        let newer = stored.filter(|stored| !call.record.may_replace(&stored.record, call.replaces));
        if let Some(stored) = newer {
            return Ok(Saved::Newer(stored));
        }
        let mut record = call.record.clone();
        if caller.version == Version::Older {
            record.maybe_issued = 0;
        }
        let mut form = String::new();
        if self.forms {
            form = record.encode();
            if caller.version == Version::Later {
                form = form.replace(r#""version":1"#, r#""added":[1],"version":2"#);
            }
        }
        self.before = Some((self.kept.take(), caller.now + self.lag));
        self.kept = Some(Kept {
            record,
            form,
            writer: caller.version,
            saved_at: caller.now,
            ends: caller.now + call.left,
        });
        Ok(Saved::Kept)
    }

    fn release(&mut self, call: Release, now: At) {
        if self.lease.is_some_and(|lease| lease.owner == call.owner) {
            self.lease = None;
            self.cooldown = now + call.cooldown;
        }
    }
}
