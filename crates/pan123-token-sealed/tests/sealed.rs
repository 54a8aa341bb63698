//! What is sealed is opened with the right secret alone, and stays readable where it should.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a panic is how a test reports"
)]

use std::sync::Arc;
use std::time::Duration;

use pan123_token_cache::pan123_token::{AccessToken, BaseUrl, OffsetDateTime};
use pan123_token_cache::testing::{ManualClock, MemoryStore, conformance};
use pan123_token_cache::{
    FallbackStore, Lease, LeaseRecord, Owner, Record, Saved, StoreKey, StoreSession, Stored,
    TokenStore,
};
use pan123_token_sealed::{Seal, SealedStore};
use serde_json::Value;

const LIFE: Duration = Duration::from_secs(30 * 86_400);

fn key() -> StoreKey {
    StoreKey::new(&BaseUrl::default(), "my-id")
}

/// A token that was issued so many minutes after another.
fn record(secret: &str, minutes: u32) -> Record {
    let fingerprint = AccessToken::new(secret, OffsetDateTime::UNIX_EPOCH)
        .unwrap()
        .fingerprint();
    let form = format!(
        r#"{{"version":1,"readableBy":1,"accessToken":"{secret}","fingerprint":"{fingerprint}","expiresAt":"2025-03-23T07:48:37Z","issuedAt":"2025-02-21T07:{minutes:02}:37Z","lifetimeMs":2592000000,"sentAtMs":1740124116750,"forced":0,"suspect":false}}"#
    );
    Record::decode(form.as_bytes()).unwrap()
}

struct Scene {
    memory: Arc<MemoryStore>,
    clock: ManualClock,
}

impl Scene {
    fn new() -> Self {
        let clock = ManualClock::default();
        let memory = Arc::new(MemoryStore::new(clock.clone()));
        Self { memory, clock }
    }

    fn sealed(&self, seal: Seal) -> SealedStore {
        SealedStore::new(self.memory.clone(), seal)
    }

    /// As it lies in the store.
    fn raw(&self) -> Record {
        self.memory.load(key()).unwrap().unwrap().record
    }
}

fn loaded(store: &SealedStore) -> Option<Record> {
    store.load(key()).unwrap().map(|stored| stored.record)
}

fn save(store: &SealedStore, record: &Record) -> Saved {
    store.save(key(), record, None, LIFE).unwrap()
}

#[test]
fn it_does_what_every_store_must() {
    let scene = Scene::new();
    conformance(&scene.sealed(Seal::new("secret")), &|time| {
        scene.clock.advance(time);
    });
}

#[test]
fn what_another_implementation_sealed_is_opened() {
    let vectors: Vec<Value> = serde_json::from_str(include_str!("vectors.json")).unwrap();
    assert_eq!(vectors.len(), 4);
    for vector in vectors {
        let text = |name: &str| vector[name].as_str().unwrap();
        let stored = Record::decode(text("stored").as_bytes()).unwrap();
        let key = StoreKey::new(&BaseUrl::default(), text("clientID"));
        let opened = Seal::new(text("secret")).open(key, &stored).unwrap();
        assert_eq!(opened.token.secret(), text("token"), "{}", text("name"));
        let mut expected = stored.clone();
        expected.token = AccessToken::new(text("token"), stored.token.expires_at()).unwrap();
        assert_eq!(opened, expected);
    }
}

#[test]
fn nothing_of_the_token_is_in_the_store_and_all_else_is() {
    let scene = Scene::new();
    let store = scene.sealed(Seal::new("secret"));
    let record = record("SENTINEL-0123456789", 0);
    assert_eq!(save(&store, &record), Saved::Kept);
    let raw = scene.raw();
    assert!(!raw.encode().contains("SENTINEL"));
    assert!(
        raw.token
            .secret()
            .starts_with(&format!("sealed:{}:v1.", record.fingerprint()))
    );
    assert_eq!(raw.fingerprint(), record.fingerprint());
    assert_eq!(raw.token.expires_at(), record.token.expires_at());
    assert_eq!(loaded(&store), Some(record.clone()));
    // Each time with another nonce; the records are the same to the store.
    assert_eq!(save(&store, &record), Saved::Kept);
    assert_ne!(scene.raw(), raw);
}

#[test]
fn what_was_changed_is_not_opened() {
    let scene = Scene::new();
    let store = scene.sealed(Seal::new("secret"));
    save(&store, &record("token", 0));
    let form = scene.raw().encode();
    let seal = Seal::new("secret");
    let opens = |form: &str| {
        let record = Record::decode(form.as_bytes()).ok();
        record
            .and_then(|record| seal.open(key(), &record))
            .is_some()
    };
    assert!(opens(&form));
    let other_fingerprint = record("other", 0).fingerprint().to_string();
    let fingerprint = record("token", 0).fingerprint().to_string();
    for (from, to) in [
        ("2025-03-23T", "2025-03-24T"),
        ("2025-02-21T", "2025-02-20T"),
        ("2592000000", "2592000001"),
        ("1740124116750", "1740124116751"),
        (&*fingerprint, &other_fingerprint),
        (":v1.", ":v2."),
    ] {
        let changed = form.replace(from, to);
        assert_ne!(changed, form);
        assert!(!opens(&changed), "{to}");
    }
    // Each bit of the sealed text.
    let start = form.find(":v1.").unwrap() + 4;
    let end = start + form[start..].find('"').unwrap();
    for at in start..end {
        let mut changed = form.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        assert!(!opens(str::from_utf8(&changed).unwrap()), "{at}");
        assert!(!opens(&(form[..at].to_owned() + &form[end..])), "{at}");
    }
    // Under another key.
    let elsewhere = StoreKey::new(&BaseUrl::default(), "another-id");
    assert_eq!(seal.open(elsewhere, &scene.raw()), None);
}

#[test]
fn a_wrong_secret_finds_nothing_and_what_it_saves_later_takes_the_place() {
    let scene = Scene::new();
    let (one, other) = (
        scene.sealed(Seal::new("one")),
        scene.sealed(Seal::new("other")),
    );
    save(&one, &record("first", 1));
    assert_eq!(loaded(&other), None);
    assert_eq!(
        other.lease(key(), Owner(1), LIFE).unwrap(),
        Lease::Granted(None)
    );
    let held = other.lease_record(key()).unwrap();
    assert_eq!(held, Some(LeaseRecord::Held(LIFE)));
    // An older one doesn't, and no token of others is handed out in its place.
    let error = other
        .save(key(), &record("older", 0), None, LIFE)
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "it holds a newer token that can't be opened here; give all hosts the same secret to seal with"
    );
    assert!(!error.is_misconfigured());
    assert_eq!(save(&other, &record("second", 2)), Saved::Kept);
    assert_eq!(loaded(&other), Some(record("second", 2)));
    assert_eq!(loaded(&one), None);
}

#[test]
fn through_a_rotation_the_earlier_secret_opens_and_the_new_one_seals() {
    let scene = Scene::new();
    let earlier = scene.sealed(Seal::new("one"));
    save(&earlier, &record("first", 1));
    let rotated = scene.sealed(Seal::new("two").also_opens("zero").also_opens("one"));
    assert_eq!(loaded(&rotated), Some(record("first", 1)));
    save(&rotated, &record("second", 2));
    assert_eq!(loaded(&rotated), Some(record("second", 2)));
    assert_eq!(
        loaded(&scene.sealed(Seal::new("two"))),
        Some(record("second", 2))
    );
    assert_eq!(loaded(&earlier), None);
}

#[test]
fn a_token_in_plain_text_counts_as_absent() {
    let scene = Scene::new();
    let plain = record("another", 1);
    scene.memory.save(key(), &plain, None, LIFE).unwrap();
    let store = scene.sealed(Seal::new("secret"));
    assert_eq!(loaded(&store), None);
    assert_eq!(save(&store, &record("fetched", 2)), Saved::Kept);
    assert!(scene.raw().sealed().is_some());
}

#[test]
fn an_operator_without_the_secret_compares_and_rejects() {
    let scene = Scene::new();
    let store = scene.sealed(Seal::new("secret"));
    let record = record("token", 0);
    save(&store, &record);
    let session = StoreSession::new(scene.memory.clone(), key());
    let Some(Stored { record: seen, .. }) = session.load().unwrap() else {
        panic!("nothing is stored")
    };
    assert_eq!(seen.fingerprint(), record.fingerprint());
    let now = pan123_token_cache::Moment::default();
    assert_eq!(session.reject(&record.token, now), Ok(true));
    assert!(scene.raw().suspect && scene.raw().sealed().is_some());
    let marked = loaded(&store).unwrap();
    assert!(marked.suspect);
    assert_eq!(marked.token, record.token);
}

#[test]
fn a_fallback_is_sealed_too() {
    let (shared, host) = (Scene::new(), Scene::new());
    let both = FallbackStore::new(shared.memory.clone(), host.memory.clone());
    let store = SealedStore::new(Arc::new(both), Seal::new("secret"));
    let record = record("token", 0);
    let fallback = store.fallback().unwrap();
    assert_eq!(fallback.save(key(), &record, None, LIFE), Ok(Saved::Kept));
    assert!(host.raw().sealed().is_some());
    assert_eq!(shared.memory.load(key()), Ok(None));
    assert_eq!(fallback.load(key()).unwrap().unwrap().record, record);
    conformance(fallback, &|time| {
        host.clock.advance(time);
    });
    assert!(shared.sealed(Seal::new("secret")).fallback().is_none());
}

#[test]
fn nothing_debug_prints_is_secret() {
    let store = Scene::new().sealed(Seal::new("SENTINEL").also_opens("SENTINEL"));
    let shown = format!("{store:?} {store:#?} {:?}", Seal::new("SENTINEL"));
    assert_eq!(shown, "SealedStore { .. } SealedStore { .. } Seal { .. }");
}
