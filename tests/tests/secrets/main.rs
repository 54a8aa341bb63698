//! The client secret and the token are shown nowhere: in no `Debug` and `Display` of a public type, in no event, in no line
//! that this project or what it stands on logs at any level, in no panic. Not a piece of 8 bytes of them, in whatever form.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a panic is how a test reports"
)]

mod adapters;
mod logs;
mod outer_types;
mod panics;
mod public_types;
mod shown;
mod sources;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

use adapters::{Make, Parts, Subject};
use pan123_emulator::{Emulator, Fault};
use pan123_token_cache::testing::{ManualClock, MemoryStore};
use pan123_token_cache::{FallbackStore, Moment, TokenStore};
use pan123_token_support::faulty_store::{Call, FaultyStore};
use pan123_token_tests::pieces::Pieces;
use shown::Shown;

const ID: &str = "sentinel-client-id";
/// No 8 bytes of it stand anywhere else, and no encoding leaves it as it is but for percent signs.
const SECRET: &str = "zQ7vX2mB9kR4wT6yJ3nH8cL5dF1gP0sA";

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);
/// 2025-02-21T07:48:37Z.
const START: Duration = Duration::from_secs(1_740_124_117);

/// The one target at which secrets are logged: ureq's own dump, at TRACE, of what goes over the wire. The documentation of
/// the crate says to keep it off. Where this is needed no longer, `no_line_of_a_log_shows_a_secret` fails.
const UREQ_DUMP: &str = "ureq_proto::util";

/// The platform and what asks it. All of it stands still but for `pass`.
struct Scene {
    platform: Emulator,
    clock: ManualClock,
    store: Arc<FaultyStore<MemoryStore>>,
    shown: Shown,
    tokens: Vec<String>,
}

impl Scene {
    fn new(tls: bool) -> Self {
        let platform = Emulator::builder()
            .client(ID, SECRET)
            .clock(SystemTime::UNIX_EPOCH + START)
            .frozen();
        let platform = if tls { platform.tls() } else { platform };
        let clock = ManualClock::new(Moment {
            wall: START,
            monotonic: DAY,
        });
        Self {
            platform: platform.start().unwrap(),
            store: Arc::new(FaultyStore::new(MemoryStore::new(clock.clone()))),
            clock,
            shown: Shown::default(),
            tokens: Vec::new(),
        }
    }

    fn pass(&self, time: Duration) {
        self.platform.advance(time);
        self.clock.advance(time);
    }

    fn subject(&self, make: Make) -> Subject {
        let own = FaultyStore::new(MemoryStore::new(self.clock.clone()));
        own.fail(&[Call::Load]);
        let shared = Arc::clone(&self.store) as Arc<dyn TokenStore>;
        make(Parts {
            platform: &self.platform,
            clock: self.clock.clone(),
            store: Arc::new(FallbackStore::new(shared, Arc::new(own))),
            shown: self.shown.clone(),
        })
    }

    /// Asks for a token until there is one.
    fn token(&mut self, subject: &Subject) {
        for _ in 0..20 {
            let token = self.while_time_passes(&subject.token);
            (subject.flush)();
            match token {
                Ok(token) => {
                    self.shown.add(&token);
                    self.tokens.push(token.secret().to_owned());
                    return;
                }
                Err(error) => {
                    self.shown.add_error(&error);
                    // Past the next attempt, and past whatever the lease record says.
                    self.pass(HOUR);
                }
            }
        }
        panic!("there is no token");
    }

    /// Time passes twenty times as fast as it does: a host that failed lets others go first, by this clock.
    fn while_time_passes<T>(&self, work: impl FnOnce() -> T) -> T {
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    self.platform.advance(Duration::from_millis(100));
                    self.clock.advance(Duration::from_millis(100));
                    thread::sleep(Duration::from_millis(5));
                }
            });
            let result = work();
            done.store(true, Ordering::Relaxed);
            result
        })
    }

    fn call(&self, subject: &Subject, url: &str) -> Option<String> {
        match (subject.call)(url) {
            Ok(body) => Some(body),
            Err(error) => {
                self.shown.add_causes("the error of a call", &*error);
                None
            }
        }
    }

    /// All that was ever handed out or issued, and the client secret.
    fn secrets(&mut self) -> Pieces {
        self.tokens.extend(self.platform.live_tokens(ID));
        Pieces::of(self.tokens.iter().map(String::as_str).chain([SECRET]))
    }
}

/// Exchanges and API calls that end in every way there is.
fn live(scene: &mut Scene, make: Make) {
    let subject = scene.subject(make);
    // Lost before and amid the reply, refused with the request in the message, throttled, a page, no token in it.
    for fault in [
        Fault::Reset,
        Fault::Truncate,
        Fault::Echo,
        Fault::RetryAfter("2".to_owned()),
        Fault::Status(502),
        Fault::NoExpiry,
    ] {
        scene.platform.inject(fault);
    }
    scene.token(&subject);
    // The store is out for a while.
    scene.store.fail(&[Call::Load]);
    scene.pass(HOUR);
    scene.token(&subject);
    scene.store.heal();
    scene.pass(HOUR);
    scene.token(&subject);

    let user = format!("{}/api/v1/user/info", scene.platform.url());
    let reply = scene.call(&subject, &user).unwrap();
    assert!(reply.contains(r#""code":0"#), "{reply}");
    // Rejected, and replaced.
    scene.pass(DAY);
    let issued = scene.platform.issued();
    assert!(scene.platform.evict(scene.tokens.last().unwrap()));
    let reply = scene.call(&subject, &user).unwrap();
    assert!(reply.contains(r#""code":0"#), "{reply}");
    assert_eq!(scene.platform.issued(), issued + 1);
    scene.token(&subject);
    // Rejected, and it is too early for another.
    assert!(scene.platform.evict(scene.tokens.last().unwrap()));
    let reply = scene.call(&subject, &user).unwrap();
    assert!(reply.contains("401"), "{reply}");
    scene.pass(DAY);
    scene.token(&subject);
    // No token goes there, and there is no server.
    assert_eq!(scene.call(&subject, "http://127.0.0.1:1/"), None);
    (subject.flush)();
    // Another process finds the token in the store.
    let second = scene.subject(make);
    scene.token(&second);
}

const EVENTS: [&str; 9] = [
    "Renewed",
    "RenewalFailed",
    "RateLimited",
    "Rejected",
    "Adopted",
    "StoreFailed",
    "StoreRecovered",
    "HostStoreFailed",
    "UnauthorizedOrigin",
];

#[test]
fn no_event_no_error_and_no_debug_of_an_adapter_shows_a_secret() {
    for (name, tls, make) in adapters::ALL {
        let mut scene = Scene::new(tls);
        live(&mut scene, make);
        let secrets = scene.secrets();
        let names = scene.shown.names();
        for event in EVENTS {
            assert!(
                names.contains(event),
                "{name} told of no {event}: {names:?}"
            );
        }
        for (what, text) in scene.shown.texts() {
            assert_eq!(
                secrets.find(text.as_bytes()),
                None,
                "{name}: {what}: {text}"
            );
        }
    }
}

#[test]
fn no_line_of_a_log_shows_a_secret() {
    logs::collect();
    let mut dumped = 0;
    let mut searched = 0;
    for (name, tls, make) in adapters::ALL {
        let mut scene = Scene::new(tls);
        live(&mut scene, make);
        let secrets = scene.secrets();
        let lines = logs::lines();
        for line in &lines[searched..] {
            let Some(form) = secrets.find(line.text.as_bytes()) else {
                continue;
            };
            if (line.target.as_str(), line.level.as_str()) == (UREQ_DUMP, "TRACE") {
                dumped += 1;
            } else {
                panic!("{name}: a secret {form} in {line:?}");
            }
        }
        searched = lines.len();
    }
    assert!(dumped > 0, "ureq's dump shows no secret any more: say so");
    let lines = logs::lines();
    println!("{} lines, {dumped} of them in ureq's dump", lines.len());
    for target in [
        "pan123_token",
        "h2",
        "hyper_util",
        "rustls",
        "ureq",
        "reqwest",
    ] {
        let logs = |level: &str| {
            let mut lines = lines.iter().filter(|line| line.level == level);
            lines.any(|line| line.target.starts_with(target))
        };
        assert!(
            ["INFO", "DEBUG", "TRACE"].into_iter().any(logs),
            "{target} logged nothing"
        );
    }
}
