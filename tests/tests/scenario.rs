//! A token's life of half a year, through each provider against the emulator: the same requests, the same events.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a panic is how a test reports"
)]

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use pan123_emulator::{CLIENT_ID, CLIENT_SECRET, Emulator, Fault};
use pan123_token::Credentials;
use pan123_token_cache::testing::{ManualClock, MemoryStore};
use pan123_token_cache::{Moment, Rejection};
use pan123_token_tests::providers::{ALL, Log, Make, Parts, Provider};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

/// 2025-02-21T07:48:37Z.
const START: Duration = Duration::from_secs(1_740_124_117);

/// The platform and two processes of a host, all of which stand still but for `pass`.
struct Scene {
    emulator: Emulator,
    clock: ManualClock,
    first: Provider,
    first_log: Log,
    second: Provider,
    second_log: Log,
}

impl Scene {
    fn new(make: Make) -> Self {
        let emulator = Emulator::builder()
            .clock(SystemTime::UNIX_EPOCH + START)
            .frozen()
            .start()
            .unwrap();
        let clock = ManualClock::new(Moment {
            wall: START,
            monotonic: HOUR,
        });
        let (first_log, second_log) = (Log::default(), Log::default());
        let parts = Parts {
            credentials: Credentials::new(CLIENT_ID, CLIENT_SECRET).unwrap(),
            base_url: emulator.url().parse().unwrap(),
            clock: clock.clone(),
            store: Arc::new(MemoryStore::new(clock.clone())),
            log: first_log.clone(),
        };
        Self {
            first: make(parts.clone()),
            second: make(Parts {
                log: second_log.clone(),
                ..parts
            }),
            emulator,
            clock,
            first_log,
            second_log,
        }
    }

    fn pass(&self, time: Duration) {
        self.emulator.advance(time);
        self.clock.advance(time);
    }

    #[track_caller]
    fn told(&self, lines: &[&str]) {
        assert_eq!(self.first_log.read(), lines);
    }
}

#[track_caller]
fn token(provider: &Provider) -> String {
    provider.token().unwrap().secret().to_owned()
}

#[test]
fn half_a_year_goes_the_same_way_through_each_provider() {
    for (name, make) in ALL {
        println!("{name}");
        half_a_year(&Scene::new(make));
    }
}

fn half_a_year(scene: &Scene) {
    let (first, second) = (&scene.first, &scene.second);
    let requests = || scene.emulator.token_requests();

    // The first one fetches; the other finds it.
    let a = token(first);
    scene.told(&["renewed"]);
    assert_eq!(token(second), a);
    assert_eq!(scene.second_log.read(), ["adopted"]);
    assert_eq!((token(first), requests()), (a.clone(), 1));
    scene.told(&[]);

    // Renewal is due, and the platform is away: no caller notices.
    scene.pass(89 * DAY + 13 * HOUR);
    scene.emulator.inject(Fault::Status(503));
    assert_eq!(token(first), a);
    scene.told(&["renewal failed: unavailable, the old one is served"]);
    assert_eq!((token(first), requests()), (a.clone(), 2));
    scene.told(&[]);
    // It failed, so another process would go first: it looks for three seconds whether there is one.
    scene.pass(16 * MINUTE);
    assert_eq!((token(first), requests()), (a.clone(), 2));
    scene.pass(3 * SECOND);
    assert_eq!(token(first), a, "it is renewed beside the caller");
    scene.told(&["renewed"]);
    let b = token(first);
    assert_ne!(b, a);
    assert_eq!(requests(), 3);

    // The other one follows within minutes.
    assert_eq!(token(second), a);
    assert_eq!(token(second), b);
    assert_eq!(scene.second_log.read(), ["adopted"]);

    // An API call is refused: the token is too young to be replaced, and a minute later it isn't.
    let rejected = first.token().unwrap();
    assert_eq!(
        first.reject(&rejected),
        Rejection::Suspect {
            replaceable_in: MINUTE
        }
    );
    assert_eq!(token(first), b);
    scene.pass(MINUTE);
    let c = token(first);
    assert_ne!(c, b);
    scene.told(&["rejected, replaceable in 60 s", "renewed by force"]);
    assert_eq!(first.reject(&rejected), Rejection::NotCurrent);
    scene.told(&[]);
    assert_eq!(requests(), 4);

    // It ends, and the platform asks for a pause: an error at once, for both, and no further request.
    scene.pass(90 * DAY);
    scene.emulator.inject(Fault::RetryAfter("30".to_owned()));
    let error = first.token().unwrap_err();
    assert_eq!(error.retry_after(), Some(MINUTE / 2));
    assert_eq!(error.next_attempt(), Some(MINUTE / 2));
    assert!(error.is_retryable());
    scene.told(&["rate limited for 30 s", "renewal failed: rate_limited"]);
    assert_eq!(first.token().unwrap_err(), error);
    assert!(second.token().unwrap_err().is_retryable());
    assert_eq!(requests(), 5);

    // Then all is well again, without anybody's doing.
    scene.pass(MINUTE / 2);
    let d = token(first);
    scene.told(&["renewed"]);
    scene.pass(Duration::from_secs(10));
    assert_eq!(token(second), d);
    assert_eq!(scene.second_log.read(), ["adopted"]);
    assert_eq!((requests(), scene.emulator.issued()), (6, 4));

    // Someone wants another one all the same; and once more, which the platform refuses.
    let last = first.refresh().unwrap().secret().to_owned();
    assert_ne!(last, d);
    scene.told(&["renewed"]);
    assert_eq!(token(first), last);
    scene.pass(MINUTE);
    scene.emulator.inject(Fault::Code(5066));
    let error = first.refresh().unwrap_err();
    assert!(error.to_string().contains("code 5066"), "{error}");
    scene.told(&["renewal failed: refused, the old one is served"]);
    assert_eq!(token(first), last);
    assert_eq!((requests(), scene.emulator.issued()), (8, 5));
}
