//! A store in memory over the simulation's time: with a clock of its own, like Redis, or without one, like a file. Or a
//! real one behind the same faults.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pan123_token::Fingerprint;
use pan123_token_cache::{
    Lease, Owner, Record, RecordError, Saved, StoreError, StoreKey, Stored, TokenStore,
};

use super::clock::At;

/// What kind of store it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Tells how much of a token's life is left, forgets what is over, ends leases by itself.
    Redis,
    /// Has no clock. A lease is an advisory lock: the process's death ends it, time doesn't.
    File,
}

/// How it behaves now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Well,
    /// No call has an effect.
    Down,
    /// The call has its effect, and its answer is lost.
    Deaf,
    /// Nothing can be written but the gate.
    Full,
    /// Nothing can be written at all.
    ReadOnly,
}

/// What the last call did, for the rules.
#[derive(Clone, Debug)]
pub(crate) enum Seen {
    Nothing,
    Record(Option<Stored>),
    Granted(Option<Stored>),
    /// `overdue`: the holder has had it for longer than its term.
    Shut {
        stored: Option<Stored>,
        overdue: bool,
    },
    Saved,
    GaveBack {
        cool: Duration,
        ours: bool,
    },
}

/// Which versions of the stored form a caller writes and reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// This crate's.
    Ours,
    /// A later one that says that ours may read it.
    Later,
    /// A later one that says that ours may not.
    Unreadable,
}

pub(crate) struct State {
    pub(crate) now: At,
    pub(crate) mode: Mode,
    pub(crate) caller: usize,
    pub(crate) version: Version,
    pub(crate) seen: Seen,
    kind: Kind,
    /// Keep the stored form and read it back, instead of the record itself.
    forms: bool,
    kept: Option<Kept>,
    pub(crate) gate: Option<Gate>,
    cool: At,
    /// Until when a stopped process keeps the lock.
    stuck: At,
}

#[derive(Clone)]
struct Kept {
    record: Record,
    form: String,
    writer: Version,
    ends: At,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Gate {
    owner: Owner,
    pub(crate) caller: usize,
    pub(crate) ends: At,
}

/// Opens a real store, as a process of this host does.
pub type OpenStore = Arc<dyn Fn(usize) -> Arc<dyn TokenStore> + Send + Sync>;

pub(crate) struct ModelStore {
    state: Mutex<State>,
    real: Option<Real>,
}

struct Real {
    host: usize,
    open: OpenStore,
    opened: Mutex<Arc<dyn TokenStore>>,
}

impl ModelStore {
    pub(crate) fn new(kind: Kind, forms: bool) -> Self {
        let state = Mutex::new(State {
            now: At::ZERO,
            mode: Mode::Well,
            caller: 0,
            version: Version::Ours,
            seen: Seen::Nothing,
            kind,
            forms,
            kept: None,
            gate: None,
            cool: At::ZERO,
            stuck: At::ZERO,
        });
        Self { state, real: None }
    }

    /// One process's way to a real store. Of the model, only what the rules ask about this process's own calls is left.
    pub(crate) fn before(open: &OpenStore, host: usize) -> Self {
        Self {
            real: Some(Real {
                host,
                open: Arc::clone(open),
                opened: Mutex::new(open(host)),
            }),
            ..Self::new(Kind::Redis, false)
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn real(&self) -> Option<Arc<dyn TokenStore>> {
        let opened = self.real.as_ref()?.opened.lock();
        Some(Arc::clone(&*opened.unwrap_or_else(PoisonError::into_inner)))
    }

    /// A process died: its locks are free.
    pub(crate) fn died(&self, caller: usize) {
        if let Some(real) = &self.real {
            // Closed before it is opened anew, as by a process.
            let mut opened = real.opened.lock().unwrap_or_else(PoisonError::into_inner);
            *opened = Arc::new(ModelStore::new(Kind::Redis, false));
            *opened = (real.open)(real.host);
        }
        self.state().died(caller);
    }
}

impl State {
    pub(crate) fn flush(&mut self) {
        self.kept = None;
        self.gate = None;
        self.cool = At::ZERO;
    }

    pub(crate) fn lose_lease(&mut self) {
        self.gate = None;
    }

    pub(crate) fn stick(&mut self, until: At) {
        if self.gate.is_none() {
            self.stuck = until;
        }
    }

    fn died(&mut self, caller: usize) {
        if self.kind == Kind::File {
            self.gate = self.gate.filter(|gate| gate.caller != caller);
        }
    }

    /// What it keeps, as anyone would see it who can read it all.
    pub(crate) fn record(&self) -> Option<&Record> {
        let kept = self.kept.as_ref()?;
        (self.kind == Kind::File || self.now < kept.ends).then_some(&kept.record)
    }

    /// The lease of this caller, if it has one that runs.
    pub(crate) fn lease_of(&self, caller: usize) -> Option<Gate> {
        self.gate
            .filter(|gate| gate.caller == caller && self.now < gate.ends)
    }

    fn check(&mut self, writes: bool) -> Result<(), StoreError> {
        let error = match self.mode {
            Mode::Down => "down",
            Mode::ReadOnly if writes => "read-only",
            _ => return Ok(()),
        };
        // What an earlier part of the call saw, nobody hears of.
        self.seen = Seen::Nothing;
        Err(StoreError::new(error))
    }

    fn answer<T>(&self, answer: T) -> Result<T, StoreError> {
        match self.mode {
            Mode::Deaf => Err(StoreError::new("connection lost")),
            _ => Ok(answer),
        }
    }

    fn lease(&mut self, owner: Owner, term: Duration) -> Result<Lease, StoreError> {
        let stored = self.read()?;
        let (now, caller) = (self.now, self.caller);
        let lasts = |gate: &Gate| match self.kind {
            Kind::Redis => now < gate.ends,
            // The process that holds it may take it anew once it is over.
            Kind::File => gate.caller != caller || now < gate.ends,
        };
        let held = self
            .gate
            .filter(|gate| gate.owner != owner)
            .filter(lasts)
            .map(|gate| gate.ends)
            .or((now < self.stuck).then_some(now));
        Ok(if let Some(ends) = held {
            match ends.saturating_sub(now) {
                Duration::ZERO => Lease::Stuck(stored),
                wait => Lease::Held(wait, stored),
            }
        } else if now < self.cool {
            Lease::CoolingDown(self.cool.saturating_sub(now), stored)
        } else {
            self.grant(owner, term);
            Lease::Granted(stored)
        })
    }

    fn grant(&mut self, owner: Owner, term: Duration) {
        self.gate = Some(Gate {
            owner,
            caller: self.caller,
            ends: self.now + term,
        });
    }

    fn read(&self) -> Result<Option<Stored>, StoreError> {
        if self.record().is_none() {
            return Ok(None);
        }
        let Some(kept) = &self.kept else {
            return Ok(None);
        };
        let record = match (self.version, kept.writer) {
            (Version::Ours, Version::Unreadable) => {
                return Err(StoreError::new(RecordError::Newer));
            }
            _ if self.forms => Record::decode(kept.form.as_bytes()).map_err(StoreError::new)?,
            _ => kept.record.clone(),
        };
        let left = (self.kind == Kind::Redis).then(|| kept.ends.saturating_sub(self.now));
        Ok(Some(Stored { record, left }))
    }
}

impl TokenStore for ModelStore {
    fn load(&self, key: StoreKey) -> Result<Option<Stored>, StoreError> {
        let mut state = self.state();
        state.check(false)?;
        let stored = match self.real() {
            Some(real) => real.load(key)?,
            None => state.read()?,
        };
        state.seen = Seen::Record(stored.clone());
        state.answer(stored)
    }

    fn lease(&self, key: StoreKey, owner: Owner, term: Duration) -> Result<Lease, StoreError> {
        let mut state = self.state();
        state.check(true)?;
        let lease = match self.real() {
            Some(real) => {
                let lease = real.lease(key, owner, term)?;
                if matches!(lease, Lease::Granted(_)) {
                    state.grant(owner, term);
                }
                lease
            }
            None => state.lease(owner, term)?,
        };
        state.seen = match &lease {
            Lease::Granted(stored) => Seen::Granted(stored.clone()),
            Lease::Stuck(stored) => Seen::Shut {
                stored: stored.clone(),
                overdue: true,
            },
            Lease::Held(_, stored) | Lease::CoolingDown(_, stored) => Seen::Shut {
                stored: stored.clone(),
                overdue: false,
            },
        };
        state.answer(lease)
    }

    fn save(
        &self,
        key: StoreKey,
        record: &Record,
        replaces: Option<Fingerprint>,
        left: Duration,
    ) -> Result<Saved, StoreError> {
        let mut state = self.state();
        state.check(true)?;
        if state.mode == Mode::Full {
            state.seen = Seen::Nothing;
            return Err(StoreError::new("full"));
        }
        let newer = match self.real() {
            Some(real) => match real.save(key, record, replaces, left)? {
                Saved::Newer(stored) => Some(stored),
                Saved::Kept => None,
            },
            None => state
                .read()?
                .filter(|stored| !record.may_replace(&stored.record, replaces)),
        };
        if let Some(stored) = newer {
            state.seen = Seen::Record(Some(stored.clone()));
            return state.answer(Saved::Newer(stored));
        }
        let form = if state.forms {
            let form = record.encode();
            match state.version {
                Version::Later => form.replace(r#""version":1"#, r#""added":[1],"version":2"#),
                _ => form,
            }
        } else {
            String::new()
        };
        state.kept = Some(Kept {
            record: record.clone(),
            form,
            writer: state.version,
            ends: state.now + left,
        });
        state.seen = Seen::Saved;
        state.answer(Saved::Kept)
    }

    fn release(&self, key: StoreKey, owner: Owner, cool: Duration) -> Result<(), StoreError> {
        let mut state = self.state();
        state.check(true)?;
        if let Some(real) = self.real() {
            real.release(key, owner, cool)?;
        }
        let ours = state.gate.is_some_and(|gate| gate.owner == owner);
        if ours {
            state.gate = None;
            state.cool = state.now + cool;
        }
        state.seen = Seen::GaveBack { cool, ours };
        state.answer(())
    }
}
