//! A store in memory.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use pan123_token::Fingerprint;

use crate::moment::Clock;
use crate::record::Record;
use crate::store::{Lease, LeaseRecord, Owner, Saved, StoreError, StoreKey, Stored, TokenStore};

/// A store that ends with the process. Its time is a clock's monotonic half.
///
/// An example is with [`TokenStore`].
pub struct MemoryStore {
    clock: Box<dyn Clock>,
    slots: Mutex<HashMap<StoreKey, Slot>>,
}

#[derive(Default)]
struct Slot {
    /// The stored form, and when the token's life ends.
    record: Option<(String, Duration)>,
    lease: Option<Term>,
}

/// Who may fetch, or until when no owner may.
struct Term {
    /// `None` while it is cooling down.
    owner: Option<Owner>,
    ends: Duration,
}

impl MemoryStore {
    /// An empty store.
    pub fn new(clock: impl Clock + 'static) -> Self {
        Self {
            clock: Box::new(clock),
            slots: Mutex::default(),
        }
    }

    fn with_slot<T>(&self, key: StoreKey, use_it: impl FnOnce(&mut Slot, Duration) -> T) -> T {
        let now = self.clock.now().monotonic;
        let mut slots = self.slots.lock().expect("no test panicked in here");
        let slot = slots.entry(key).or_default();
        slot.record.take_if(|(_, ends)| *ends <= now);
        slot.lease.take_if(|lease| lease.ends <= now);
        use_it(slot, now)
    }
}

impl Slot {
    fn stored(&self, now: Duration) -> Option<Stored> {
        let (form, ends) = self.record.as_ref()?;
        Some(Stored {
            record: Record::decode(form.as_bytes()).ok()?,
            left: Some(ends.saturating_sub(now)),
        })
    }
}

impl TokenStore for MemoryStore {
    fn load(&self, key: StoreKey) -> Result<Option<Stored>, StoreError> {
        Ok(self.with_slot(key, |slot, now| slot.stored(now)))
    }

    fn lease(&self, key: StoreKey, owner: Owner, term: Duration) -> Result<Lease, StoreError> {
        Ok(self.with_slot(key, |slot, now| {
            let stored = slot.stored(now);
            match &slot.lease {
                Some(lease) if lease.owner.is_none() => {
                    Lease::CoolingDown(lease.ends.saturating_sub(now), stored)
                }
                Some(lease) if lease.owner != Some(owner) => {
                    Lease::Held(lease.ends.saturating_sub(now), stored)
                }
                _ => {
                    slot.lease = Some(Term {
                        owner: Some(owner),
                        ends: now.saturating_add(term),
                    });
                    Lease::Granted(stored)
                }
            }
        }))
    }

    fn save(
        &self,
        key: StoreKey,
        record: &Record,
        replaces: Option<Fingerprint>,
        left: Duration,
    ) -> Result<Saved, StoreError> {
        Ok(self.with_slot(key, |slot, now| match slot.stored(now) {
            Some(stored) if !record.may_replace(&stored.record, replaces) => Saved::Newer(stored),
            _ => {
                slot.record = Some((record.encode(), now.saturating_add(left)));
                Saved::Kept
            }
        }))
    }

    fn release(&self, key: StoreKey, owner: Owner, cooldown: Duration) -> Result<(), StoreError> {
        self.with_slot(key, |slot, now| {
            let is_owners = |lease: &Term| lease.owner == Some(owner);
            if slot.lease.as_ref().is_some_and(is_owners) {
                slot.lease = Some(Term {
                    owner: None,
                    ends: now.saturating_add(cooldown),
                });
            }
        });
        Ok(())
    }

    fn lease_record(&self, key: StoreKey) -> Result<Option<LeaseRecord>, StoreError> {
        Ok(self.with_slot(key, |slot, now| {
            let lease = slot.lease.as_ref()?;
            let left = lease.ends.saturating_sub(now);
            Some(match lease.owner {
                Some(_) => LeaseRecord::Held(left),
                None => LeaseRecord::CoolingDown(left),
            })
        }))
    }
}
