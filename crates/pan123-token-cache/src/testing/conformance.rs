//! The suite that every store must pass: one, for stores that are asked asynchronously; a blocking one goes in through
//! [`Blocking`].

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use pan123_token::{AccessToken, BaseUrl, Fingerprint, OffsetDateTime};

use crate::async_store::{AsyncTokenStore, Blocking};
use crate::record::Record;
use crate::store::{Lease, LeaseRecord, Owner, Saved, StoreKey, TokenStore};

/// Checks that a store does what [`TokenStore`] says, also where many threads ask it at once. Panics where it doesn't, and
/// says what it did.
///
/// `store` is used under keys of this suite's own; they should be unused. `wait` lets time pass for the store: it sleeps,
/// or moves the store's clock.
///
/// ```
/// use pan123_token_cache::testing::{ManualClock, MemoryStore, conformance};
///
/// let clock = ManualClock::default();
/// let store = MemoryStore::new(clock.clone());
/// conformance(&store, &|time| clock.advance(time));
/// ```
pub fn conformance(store: &dyn TokenStore, wait: &dyn Fn(Duration)) {
    let blocking = Blocking(Arc::new(store));
    run_in_place(conformance_async(&blocking, async |time| wait(time)));
    of_many_threads_one_is_granted(store);
}

/// The same for a store that is asked asynchronously. Runs on whichever runtime polls it.
///
/// An example is with [`Blocking`].
pub async fn conformance_async(store: &impl AsyncTokenStore, wait: impl AsyncFn(Duration)) {
    let suite = Suite { store };
    suite.a_record_comes_back_as_it_was_saved().await;
    suite.an_older_record_replaces_nothing().await;
    suite.a_record_read_under_the_lease_may_be_replaced().await;
    suite.a_suspect_replaces_no_other_token().await;
    suite.a_later_expiry_of_one_token_is_kept().await;
    suite.a_mark_is_never_undone().await;
    suite.counts_are_never_lowered().await;
    suite.one_owner_has_the_lease_at_a_time().await;
    suite.a_lease_ends_with_its_term(&wait).await;
    suite.in_a_cooldown_no_owner_is_granted(&wait).await;
    suite.a_stranger_releases_nothing().await;
    suite.each_answer_comes_with_the_record().await;
    suite.keys_do_not_meet().await;
    suite.of_many_tasks_one_is_granted().await;
    suite
        .a_lease_record_says_what_an_asker_would_be_told(&wait)
        .await;
}

/// A blocking store has nothing to wait for.
fn run_in_place<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("a blocking call is pending"),
    }
}

const TERM: Duration = Duration::from_millis(600);
const LIFE: Duration = Duration::from_secs(30 * 86_400);
/// How many ask at once.
const ASKERS: u64 = 16;

/// A key that no other part of the suite uses.
fn key(name: &str) -> StoreKey {
    StoreKey::new(&BaseUrl::default(), &format!("conformance: {name}"))
}

/// A record whose token was issued so many seconds after another.
fn record(secret: &str, seconds: i64) -> Record {
    let issued_at = OffsetDateTime::UNIX_EPOCH + time::Duration::seconds(1_740_124_117 + seconds);
    let token = AccessToken::new(secret.replace(' ', "-"), issued_at + LIFE).expect("a token");
    Record {
        token,
        issued_at,
        lifetime: LIFE,
        sent_at: Duration::from_secs(1_740_124_117),
        forced: 0,
        suspect: false,
        maybe_issued: 0,
    }
}

fn suspect(record: &Record) -> Record {
    Record {
        suspect: true,
        ..record.clone()
    }
}

struct Suite<'a, S> {
    store: &'a S,
}

impl<S: AsyncTokenStore> Suite<'_, S> {
    async fn load(&self, key: StoreKey) -> Option<Record> {
        let stored = self.store.load(key).await.expect("load");
        if let Some(left) = stored.as_ref().and_then(|stored| stored.left) {
            assert!(
                left <= LIFE,
                "the record has more life left than it had: {left:?}"
            );
        }
        stored.map(|stored| stored.record)
    }

    async fn save(&self, key: StoreKey, record: &Record, replaces: Option<Fingerprint>) -> Saved {
        let saved = self.store.save(key, record, replaces, LIFE).await;
        saved.expect("save")
    }

    /// Saves it, and finds it there.
    async fn keeps(&self, key: StoreKey, record: &Record, replaces: Option<Fingerprint>) {
        let saved = self.save(key, record, replaces).await;
        assert_eq!(saved, Saved::Kept, "it doesn't keep {record:?}");
        assert_eq!(self.load(key).await.as_ref(), Some(record));
    }

    /// Is refused for the sake of the record that is there, which stays.
    async fn refuses(
        &self,
        key: StoreKey,
        record: &Record,
        replaces: Option<Fingerprint>,
        kept: &Record,
    ) {
        match self.save(key, record, replaces).await {
            Saved::Newer(stored) => assert_eq!(stored.record, *kept),
            Saved::Kept => panic!("{record:?} replaced {kept:?}"),
        }
        assert_eq!(self.load(key).await.as_ref(), Some(kept));
    }

    async fn lease(&self, key: StoreKey, owner: u64) -> Lease {
        let lease = self.store.lease(key, Owner(owner), TERM).await;
        lease.expect("lease")
    }

    async fn release(&self, key: StoreKey, owner: u64, cooldown: Duration) {
        let released = self.store.release(key, Owner(owner), cooldown).await;
        released.expect("release");
    }

    async fn a_record_comes_back_as_it_was_saved(&self) {
        let key = key("round trip");
        assert_eq!(
            self.load(key).await,
            None,
            "there is a record before one was saved"
        );
        let first = Record {
            forced: 3,
            suspect: true,
            maybe_issued: 2,
            ..record("first", 0)
        };
        self.keeps(key, &first, None).await;
    }

    async fn an_older_record_replaces_nothing(&self) {
        let key = key("older");
        let newer = record("newer", 10);
        self.keeps(key, &newer, None).await;
        for other in [record("older", 9), record("as old", 10)] {
            self.refuses(key, &other, None, &newer).await;
            let unrelated = Some(record("unrelated", 0).fingerprint());
            self.refuses(key, &other, unrelated, &newer).await;
        }
        self.keeps(key, &record("newest", 11), None).await;
    }

    async fn a_record_read_under_the_lease_may_be_replaced(&self) {
        let key = key("read under the lease");
        let (read, older) = (record("read", 10), record("older", 5));
        self.keeps(key, &read, None).await;
        self.keeps(key, &older, Some(read.fingerprint())).await;
    }

    async fn a_suspect_replaces_no_other_token(&self) {
        let key = key("suspect");
        let (good, newer) = (record("good", 0), record("newer", 10));
        self.keeps(key, &good, None).await;
        self.refuses(key, &suspect(&newer), None, &good).await;
        // A good one replaces a suspect.
        self.keeps(key, &suspect(&good), None).await;
        self.keeps(key, &newer, None).await;
    }

    async fn a_later_expiry_of_one_token_is_kept(&self) {
        let key = key("expiry");
        let early = record("one", 0);
        let later = record("one", 60);
        self.keeps(key, &early, None).await;
        self.keeps(key, &later, None).await;
        self.refuses(key, &early, Some(later.fingerprint()), &later)
            .await;
    }

    async fn a_mark_is_never_undone(&self) {
        let key = key("mark");
        let good = record("one", 0);
        let marked = suspect(&good);
        self.keeps(key, &good, None).await;
        self.keeps(key, &marked, None).await;
        for replaces in [None, Some(good.fingerprint())] {
            self.refuses(key, &good, replaces, &marked).await;
        }
        // To save it once more changes nothing.
        self.keeps(key, &marked, None).await;
    }

    async fn counts_are_never_lowered(&self) {
        let key = key("counts");
        let counted = |forced, maybe_issued| Record {
            forced,
            maybe_issued,
            ..record("one", 0)
        };
        self.keeps(key, &counted(1, 1), None).await;
        self.keeps(key, &counted(1, 2), None).await;
        self.keeps(key, &counted(2, 2), None).await;
        let replaces = Some(counted(0, 0).fingerprint());
        for (forced, maybe_issued) in [(2, 1), (1, 2), (0, 0), (3, 1)] {
            let lower = counted(forced, maybe_issued);
            self.refuses(key, &lower, replaces, &counted(2, 2)).await;
        }
        // Another token begins anew.
        self.keeps(key, &record("another", 10), None).await;
    }

    async fn one_owner_has_the_lease_at_a_time(&self) {
        let key = key("one owner");
        assert_eq!(self.lease(key, 1).await, Lease::Granted(None));
        match self.lease(key, 2).await {
            Lease::Held(wait, None) => assert!(wait <= TERM, "held for {wait:?}"),
            other => panic!("a second owner was answered {other:?}"),
        }
        assert_eq!(
            self.lease(key, 1).await,
            Lease::Granted(None),
            "asking again isn't granted again"
        );
        self.release(key, 1, Duration::ZERO).await;
        assert_eq!(self.lease(key, 2).await, Lease::Granted(None));
    }

    async fn a_lease_ends_with_its_term(&self, wait: &impl AsyncFn(Duration)) {
        let key = key("term");
        assert_eq!(self.lease(key, 1).await, Lease::Granted(None));
        wait(TERM + Duration::from_millis(50)).await;
        assert_eq!(
            self.lease(key, 2).await,
            Lease::Granted(None),
            "the lease outlives its term"
        );
        // The owner that comes too late ends no other's lease.
        self.release(key, 1, Duration::ZERO).await;
        assert!(matches!(self.lease(key, 3).await, Lease::Held(..)));
    }

    async fn in_a_cooldown_no_owner_is_granted(&self, wait: &impl AsyncFn(Duration)) {
        let key = key("cooldown");
        let cooldown = Duration::from_millis(600);
        assert_eq!(self.lease(key, 1).await, Lease::Granted(None));
        self.release(key, 1, cooldown).await;
        for owner in [1, 2] {
            match self.lease(key, owner).await {
                Lease::CoolingDown(wait, None) => {
                    assert!(wait <= cooldown, "cooling down for {wait:?}");
                }
                other => panic!("in a cooldown, owner {owner} was answered {other:?}"),
            }
        }
        // Its former owner doesn't end it.
        self.release(key, 1, Duration::ZERO).await;
        assert!(matches!(self.lease(key, 2).await, Lease::CoolingDown(..)));
        wait(cooldown + Duration::from_millis(50)).await;
        assert_eq!(
            self.lease(key, 2).await,
            Lease::Granted(None),
            "the cooldown doesn't end"
        );
    }

    async fn a_stranger_releases_nothing(&self) {
        let key = key("stranger");
        self.release(key, 9, TERM).await;
        assert_eq!(
            self.lease(key, 1).await,
            Lease::Granted(None),
            "a stranger began a cooldown"
        );
        self.release(key, 9, Duration::ZERO).await;
        assert!(
            matches!(self.lease(key, 2).await, Lease::Held(..)),
            "a stranger ended the lease"
        );
    }

    /// Where the store tells at all: then it does in each state. To look changes nothing.
    async fn a_lease_record_says_what_an_asker_would_be_told(&self, wait: &impl AsyncFn(Duration)) {
        let key = key("lease record");
        let says = async || {
            let record = self.store.lease_record(key).await;
            record.expect("lease record")
        };
        assert_eq!(says().await, None, "before any lease");
        assert_eq!(self.lease(key, 1).await, Lease::Granted(None));
        match says().await {
            None => {
                self.release(key, 1, TERM).await;
                assert_eq!(says().await, None, "of cooldowns alone it tells");
                return;
            }
            Some(LeaseRecord::Held(left)) => assert!(left <= TERM, "held for {left:?}"),
            other => panic!("of a lease that is held it says {other:?}"),
        }
        assert!(matches!(self.lease(key, 2).await, Lease::Held(..)));
        assert_eq!(self.lease(key, 1).await, Lease::Granted(None));
        self.release(key, 1, Duration::ZERO).await;
        assert_eq!(says().await, None, "of a lease that was released");
        assert_eq!(self.lease(key, 2).await, Lease::Granted(None));
        self.release(key, 2, TERM).await;
        match says().await {
            Some(LeaseRecord::CoolingDown(left)) => {
                assert!(left <= TERM, "cooling down for {left:?}");
            }
            other => panic!("of a cooldown it says {other:?}"),
        }
        wait(TERM + Duration::from_millis(50)).await;
        assert_eq!(says().await, None, "of a cooldown that has ended");
        assert_eq!(self.lease(key, 3).await, Lease::Granted(None));
        wait(TERM + Duration::from_millis(50)).await;
        assert_eq!(says().await, None, "of a lease that has ended");
        assert_eq!(self.lease(key, 4).await, Lease::Granted(None));
    }

    async fn each_answer_comes_with_the_record(&self) {
        let key = key("with the record");
        let there = record("there", 0);
        self.keeps(key, &there, None).await;
        let Lease::Granted(Some(granted)) = self.lease(key, 1).await else {
            panic!("the lease comes without the record");
        };
        let Lease::Held(_, Some(held)) = self.lease(key, 2).await else {
            panic!("a lease that is held comes without the record");
        };
        self.release(key, 1, TERM).await;
        let Lease::CoolingDown(_, Some(cooling)) = self.lease(key, 2).await else {
            panic!("a cooldown comes without the record");
        };
        for stored in [granted, held, cooling] {
            assert_eq!(stored.record, there);
        }
    }

    async fn keys_do_not_meet(&self) {
        let (one, other) = (key("one"), key("another"));
        self.keeps(one, &record("one", 0), None).await;
        assert_eq!(self.load(other).await, None);
        assert!(matches!(self.lease(one, 1).await, Lease::Granted(Some(_))));
        assert_eq!(self.lease(other, 2).await, Lease::Granted(None));
    }

    async fn of_many_tasks_one_is_granted(&self) {
        let key = key("many tasks");
        let mut asking: Vec<Pin<Box<dyn Future<Output = Lease>>>> = Vec::new();
        for owner in 1..=ASKERS {
            asking.push(Box::pin(self.lease(key, owner)));
        }
        let mut granted = 0;
        poll_fn(|context| {
            asking.retain_mut(|lease| match lease.as_mut().poll(context) {
                Poll::Ready(lease) => {
                    granted += u32::from(matches!(lease, Lease::Granted(_)));
                    false
                }
                Poll::Pending => true,
            });
            if asking.is_empty() {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
        assert_eq!(granted, 1, "owners who were granted the lease at once");
    }
}

fn of_many_threads_one_is_granted(store: &dyn TokenStore) {
    let key = key("many threads");
    let granted = thread::scope(|scope| {
        let askers: Vec<_> = (1..=ASKERS)
            .map(|owner| scope.spawn(move || store.lease(key, Owner(owner), TERM)))
            .collect();
        askers
            .into_iter()
            .map(|asker| asker.join().expect("no panic").expect("lease"))
            .filter(|lease| matches!(lease, Lease::Granted(_)))
            .count()
    });
    assert_eq!(granted, 1, "threads that were granted the lease at once");
}
