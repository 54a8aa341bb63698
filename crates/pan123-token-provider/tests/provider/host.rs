//! A provider, its clock, its store, and callers whose wakers count.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Wake, Waker};
use std::time::Duration;

use pan123_token::{AccessToken, Credentials, FetchError, GetAccessToken, Grant, http};
use pan123_token_cache::testing::{ManualClock, MemoryStore};
use pan123_token_cache::{Event, Moment, TokenError};
use pan123_token_provider::{
    Caller, Exchange, Job, Place, Provider, Settings, StoreCall, Turn, Wanted, Work,
};

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const DAY: Duration = Duration::from_secs(86_400);
pub(crate) const LIFETIME: Duration = Duration::from_secs(30 * 86_400);
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// 2025-02-21T07:48:37Z, an hour after the host was started.
const START: Moment = Moment {
    wall: Duration::from_secs(1_740_124_117),
    monotonic: Duration::from_secs(3600),
};

pub(crate) struct Host {
    pub(crate) provider: Provider,
    pub(crate) clock: ManualClock,
    pub(crate) store: MemoryStore,
    events: Arc<Mutex<Vec<Event>>>,
}

impl Host {
    /// With a store where it is `sharing`.
    pub(crate) fn new(sharing: bool) -> Self {
        let clock = ManualClock::new(START);
        let events: Arc<Mutex<Vec<Event>>> = Arc::default();
        let log = Arc::clone(&events);
        let provider = settings(&clock)
            .sharing(sharing)
            .on_event(move |event| log.lock().unwrap().push(event.clone()))
            .build()
            .unwrap();
        Self {
            provider,
            store: MemoryStore::new(clock.clone()),
            clock,
            events,
        }
    }

    pub(crate) fn caller(&self) -> Asking {
        self.asking(Wanted::Usable)
    }

    pub(crate) fn asking(&self, wanted: Wanted) -> Asking {
        self.asking_within(wanted, LIMIT)
    }

    pub(crate) fn asking_within(&self, wanted: Wanted, limit: Duration) -> Asking {
        Asking {
            caller: self.provider.caller(wanted, limit),
            woken: Arc::default(),
            waited: Duration::ZERO,
        }
    }

    /// A token, by as many jobs as that takes.
    pub(crate) fn token(&self, number: u32) -> AccessToken {
        let mut caller = self.caller();
        loop {
            match caller.turn() {
                Turn::Done(result) => return result.unwrap(),
                Turn::Start(job, _) => self.carry_out(job, number),
                Turn::Wait(time) => caller.waited += time,
            }
        }
    }

    /// Carries out all that is due; an exchange brings the token of this number.
    pub(crate) fn carry_out(&self, mut job: Job, number: u32) {
        while let Some(work) = job.next() {
            match work {
                Work::Exchange(mut exchange) => {
                    let operation = exchange.operation();
                    exchange.finish(Ok(grant(&operation, number)));
                }
                Work::Store(call) => call.run(&self.store),
            }
        }
    }

    /// What happened since this was last asked, by the names of the events.
    pub(crate) fn events(&self) -> Vec<String> {
        let events = std::mem::take(&mut *self.events.lock().unwrap());
        let name = |event: &Event| {
            let text = format!("{event:?}");
            text.split([' ', '{']).next().unwrap().to_owned()
        };
        events.iter().map(name).collect()
    }
}

pub(crate) fn settings(clock: &ManualClock) -> Settings {
    let credentials = Credentials::new("my-id", "SENTINEL-secret").unwrap();
    Settings::new(credentials, clock.clone()).seed(7)
}

/// A call in progress.
pub(crate) struct Asking {
    caller: Caller,
    woken: Arc<Count>,
    /// The time of its own timer.
    pub(crate) waited: Duration,
}

#[derive(Default)]
pub(crate) struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Count {
    pub(crate) fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Asking {
    pub(crate) fn turn(&mut self) -> Turn {
        self.caller.turn(self.waited, &self.waker())
    }

    pub(crate) fn waker(&self) -> Waker {
        Waker::from(Arc::clone(&self.woken))
    }

    pub(crate) fn woken(&self) -> usize {
        self.woken.get()
    }

    pub(crate) fn starts(&mut self) -> (Job, Place) {
        match self.turn() {
            Turn::Start(job, place) => (job, place),
            other => panic!("no job, but {other:?}"),
        }
    }

    pub(crate) fn waits(&mut self) -> Duration {
        match self.turn() {
            Turn::Wait(time) => time,
            other => panic!("no wait, but {other:?}"),
        }
    }

    pub(crate) fn ends(&mut self) -> Result<AccessToken, TokenError> {
        match self.turn() {
            Turn::Done(result) => result,
            other => panic!("no end, but {other:?}"),
        }
    }
}

pub(crate) fn exchange(job: &mut Job) -> Exchange {
    match job.next() {
        Some(Work::Exchange(exchange)) => exchange,
        other => panic!("no exchange, but {other:?}"),
    }
}

pub(crate) fn store_call(job: &mut Job) -> StoreCall {
    match job.next() {
        Some(Work::Store(call)) => call,
        other => panic!("no call to the store, but {other:?}"),
    }
}

/// `token-1` and so on, for 30 days from the start.
pub(crate) fn grant(operation: &GetAccessToken, number: u32) -> Grant {
    let day = 22 + number;
    let body = format!(
        r#"{{"code":0,"data":{{"accessToken":"token-{number}","expiredAt":"2025-03-{day}T15:48:37+08:00"}}}}"#
    );
    operation
        .parse_response(&http::Response::new(body))
        .unwrap()
}

pub(crate) fn refused_port() -> FetchError {
    FetchError::Connect("refused".into())
}
