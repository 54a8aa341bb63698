//! Store steps that are dropped, late, or answered in any way.

use pan123_token_cache::StoreDone;
use proptest::prelude::*;

use super::*;

#[test]
fn a_step_that_is_dropped_counts_as_a_store_that_failed() {
    let clock = ManualClock::new(START);
    let (mut host, _) = Host::on_faulty_store(&clock);
    let Action::Store(step) = host.cache.poll(host.now()) else {
        panic!()
    };
    assert_eq!(step.name(), "load");
    drop(step);
    let Action::Wait { until, reason } = host.cache.poll(host.now()) else {
        panic!()
    };
    assert_eq!(reason, Reason::Storing);
    assert_eq!(until.monotonic, START.monotonic + 5 * SECOND / 2);
    clock.advance(5 * SECOND / 2);
    // It has waited long enough, and is asked again at once.
    assert!(matches!(
        host.cache.poll(host.now()),
        Action::Store(StoreStep::Load(_))
    ));
    assert!(matches!(
        host.events()[..],
        [Event::StoreFailed { call: "load", .. }]
    ));
}

#[test]
fn an_answer_that_comes_too_late_is_passed_over() {
    let clock = ManualClock::new(START);
    let (mut host, _) = Host::on_faulty_store(&clock);
    let session = host.store.clone().unwrap();
    let Action::Store(step) = host.cache.poll(host.now()) else {
        panic!()
    };
    clock.advance(3 * SECOND);
    host.cache.stored(session.run(step), host.now());
    assert!(matches!(
        host.events()[..],
        [Event::StoreFailed { call: "load", .. }]
    ));
}

/// What a store answers to one step, whichever that is.
#[derive(Clone, Debug)]
struct Answers {
    load: Result<Option<Stored>, StoreError>,
    lease: Result<Lease, StoreError>,
    save: Result<Saved, StoreError>,
    release: Result<(), StoreError>,
}

impl Answers {
    fn answer(&self, step: StoreStep) -> StoreDone {
        let Self {
            load,
            lease,
            save,
            release,
        } = self.clone();
        match step {
            StoreStep::Load(step) => step.answer(load),
            StoreStep::Lease(step) => step.answer(lease),
            StoreStep::Save(step) => step.answer(save),
            StoreStep::Release(step) => step.answer(release),
        }
    }
}

/// Of a few tokens, in all that two records of one token may differ in.
fn any_stored() -> impl Strategy<Value = Stored> {
    let issued = prop_oneof![
        Just(START.wall - DAY),
        Just(START.wall),
        Just(START.wall + DAY)
    ];
    let lifetime = prop_oneof![Just(MINUTE), Just(30 * DAY), Just(31 * DAY)];
    let counts = (0..3_u32, any::<bool>(), 0..4_u32);
    ("[abc]", issued, lifetime, counts).prop_map(|(secret, issued, lifetime, counts)| {
        let mut record = record(&secret, issued, lifetime);
        (record.forced, record.suspect, record.maybe_issued) = counts;
        Stored { record, left: None }
    })
}

fn any_answers() -> impl Strategy<Value = Answers> {
    let error = || {
        prop_oneof![
            2 => Just(StoreError::new("it is down")),
            1 => Just(StoreError::misconfigured("wrong password")),
        ]
    };
    let stored = || proptest::option::of(any_stored());
    let wait = || prop_oneof![Just(Duration::ZERO), Just(SECOND), Just(45 * SECOND)];
    let lease = prop_oneof![
        3 => stored().prop_map(Lease::Granted),
        2 => (wait(), stored()).prop_map(|(wait, stored)| Lease::Held(wait, stored)),
        1 => stored().prop_map(Lease::Stuck),
        2 => (wait(), stored()).prop_map(|(wait, stored)| Lease::CoolingDown(wait, stored)),
    ];
    let saved = prop_oneof![Just(Saved::Kept), any_stored().prop_map(Saved::Newer)];
    (
        prop_oneof![4 => stored().prop_map(Ok), 1 => error().prop_map(Err)],
        prop_oneof![4 => lease.prop_map(Ok), 1 => error().prop_map(Err)],
        prop_oneof![4 => saved.prop_map(Ok), 1 => error().prop_map(Err)],
        prop_oneof![4 => Just(Ok(())), 1 => error().prop_map(Err)],
    )
        .prop_map(|(load, lease, save, release)| Answers {
            load,
            lease,
            save,
            release,
        })
}

/// What else happens to a cache.
#[derive(Clone, Debug)]
enum Incident {
    Passes(Duration),
    Rejected,
    Refreshed,
    /// A fetch that is under way brings this token.
    Granted(String),
    Failed,
    LostReply,
    RateLimited,
}

fn any_incident() -> impl Strategy<Value = Incident> {
    let time = prop_oneof![
        Just(Duration::ZERO),
        Just(SECOND),
        Just(MINUTE),
        Just(HOUR),
        Just(30 * DAY - 12 * HOUR)
    ];
    prop_oneof![
        4 => time.prop_map(Incident::Passes),
        1 => Just(Incident::Rejected),
        1 => Just(Incident::Refreshed),
        3 => "[abcd]".prop_map(Incident::Granted),
        1 => Just(Incident::Failed),
        1 => Just(Incident::LostReply),
        1 => Just(Incident::RateLimited),
    ]
}

/// At one moment. Longest: each record of each of both stores says more of the token than the one before.
const MOST_STEPS: u32 = 16;

fn happen(host: &mut Host, incident: Incident, ticket: &mut Option<FetchTicket>) {
    let result = match incident {
        Incident::Passes(time) => return host.pass(time),
        Incident::Refreshed => return host.cache.refresh(),
        Incident::Rejected => {
            if let Some(token) = host.cache.snapshot().token(host.now()).cloned() {
                let _ = host.cache.reject(&token, host.now());
            }
            return;
        }
        Incident::Granted(secret) => grant(&secret, host.now().wall, 30 * DAY),
        Incident::Failed => not_sent(),
        Incident::LostReply => maybe_issued(),
        Incident::RateLimited => rate_limited(),
    };
    if let Some(ticket) = ticket.take() {
        host.cache.fetched(ticket, result, host.now());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 300 }) })]

    /// No hot loop: a driver that carries steps out at once comes to something else to do.
    #[test]
    fn whatever_a_store_answers_a_moment_holds_few_steps(
        has_fallback in any::<bool>(),
        history in proptest::collection::vec(
            (any_incident(), proptest::collection::vec(any_answers(), 1..4)),
            1..12,
        ),
    ) {
        let mut host = Host::alone();
        host.cache = if has_fallback {
            host.cache.with_fallback()
        } else {
            host.cache.sharing()
        };
        let mut ticket = None;
        for (incident, answers) in history {
            happen(&mut host, incident, &mut ticket);
            let mut answers = answers.iter().cycle();
            let ends = (0..=MOST_STEPS).any(|_| match host.cache.poll(host.now()) {
                Action::Store(step) => {
                    let done = answers.next().unwrap().answer(step);
                    host.cache.stored(done, host.now());
                    false
                }
                Action::Fetch(new) => {
                    ticket = Some(new);
                    true
                }
                Action::Wait { until, .. } => {
                    let now = host.now();
                    assert!(until.wall > now.wall && until.monotonic > now.monotonic, "{until:?}");
                    true
                }
            });
            prop_assert!(ends, "more than {MOST_STEPS} steps, and no time has passed");
        }
    }
}
