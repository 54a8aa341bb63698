//! What must hold of a token's life, whatever happens in whatever order. The fuzz target runs it on what the fuzzer makes
//! up, the ordinary tests on random inputs, on the committed corpus and on scenarios written by hand.
//!
//! An input is a script of letters and digits, which `fuzz/README.md` lists; bytes that are no operation are passed over.
//! So it can be read and written by hand.
//!
//! What the machine holds is reckoned a second time here, from what was given to it: each token's end by either clock, the
//! lease, the spacing. Nothing of that is asked of the machine.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::mem::Discriminant;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use pan123_token::{
    AccessToken, BaseUrl, Credentials, FetchError, Fingerprint, GetAccessToken, Grant,
    OffsetDateTime, http,
};
use pan123_token_cache::{
    Action, Event, FetchTicket, Lease, Moment, Owner, Reason, Record, Rejection, RenewalPolicy,
    Saved, StoreError, StoreKey, StoreSession, StoreStep, Stored, TokenCache, TokenStore,
};

const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

/// 2025-02-21T07:48:37Z by the wall, some time after the process began.
const START: Moment = Moment {
    wall: Duration::from_secs(1_740_124_117),
    monotonic: Duration::from_secs(1000),
};

/// Longer scripts say nothing new and are slow.
const MAX_OPERATIONS: usize = 200;

/// More calls to the store than this without time passing are an endless loop.
const MAX_CALLS_AT_ONCE: u32 = 10;

/// After the last fault there is a token within an hour (`Retry-After`), the longest backoff, a lease and a fetch.
const ALIVE_AGAIN: Duration = Duration::from_secs(3600 + 900 + 60 + 45 + 30 + 10);

/// Panics where the life that the script leads to breaks a rule.
pub(crate) fn check(script: &[u8]) {
    let trace = World::run(script);
    assert_eq!(
        trace,
        World::run(script),
        "equal seeds and inputs, equal actions"
    );
}

/// The lengths of time that a digit of a script stands for, from 0 to z.
fn length(digit: usize) -> Duration {
    const MILLIS: [u64; 13] = [
        0, 1, 10, 100, 250, 500, 999, 1000, 1001, 2000, 3000, 5000, 10_000,
    ];
    const SECONDS: [u64; 12] = [29, 30, 45, 59, 60, 61, 120, 300, 600, 900, 1800, 3600];
    const HOURS: [u64; 11] = [2, 6, 12, 23, 24, 48, 144, 576, 696, 720, 9600];
    match digit {
        0..13 => Duration::from_millis(MILLIS[digit]),
        13..25 => Duration::from_secs(SECONDS[digit - 13]),
        _ => HOUR * u32::try_from(HOURS[(digit - 25) % 11]).expect("small"),
    }
}

struct Script<'a>(std::slice::Iter<'a, u8>);

impl Script<'_> {
    fn operation(&mut self) -> Option<u8> {
        self.0.next().copied()
    }

    /// 0 to 35.
    fn digit(&mut self) -> usize {
        let byte = self.0.next().copied().unwrap_or(b'0');
        usize::from(match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'z' => byte - b'a' + 10,
            _ => byte % 36,
        })
    }

    fn length(&mut self) -> Duration {
        length(self.digit())
    }
}

/// What a token's life was said to be when it was handed to the machine.
#[derive(Clone, Copy)]
struct Life {
    expires_at: OffsetDateTime,
    issued_at: OffsetDateTime,
    /// When `left` was left of it.
    since: Moment,
    left: Duration,
    lifetime: Duration,
}

impl Life {
    fn left_at(&self, now: Moment) -> Duration {
        let wall = now.wall.saturating_sub(self.since.wall);
        let monotonic = now.monotonic.saturating_sub(self.since.monotonic);
        self.left.saturating_sub(wall.max(monotonic))
    }

    fn is_over_at(&self, now: Moment, policy: &RenewalPolicy) -> bool {
        self.left_at(now) <= policy.expiry_margin.min(self.lifetime / 10)
    }

    fn may_be_due_at(&self, now: Moment, policy: &RenewalPolicy) -> bool {
        self.left_at(now) <= policy.renewal_window.min(self.lifetime / 5)
    }
}

/// One cache, and all that was done to it.
struct World {
    policy: RenewalPolicy,
    cache: TokenCache,
    sharing: bool,
    session: StoreSession,
    store: Arc<Scripted>,
    now: Moment,
    /// The platform's own clock.
    platform: Duration,
    tickets: Vec<(FetchTicket, Moment)>,
    steps: Vec<(StoreStep, Moment)>,
    /// What is under way, and until when, by the monotonic clock.
    under_way: Option<Duration>,
    fetch_under_way: bool,
    /// No fetch before this, by the monotonic clock, and why.
    not_before: Vec<(Duration, &'static str)>,
    wait: Option<Moment>,
    secrets: u32,
    lives: BTreeMap<String, Vec<Life>>,
    /// Tokens that were ever named in a rejection, or came as a suspect.
    suspects: Vec<String>,
    maybe_issued: u32,
    store_in_trouble: bool,
    /// Until when a fetch is allowed to start under it.
    lease: Option<Moment>,
    calls_at_once: u32,
    kinds_seen: Vec<Discriminant<Event>>,
    trace: Vec<Note>,
}

/// What the machine did, to be compared.
#[derive(Debug, PartialEq)]
enum Note {
    Fetch(Duration),
    Store(&'static str),
    Wait(Moment, Reason),
    Event(Event),
    Rejection(Rejection),
}

impl World {
    /// Leads a life as the script says, then one without faults, and says what the machine did.
    fn run(script: &[u8]) -> Vec<Note> {
        let mut script = Script(script.iter());
        let mut world = Self::new(&mut script);
        for _ in 0..MAX_OPERATIONS {
            let Some(operation) = script.operation() else {
                break;
            };
            world.operate(operation, &mut script);
        }
        silent(&world.cache);
        silent(&world.cache.snapshot());
        world.must_recover();
        world.trace
    }

    fn new(script: &mut Script<'_>) -> Self {
        let (kind, seed) = (script.digit(), script.digit());
        let sharing = kind % 2 == 1;
        let policy = if kind / 2 % 2 == 1 {
            quick()
        } else {
            RenewalPolicy::default()
        };
        let cache = TokenCache::new(policy.clone(), seed as u64).expect("a policy that fits");
        let store = Arc::new(Scripted::default());
        let shared: Arc<dyn TokenStore> = Arc::clone(&store) as Arc<dyn TokenStore>;
        Self {
            policy,
            cache: if sharing { cache.sharing() } else { cache },
            sharing,
            session: StoreSession::new(shared, StoreKey::new(&BaseUrl::default(), "id")),
            store,
            now: START,
            platform: START.wall,
            tickets: Vec::new(),
            steps: Vec::new(),
            under_way: None,
            fetch_under_way: false,
            not_before: Vec::new(),
            wait: None,
            secrets: 0,
            lives: BTreeMap::new(),
            suspects: Vec::new(),
            maybe_issued: 0,
            store_in_trouble: false,
            lease: None,
            calls_at_once: 0,
            kinds_seen: Vec::new(),
            trace: Vec::new(),
        }
    }

    fn operate(&mut self, operation: u8, script: &mut Script<'_>) {
        match operation {
            b'p' => self.poll(),
            b'+' => self.pass(script.length()),
            b'>' => self.now.wall += script.length(),
            b'<' => self.now.wall = self.now.wall.saturating_sub(script.length()),
            b'^' => self.now.monotonic += script.length(),
            b'_' => self.poll_earlier(script.length()),
            b'w' => self.wait(),
            b'g' => {
                let (at, lifetime) = (script.digit(), script.length());
                let (date, secret) = (script.digit(), script.digit());
                if let Some(grant) = self.grant(lifetime, date, secret) {
                    self.report(at, Ok(grant));
                }
            }
            b'f' => {
                let (at, failure) = (script.digit(), script.digit());
                let failures = failures();
                self.report(at, Err(failures[failure % failures.len()].clone()));
            }
            b'd' => drop(take(&mut self.tickets, script.digit())),
            b'x' => drop(take(&mut self.steps, script.digit())),
            b's' => {
                let at = script.digit();
                let answer = self.answer(script);
                self.carry_out(at, answer);
            }
            b'r' => self.reject_served(),
            b'R' => self.reject_any(script.digit()),
            b'n' => {
                self.cache.refresh();
                self.calls_at_once = 0;
            }
            b'h' => {
                for _ in 0..script.digit() {
                    self.go_on_honestly();
                }
            }
            _ => return,
        }
        self.look();
    }

    // Time.

    fn pass(&mut self, time: Duration) {
        self.now = self.now.after(time);
        self.platform += time;
        self.calls_at_once = 0;
    }

    fn wait(&mut self) {
        if let Some(until) = self.wait {
            let by_wall = until.wall.saturating_sub(self.now.wall);
            let by_monotonic = until.monotonic.saturating_sub(self.now.monotonic);
            self.pass(by_wall.min(by_monotonic).min(10_000 * DAY));
        }
    }

    // Polls.

    fn poll(&mut self) {
        let served = self.served();
        let action = self.cache.poll(self.now);
        self.note(&action);
        self.notice_deadline();
        self.read_events();
        self.check_calm(served.as_deref());
        match action {
            Action::Fetch(ticket) => self.check_fetch(ticket),
            Action::Store(step) => self.check_step(step),
            Action::Wait { until, .. } => {
                assert!(
                    until.monotonic > self.now.monotonic && until.wall > self.now.wall,
                    "a wait that is over: until {until:?}, now {:?}",
                    self.now
                );
                self.wait = Some(until);
            }
        }
    }

    /// Earlier monotonic times change nothing: the machine takes them for the latest that it saw.
    fn poll_earlier(&mut self, by: Duration) {
        // So that the latest is this one.
        self.poll();
        let now = self.now;
        self.now.monotonic = now.monotonic.saturating_sub(by);
        let action = self.cache.poll(self.now);
        self.now = now;
        self.note(&action);
        self.read_events();
        match action {
            Action::Fetch(ticket) => self.check_fetch(ticket),
            Action::Store(step) => self.check_step(step),
            Action::Wait { until, .. } => {
                assert!(until.monotonic > now.monotonic, "back in time");
                self.wait = Some(until);
            }
        }
    }

    fn check_fetch(&mut self, ticket: FetchTicket) {
        let (now, policy) = (self.now, &self.policy);
        assert!(
            self.under_way.is_none(),
            "a fetch beside what is under way until {:?}",
            self.under_way
        );
        for (not_before, why) in &self.not_before {
            assert!(
                now.monotonic >= *not_before,
                "a fetch at {:?}, before {not_before:?}: {why}",
                now.monotonic
            );
        }
        if let Some(token) = self.cache.snapshot().token(now) {
            let lives = &self.lives[token.secret()];
            // Another cache's suspect is served until there is a better one.
            let suspect = self.suspects.iter().any(|it| it == token.secret());
            let wanted = suspect || self.cache.is_refreshing();
            assert!(
                wanted || lives.iter().any(|life| life.may_be_due_at(now, policy)),
                "a fetch while the token is fresh"
            );
            assert!(
                wanted || self.maybe_issued < 2,
                "a third fetch that may cost the token that is served"
            );
        }
        if self.sharing && !self.store_in_trouble {
            let ends = self.lease.expect("a fetch without a lease");
            let saved = now.after(policy.fetch_timeout + policy.store_timeout);
            assert!(
                saved.wall <= ends.wall && saved.monotonic <= ends.monotonic,
                "a fetch that the lease doesn't cover"
            );
        }
        self.under_way = Some(now.monotonic + ticket.timeout());
        self.fetch_under_way = true;
        self.tickets.push((ticket, now));
        self.calls_at_once = 0;
    }

    fn check_step(&mut self, step: StoreStep) {
        assert!(self.sharing, "a call to a store that isn't there");
        assert!(
            self.under_way.is_none(),
            "a call beside what is under way until {:?}",
            self.under_way
        );
        self.calls_at_once += 1;
        assert!(
            self.calls_at_once <= MAX_CALLS_AT_ONCE,
            "an endless loop of calls to the store"
        );
        self.under_way = Some(self.now.monotonic + self.policy.store_timeout);
        self.fetch_under_way = false;
        self.steps.push((step, self.now));
    }

    /// What is under way ends at its deadline, reported or not.
    fn notice_deadline(&mut self) {
        if let Some(deadline) = self.under_way.filter(|it| *it <= self.now.monotonic) {
            if self.fetch_under_way {
                self.end_fetch(deadline);
            }
            self.under_way = None;
        }
    }

    fn end_fetch(&mut self, at: Duration) {
        self.not_before
            .push((at + self.policy.min_interval, "spacing"));
        self.lease = None;
    }

    // Reports.

    fn report(&mut self, at: usize, result: Result<Grant, FetchError>) {
        let Some((ticket, sent)) = take(&mut self.tickets, at) else {
            return;
        };
        let served = self.served();
        let deadline = sent.monotonic + ticket.timeout();
        let in_time = self.now.monotonic < deadline;
        self.notice_deadline();
        if in_time {
            self.under_way = None;
            self.end_fetch(self.now.monotonic);
        }
        let retry_after = result.as_ref().err().and_then(FetchError::retry_after);
        if let (Some(wait), true) = (retry_after, in_time) {
            self.not_before
                .push((self.now.monotonic + wait, "Retry-After"));
        }
        let must_serve = result
            .as_ref()
            .ok()
            .and_then(|grant| self.receive(grant, sent, in_time));
        self.cache.fetched(ticket, result, self.now);
        self.read_events();
        self.check_calm(served.as_deref());
        if let Some(secret) = must_serve {
            assert_eq!(
                self.served(),
                Some(secret),
                "a token that was received is lost"
            );
        }
    }

    /// Reckons the life of a token that was granted, and says whether it must be served now.
    fn receive(&mut self, grant: &Grant, sent: Moment, in_time: bool) -> Option<String> {
        let expires_at = grant.token.expires_at();
        let by_server = grant.server_time.map(|date| expires_at - date);
        let by_server = by_server.filter(|it| it.is_positive() && *it <= time::Duration::days(400));
        let lifetime = match by_server {
            Some(lifetime) => Duration::try_from(lifetime).expect("positive"),
            None => since_1970(expires_at).saturating_sub(sent.wall),
        };
        let life = Life {
            expires_at,
            issued_at: grant.server_time.unwrap_or_else(|| date(sent.wall)),
            since: sent,
            left: lifetime,
            lifetime,
        };
        let secret = grant.token.secret().to_owned();
        let new = !self.lives.contains_key(&secret) && !self.suspects.contains(&secret);
        let usable = !life.is_over_at(self.now, &self.policy);
        let newest = self
            .lives
            .values()
            .flatten()
            .all(|it| it.issued_at < life.issued_at);
        self.lives.entry(secret.clone()).or_default().push(life);
        (new && usable && (in_time || newest)).then_some(secret)
    }

    fn carry_out(&mut self, at: usize, answer: Answer) {
        let Some((step, asked)) = take(&mut self.steps, at) else {
            return;
        };
        let served = self.served();
        let in_time = self.now.monotonic < asked.monotonic + self.policy.store_timeout;
        self.store.0.lock().expect("no panic").answer = answer;
        let done = self.session.run(step);
        let told = self.store.0.lock().expect("no panic").told.take();
        self.notice_deadline();
        if in_time {
            self.under_way = None;
            for stored in told.iter().filter_map(|told| told.stored.as_ref()) {
                self.hear_of(stored, asked);
            }
            if let Some(term) = told.as_ref().and_then(|told| told.leased) {
                self.lease = Some(asked.after(term));
            }
        }
        silent(&done);
        self.cache.stored(done, self.now);
        self.read_events();
        self.check_calm(served.as_deref());
    }

    /// Reckons the life of a token that came from the store.
    fn hear_of(&mut self, stored: &Stored, asked: Moment) {
        let record = &stored.record;
        let expires_at = record.token.expires_at();
        let left = match (stored.left, asked.wall.checked_sub(record.sent_at)) {
            (Some(left), _) => left,
            (None, Some(elapsed)) => record.lifetime.saturating_sub(elapsed),
            (None, None) => since_1970(expires_at).saturating_sub(asked.wall),
        };
        let secret = record.token.secret().to_owned();
        if record.suspect {
            self.suspects.push(secret.clone());
        }
        self.lives.entry(secret).or_default().push(Life {
            expires_at,
            issued_at: record.issued_at,
            since: asked,
            left: left.min(record.lifetime),
            lifetime: record.lifetime,
        });
    }

    fn reject_served(&mut self) {
        let Some(token) = self.cache.snapshot().token(self.now).cloned() else {
            return;
        };
        let rejection = self.cache.reject(&token, self.now);
        let Rejection::Suspect { replaceable_in } = rejection else {
            panic!("the token that is served is not the current one: {rejection:?}");
        };
        assert!(replaceable_in <= self.policy.min_token_age_cap);
        assert_eq!(
            self.served().is_some(),
            !replaceable_in.is_zero(),
            "a suspect is served until it may be replaced"
        );
        self.suspects.push(token.secret().to_owned());
        self.calls_at_once = 0;
        self.trace.push(Note::Rejection(rejection));
        self.read_events();
    }

    /// One of those that were ever handed to the machine, at hand or not.
    fn reject_any(&mut self, at: usize) {
        let at = at % self.lives.len().max(1);
        let Some((secret, lives)) = self.lives.iter().nth(at) else {
            return;
        };
        let token = AccessToken::new(secret, lives[0].expires_at).expect("valid");
        let served = self.served();
        let rejection = self.cache.reject(&token, self.now);
        if rejection == Rejection::NotCurrent {
            assert_eq!(self.served(), served, "a rejection of another token");
        } else {
            self.suspects.push(token.secret().to_owned());
            self.calls_at_once = 0;
        }
        self.trace.push(Note::Rejection(rejection));
        self.read_events();
    }

    // What must hold after each operation.

    fn served(&self) -> Option<String> {
        let snapshot = self.cache.snapshot();
        snapshot
            .token(self.now)
            .map(|token| token.secret().to_owned())
    }

    /// A renewal, however it ends, costs nobody a token that could be used.
    fn check_calm(&self, served: Option<&str>) {
        if served.is_some() {
            let now = self.served();
            assert!(
                now.is_some(),
                "a token was served, and none is at the same moment"
            );
        }
    }

    fn look(&mut self) {
        let snapshot = self.cache.snapshot();
        let token = snapshot.token(self.now);
        if let Some(token) = token {
            let lives = self.lives.get(token.secret());
            let alive = lives.into_iter().flatten().any(|life| {
                life.expires_at == token.expires_at() && !life.is_over_at(self.now, &self.policy)
            });
            assert!(alive, "a token that is over is handed out");
        }
        assert!(
            token.is_some() || snapshot.wants_poll(self.now),
            "no token, and nobody is to poll"
        );
    }

    fn read_events(&mut self) {
        while let Some(event) = self.cache.next_event() {
            match &event {
                Event::Renewed { .. } | Event::Adopted { .. } => self.maybe_issued = 0,
                Event::RenewalFailed { failure, .. } if failure.may_have_issued() => {
                    self.maybe_issued += 1;
                }
                Event::StoreFailed { .. } => self.store_in_trouble = true,
                Event::StoreRecovered => self.store_in_trouble = false,
                _ => {}
            }
            // Those of one kind print alike, and printing is what costs time here.
            let kind = std::mem::discriminant(&event);
            if !self.kinds_seen.contains(&kind) {
                self.kinds_seen.push(kind);
                silent(&event);
            }
            self.trace.push(Note::Event(event));
        }
    }

    fn note(&mut self, action: &Action) {
        self.trace.push(match action {
            Action::Fetch(ticket) => Note::Fetch(ticket.timeout()),
            Action::Store(step) => {
                silent(step);
                Note::Store(step.name())
            }
            Action::Wait { until, reason } => Note::Wait(*until, *reason),
        });
    }

    // Without faults.

    /// One step of a driver whose exchanges and calls all go well.
    fn go_on_honestly(&mut self) {
        self.poll();
        if self.under_way.is_none() {
            self.wait();
        } else if self.fetch_under_way && !self.tickets.is_empty() {
            let grant = self.grant(30 * DAY, 1, 0);
            let last = self.tickets.len() - 1;
            self.report(last, Ok(grant.expect("a new token")));
        } else if !self.fetch_under_way && !self.steps.is_empty() {
            self.carry_out(self.steps.len() - 1, Answer::Honest);
        } else {
            self.wait();
        }
        self.look();
    }

    fn must_recover(&mut self) {
        self.tickets.clear();
        self.steps.clear();
        let faults_ended = self.now.monotonic;
        while self.served().is_none() {
            self.go_on_honestly();
            let without = self.now.monotonic.saturating_sub(faults_ended);
            assert!(without <= ALIVE_AGAIN, "no token for {without:?}");
        }
    }

    /// What the platform grants. `secret` is the number of an earlier token, or zero for a new one.
    fn grant(&mut self, lifetime: Duration, date_kind: usize, secret: usize) -> Option<Grant> {
        let mut grant = template_grant();
        let expires_at = date(self.platform + lifetime);
        grant.token = AccessToken::new(self.secret(secret), expires_at).ok()?;
        let platform = self.platform;
        grant.server_time = match date_kind % 6 {
            0 => None,
            1 => Some(date(platform)),
            2 => Some(date(platform + HOUR)),
            3 => Some(date(platform.saturating_sub(HOUR))),
            4 => Some(date(platform + 60 * DAY)),
            _ => Some(date(platform.saturating_sub(390 * DAY))),
        };
        Some(grant)
    }

    fn secret(&mut self, number: usize) -> String {
        let number = u32::try_from(number).unwrap_or(0);
        if number == 0 || number > self.secrets {
            self.secrets += 1;
            return format!("ISSUED-{}", self.secrets);
        }
        format!("ISSUED-{number}")
    }

    fn answer(&mut self, script: &mut Script<'_>) -> Answer {
        match script.digit() % 6 {
            0 => Answer::Honest,
            1 => Answer::Error,
            2 => Answer::Held(script.length()),
            3 => Answer::Cool(script.length()),
            4 => Answer::Nothing,
            _ => {
                let lifetime = script.length();
                let age = script.length();
                let flags = script.digit();
                let secret = script.digit();
                let mut record = template_record();
                let issued = self.platform.saturating_sub(age);
                let token = AccessToken::new(self.secret(secret), date(issued + lifetime));
                record.token = token.expect("valid");
                record.issued_at = date(issued);
                record.lifetime = lifetime;
                // The writer's wall clock is this host's, or an hour ahead.
                let ahead = if flags & 1 == 1 { HOUR } else { Duration::ZERO };
                record.sent_at = self.now.wall.saturating_sub(age) + ahead;
                record.suspect = flags & 2 == 2;
                record.forced = u32::try_from(flags / 8).unwrap_or(0);
                let left = (flags & 4 == 4).then(|| lifetime.saturating_sub(age));
                Answer::Foreign(Box::new(Stored { record, left }))
            }
        }
    }
}

/// What can be printed holds no token.
fn silent(printed: &impl Debug) {
    let shown = format!("{printed:?}");
    assert!(!shown.contains("ISSUED"), "a token is shown: {shown}");
}

fn take<T>(all: &mut Vec<T>, at: usize) -> Option<T> {
    (!all.is_empty()).then(|| all.remove(at % all.len()))
}

/// What the store answers to the next calls.
#[derive(Default)]
enum Answer {
    /// What was saved, and the lease to everyone.
    #[default]
    Honest,
    Error,
    Held(Duration),
    Cool(Duration),
    /// As if it were empty.
    Nothing,
    /// Another cache's record, newer than any.
    Foreign(Box<Stored>),
}

#[derive(Default)]
struct Told {
    stored: Option<Stored>,
    leased: Option<Duration>,
}

#[derive(Default)]
struct State {
    answer: Answer,
    record: Option<Record>,
    told: Option<Told>,
}

/// A store that answers as the script says.
#[derive(Default)]
struct Scripted(Mutex<State>);

impl Scripted {
    fn read(&self, leased: Option<Duration>) -> Result<Option<Stored>, StoreError> {
        let mut state = self.0.lock().expect("no panic");
        let stored = match &state.answer {
            Answer::Error => return Err(StoreError::new("it is down")),
            Answer::Foreign(stored) => Some(Stored::clone(stored)),
            Answer::Nothing => None,
            _ => state
                .record
                .clone()
                .map(|record| Stored { record, left: None }),
        };
        state.told = Some(Told {
            stored: stored.clone(),
            leased,
        });
        Ok(stored)
    }
}

impl TokenStore for Scripted {
    fn load(&self, _: StoreKey) -> Result<Option<Stored>, StoreError> {
        self.read(None)
    }

    fn lease(&self, _: StoreKey, _: Owner, term: Duration) -> Result<Lease, StoreError> {
        let shut = match &self.0.lock().expect("no panic").answer {
            Answer::Held(wait) => Some((true, *wait)),
            Answer::Cool(wait) => Some((false, *wait)),
            _ => None,
        };
        let stored = self.read(shut.is_none().then_some(term))?;
        Ok(match shut {
            Some((true, wait)) => Lease::Held(wait, stored),
            Some((false, wait)) => Lease::CoolingDown(wait, stored),
            None => Lease::Granted(stored),
        })
    }

    fn save(
        &self,
        _: StoreKey,
        record: &Record,
        _: Option<Fingerprint>,
        _: Duration,
    ) -> Result<Saved, StoreError> {
        let stored = self.read(None)?;
        let mut state = self.0.lock().expect("no panic");
        if let (Answer::Foreign(_), Some(stored)) = (&state.answer, stored) {
            return Ok(Saved::Newer(stored));
        }
        // As a store has it, which keeps milliseconds.
        state.record = Record::decode(record.encode().as_bytes()).ok();
        assert!(state.record.is_some(), "what is saved can be read");
        Ok(Saved::Kept)
    }

    fn release(&self, _: StoreKey, _: Owner, _: Duration) -> Result<(), StoreError> {
        match self.0.lock().expect("no panic").answer {
            Answer::Error => Err(StoreError::new("it is down")),
            _ => Ok(()),
        }
    }
}

/// A policy in which no two figures are the same and all are small.
fn quick() -> RenewalPolicy {
    let mut policy = RenewalPolicy::default();
    policy.min_interval = 700 * MILLISECOND;
    policy.fetch_timeout = 4 * SECOND;
    policy.store_timeout = 1500 * MILLISECOND;
    policy.lease_term = 8 * SECOND;
    policy.renewal_window = 50 * SECOND;
    policy.expiry_margin = 6 * SECOND;
    policy.backoff_base = 300 * MILLISECOND;
    policy.backoff_cap = 9 * SECOND;
    policy.backoff_cap_serving = 40 * SECOND;
    policy.refused_base = 11 * SECOND;
    policy.min_token_age = 13 * SECOND;
    policy.min_token_age_cap = MINUTE;
    policy.settled_after = 90 * SECOND;
    policy.store_retry_base = 17 * SECOND;
    policy.store_retry_cap = 70 * SECOND;
    policy.lease_poll = 900 * MILLISECOND;
    policy
}

/// Each way in which an exchange ends without a token.
fn failures() -> &'static [FetchError] {
    static FAILURES: OnceLock<Vec<FetchError>> = OnceLock::new();
    FAILURES.get_or_init(|| {
        let reply = |status: u16, retry_after: &str, body: &'static str| {
            let mut response = http::Response::builder().status(status);
            if !retry_after.is_empty() {
                response = response.header("retry-after", retry_after);
            }
            let response = response.body(body).expect("valid");
            FetchError::from(operation().parse_response(&response).expect_err("no grant"))
        };
        vec![
            FetchError::Connect("refused".into()),
            FetchError::Tls("unknown issuer".into()),
            FetchError::Timeout(30 * SECOND),
            FetchError::Body("reset".into()),
            reply(200, "", r#"{"code":1,"message":"no"}"#),
            reply(200, "", r#"{"code":429,"message":"no"}"#),
            reply(429, "2", ""),
            reply(429, "100", r#"{"code":429}"#),
            reply(429, "3600", ""),
            reply(503, "20", ""),
            reply(502, "", ""),
            reply(504, "7", "<html>"),
            reply(500, "", r#"{"code":0}"#),
            reply(200, "", r#"{"code":0}"#),
            reply(200, "", "<html>"),
            reply(403, "45", r#"{"code":1}"#),
        ]
    })
}

fn operation() -> GetAccessToken {
    GetAccessToken::new(Credentials::new("my-id", "my-secret").expect("valid"))
}

fn template_grant() -> Grant {
    static GRANT: OnceLock<Grant> = OnceLock::new();
    let body =
        r#"{"code":0,"data":{"accessToken":"ISSUED","expiredAt":"2025-03-23T15:48:37+08:00"}}"#;
    let parse = || operation().parse_response(&http::Response::new(body));
    GRANT.get_or_init(|| parse().expect("a grant")).clone()
}

fn template_record() -> Record {
    static RECORD: OnceLock<Record> = OnceLock::new();
    let form = br#"{"version":1,"readableBy":1,"accessToken":"ISSUED-token-1","fingerprint":"722d271f3ad017f6","expiresAt":"2025-03-23T07:48:37Z","issuedAt":"2025-02-21T07:48:37Z","lifetimeMs":2592000000,"sentAtMs":1740124116750,"forced":0,"suspect":false}"#;
    RECORD
        .get_or_init(|| Record::decode(form).expect("a record"))
        .clone()
}

fn date(since_1970: Duration) -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH + since_1970
}

fn since_1970(date: OffsetDateTime) -> Duration {
    Duration::try_from(date - OffsetDateTime::UNIX_EPOCH).unwrap_or_default()
}
