//! Which owner may fetch: the lock, and the lease record beside it.
//!
//! The holder of the lease has the lock, which the kernel frees when its process ends. The lease record says until when its
//! term runs. A lock that is still taken after that has a holder that was stopped, or it was inherited by a forked child.
//! Then the lease is *taken over*: granted by the lease record alone, without the lock, and from then on the record says so.
//! So it is where no lock can be had at all. What is decided here is decided under the lock on changes, so that of many that
//! ask at once one is granted.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pan123_token_cache::{self as cache, Clock, Owner, StoreError, StoreKey};

use crate::files::Files;
use crate::folder::Folder;
use crate::lease_record::{LeaseRecord, State, Term};
use crate::lock::{Attempt, Lock};

/// The answer to asking for the lease.
#[derive(Debug)]
pub(crate) enum Turn {
    Granted,
    Held(Duration),
    CoolingDown(Duration),
}

pub(crate) struct Leases {
    pub(crate) clock: Box<dyn Clock>,
    ours: Mutex<HashMap<StoreKey, Ours>>,
}

/// A lease that this process has.
struct Ours {
    owner: Owner,
    term: Term,
    /// Without it, the lease record alone says so.
    lock: Option<Lock>,
}

impl Leases {
    pub(crate) fn new(clock: impl Clock + 'static) -> Self {
        Self {
            clock: Box::new(clock),
            ours: Mutex::default(),
        }
    }

    /// Asks for the lease.
    pub(crate) fn take(
        &self,
        files: &Files<'_>,
        key: StoreKey,
        owner: Owner,
        length: Duration,
    ) -> Result<Turn, StoreError> {
        let _alone = files.lock_for_change(key)?;
        let mut ours = self.ours();
        let now = self.clock.now();
        let asked_for = Term::new(now, length);
        let record = files.lease_record(key).map(|record| {
            // One from the future: the clock was set back. It is dated anew, or each process that comes would begin to count
            // again. If that can't be written, it does.
            let dated = record.not_later_than(now.wall);
            if dated != record {
                let _ = files.write_lease_record(key, &dated);
            }
            dated
        });
        let running = record.and_then(|record| {
            let left = record.left(now);
            (!left.is_zero()).then_some((record.state, left))
        });
        match running {
            Some((State::CoolingDown, left)) => {
                ours.remove(&key);
                return Ok(Turn::CoolingDown(left));
            }
            Some((State::TakenOver(holder), left)) if holder != owner => {
                // If it was taken over from this process, that has lost it.
                if ours.get(&key).is_some_and(|ours| ours.owner != holder) {
                    ours.remove(&key);
                }
                return Ok(Turn::Held(left));
            }
            _ => {}
        }
        if let Some(holder) = ours.get(&key).filter(|ours| ours.lock.is_some()) {
            let left = holder.term.left(now);
            if holder.owner != owner && !left.is_zero() {
                return Ok(Turn::Held(left));
            }
        }
        let attempt = match ours.remove(&key).and_then(|ours| ours.lock) {
            Some(lock) => Attempt::Taken(lock),
            None => files.lock_for_lease(key)?,
        };
        let lock = match (attempt, running) {
            (Attempt::Taken(lock), _) => Some(lock),
            (_, Some((State::Held(holder), left))) if holder != owner => {
                return Ok(Turn::Held(left));
            }
            (Attempt::Busy, _) if record.is_none() => {
                // Its term is counted from now on, by those that come later, too.
                let unknown = LeaseRecord::new(LeaseRecord::UNKNOWN, asked_for);
                files.write_lease_record(key, &unknown)?;
                return Ok(Turn::Held(unknown.left(now)));
            }
            (Attempt::Busy | Attempt::Unusable, _) => None,
        };
        let state = match &lock {
            Some(_) => State::Held(owner),
            None => State::TakenOver(owner),
        };
        files.write_lease_record(key, &LeaseRecord::new(state, asked_for))?;
        let term = asked_for;
        ours.insert(key, Ours { owner, term, lock });
        Ok(Turn::Granted)
    }

    /// Ends the lease, if it is this owner's, and starts a cooldown of this length.
    pub(crate) fn release(
        &self,
        folder: &Folder,
        key: StoreKey,
        owner: Owner,
        cooldown: Duration,
    ) -> Result<(), StoreError> {
        let ours = match self.ours().entry(key) {
            Entry::Occupied(ours) if ours.get().owner == owner => ours.remove(),
            _ => return Ok(()),
        };
        if cooldown.is_zero() && ours.lock.is_some() {
            return Ok(());
        }
        let Some(files) = folder.files()? else {
            return Ok(());
        };
        let alone = files.lock_for_change(key)?;
        let record = files.lease_record(key);
        let was_taken_over = record.is_some_and(|record| record.owner() != Some(owner));
        let written = if was_taken_over {
            Ok(())
        } else {
            let cooldown = Term::new(self.clock.now(), cooldown);
            files.write_lease_record(key, &LeaseRecord::new(State::CoolingDown, cooldown))
        };
        // It is freed whatever came of that, and before another process may look.
        drop(ours);
        drop(alone);
        written
    }

    /// What an asker would be told. Makes no file where no lease record was written.
    pub(crate) fn look(
        &self,
        files: &Files<'_>,
        key: StoreKey,
    ) -> Result<Option<cache::LeaseRecord>, StoreError> {
        let running = || {
            let record = files.lease_record(key)?;
            let left = record.left(self.clock.now());
            (!left.is_zero()).then_some((record.state, left))
        };
        if running().is_none() {
            return Ok(None);
        }
        // Or it would be seen between the lock and the lease record that belongs to it; and an asker would find it locked.
        let _alone = files.lock_for_change(key)?;
        Ok(match running() {
            None => None,
            Some((State::CoolingDown, left)) => Some(cache::LeaseRecord::CoolingDown(left)),
            Some((State::TakenOver(_), left)) => Some(cache::LeaseRecord::Held(left)),
            Some((State::Held(_), left)) => match files.lock_for_lease(key)? {
                // Its process ended, or released it.
                Attempt::Taken(_) => None,
                Attempt::Busy | Attempt::Unusable => Some(cache::LeaseRecord::Held(left)),
            },
        })
    }

    fn ours(&self) -> MutexGuard<'_, HashMap<StoreKey, Ours>> {
        self.ours.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
