//! Whose turn it is to fetch: the lock, and the gate beside it.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use pan123_token_cache::{Clock, Moment, Owner, StoreError, StoreKey};

use crate::folder::Folder;
use crate::lease_record::{LeaseRecord, Term};
use crate::lock::{Attempt, Lock};

/// How often it is looked whether a holder whose term seems over has just begun another.
const LOOKS: u32 = 5;
const PAUSE: Duration = Duration::from_millis(10);

/// The answer to asking for the lease.
#[derive(Debug)]
pub(crate) enum Turn {
    Granted,
    Held(Duration),
    CoolingDown(Duration),
}

pub(crate) struct Leases {
    pub(crate) clock: Box<dyn Clock>,
    known: Mutex<HashMap<StoreKey, Known>>,
}

/// What this process knows of a key's lease.
enum Known {
    /// It is this process's. There is no lock where the file system has none.
    Ours {
        owner: Owner,
        term: Term,
        _lock: Option<Lock>,
    },
    /// It is another's, who left this gate, which was first seen then.
    Theirs {
        gate: Option<LeaseRecord>,
        seen: Moment,
    },
}

impl Leases {
    pub(crate) fn new(clock: impl Clock + 'static) -> Self {
        Self {
            clock: Box::new(clock),
            known: Mutex::default(),
        }
    }

    /// Asks for the lease.
    pub(crate) fn take(
        &self,
        folder: &Folder,
        key: StoreKey,
        owner: Owner,
        length: Duration,
    ) -> Result<Turn, StoreError> {
        for _ in 1..LOOKS {
            match self.try_take(folder, key, owner, length)? {
                // Someone may have the lock, and not have written the gate yet.
                Turn::Held(left) if left.is_zero() => thread::sleep(PAUSE),
                turn => return Ok(turn),
            }
        }
        self.try_take(folder, key, owner, length)
    }

    fn try_take(
        &self,
        folder: &Folder,
        key: StoreKey,
        owner: Owner,
        length: Duration,
    ) -> Result<Turn, StoreError> {
        let mut known = self.known();
        let now = self.clock.now();
        let asked_for = Term::new(now, length);
        if let Some(Known::Ours {
            owner: holder,
            term,
            ..
        }) = known.get_mut(&key)
        {
            let left = term.left(now);
            if *holder != owner && !left.is_zero() {
                return Ok(Turn::Held(left));
            }
            folder.write_lease_record(key, &LeaseRecord::held(owner, asked_for))?;
            (*holder, *term) = (owner, asked_for);
            return Ok(Turn::Granted);
        }

        let lock = match folder.lock_for_lease(key)? {
            Attempt::Taken(lock) => Some(lock),
            Attempt::NoLocks => None,
            Attempt::Busy => {
                return Ok(wait(
                    &mut known,
                    key,
                    folder.lease_record(key),
                    asked_for,
                    now,
                ));
            }
        };
        known.remove(&key);
        if let Some(cool) = folder
            .lease_record(key)
            .filter(LeaseRecord::is_cooling_down)
        {
            let left = cool.term(now).left(now);
            if cool.since > now.wall {
                // Dated anew, or each process that comes would begin to count again. If that fails, it does.
                let _ = folder
                    .write_lease_record(key, &LeaseRecord::cooling_down(now.wall, cool.length));
            }
            if !left.is_zero() {
                return Ok(Turn::CoolingDown(left));
            }
        }
        folder.write_lease_record(key, &LeaseRecord::held(owner, asked_for))?;
        let ours = Known::Ours {
            owner,
            term: asked_for,
            _lock: lock,
        };
        known.insert(key, ours);
        Ok(Turn::Granted)
    }

    /// Ends the lease, if it is this owner's, and leaves the gate cool for so long.
    pub(crate) fn release(
        &self,
        folder: &Folder,
        key: StoreKey,
        owner: Owner,
        cool: Duration,
    ) -> Result<(), StoreError> {
        let mut known = self.known();
        match known.get(&key) {
            Some(Known::Ours { owner: holder, .. }) if *holder == owner => {}
            _ => return Ok(()),
        }
        // Before the lock is freed, so that nobody slips in between; and freed it is, whatever comes of this.
        let written = if cool.is_zero() {
            Ok(())
        } else {
            folder.write_lease_record(key, &LeaseRecord::cooling_down(self.clock.now().wall, cool))
        };
        known.remove(&key);
        written
    }

    fn known(&self) -> MutexGuard<'_, HashMap<StoreKey, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long another process still has the lease.
fn wait(
    known: &mut HashMap<StoreKey, Known>,
    key: StoreKey,
    gate: Option<LeaseRecord>,
    asked_for: Term,
    now: Moment,
) -> Turn {
    if let Some(cool) = gate.filter(LeaseRecord::is_cooling_down) {
        // It is being shut, or someone else looks whether it is open.
        let left = cool.term(now).left(now);
        if !left.is_zero() {
            return Turn::CoolingDown(left);
        }
    }
    let seen = match known.get(&key) {
        Some(Known::Theirs { gate: before, seen }) if *before == gate => *seen,
        _ => now,
    };
    known.insert(key, Known::Theirs { gate, seen });
    let term = match gate {
        Some(held) if !held.is_cooling_down() => held.term(seen),
        // It isn't written yet, or can't be read.
        _ => asked_for.beginning(seen),
    };
    Turn::Held(term.left(now))
}
