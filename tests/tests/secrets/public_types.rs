//! Every public type of the crates that hold a secret, found in their sources: each is shown, here and in `outer_types`, with sentinels in it, or it
//! is in the list of those that can't be shown.

use std::io;
use std::task::Waker;
use std::time::Duration;

use pan123_token::http::{HeaderMap, Request, Response};
use pan123_token::{
    AccessToken, Authorization, BaseUrl, Credentials, FetchError, Fingerprint, GetAccessToken,
    Grant, Origins, RejectionWatch,
};
use pan123_token_cache::testing::{ManualClock, MemoryStore};
use pan123_token_cache::{
    Action, Clock, Failure, Moment, Record, RenewalPolicy, StoreError, StoreKey, StoreStep,
    SystemClock, TokenCache, TokenError, TokenStore,
};
use pan123_token_provider::{EnvironmentError, ErrorLine, Settings, Turn, Wanted, Work, on_tokio};
use pan123_token_tests::pieces::Pieces;

use crate::outer_types::{of_adapters, stores};
use crate::shown::Shown;
use crate::sources::public_types;
use crate::{DAY, ID, SECRET, START};

pub(super) const TOKEN: &str = "yP3kD8uW5hM1xE6tG9bS2jV7aC4nL0oR";

/// Those without `Debug` and without `Display`, and two empty ones that no program can name.
const NOT_SHOWN: [&str; 6] = [
    "BundledAgent",
    "BundledClient",
    "MemoryStore",
    "OwnClient",
    "ProxyVariables",
    "Wiped",
];

pub(super) fn credentials() -> Credentials {
    Credentials::new(ID, SECRET).unwrap()
}

fn operation() -> GetAccessToken {
    GetAccessToken::new(credentials())
}

fn reply(body: String) -> Response<String> {
    let reply = Response::builder().header("date", "Fri, 21 Feb 2025 07:48:37 GMT");
    reply.body(body).unwrap()
}

pub(super) fn grant() -> Grant {
    let data = format!(r#"{{"accessToken":"{TOKEN}","expiredAt":"2025-03-23T15:48:37+08:00"}}"#);
    let body = format!(r#"{{"code":0,"message":"{SECRET}","data":{data},"x-traceID":"{TOKEN}"}}"#);
    operation().parse_response(&reply(body)).unwrap()
}

fn core(shown: &Shown) {
    let (operation, grant) = (operation(), grant());
    shown.add(&credentials());
    shown.add(&operation);
    shown.add(&grant);
    let token = &grant.token;
    shown.add(token);
    shown.add(&token.fingerprint());
    shown.push("Fingerprint", token.fingerprint().to_string());
    shown.add_error(&TOKEN.parse::<Fingerprint>().unwrap_err());
    shown.add_error(&AccessToken::new(format!("{TOKEN}\n"), token.expires_at()).unwrap_err());
    shown.add_error(&Credentials::new(ID, format!("{SECRET}\0")).unwrap_err());
    let url = format!("https://{ID}:{SECRET}@example.com");
    shown.add_error(&url.parse::<BaseUrl>().unwrap_err());
    shown.add(operation.base_url());
    let origins = Origins::of(operation.base_url());
    shown.add(&origins);

    let request = Request::get("https://open-api.123pan.com/")
        .body(())
        .unwrap();
    let mut headers = HeaderMap::new();
    let authorization = Authorization::of(&request, &origins).unwrap();
    shown.add(&authorization);
    shown.add(&authorization.authorize(&mut headers, token));
    // As a program shows the request that it is about to send.
    shown.add(&headers);
    shown.add(&token.authorization());

    let body =
        format!(r#"{{"code":5,"message":"{SECRET} {TOKEN}","data":{{"accessToken":"{TOKEN}"}}}}"#);
    let error = operation.parse_response(&reply(body)).unwrap_err();
    shown.add(&error.kind());
    shown.add_error(&error);
    let cause = operation.cause(&io::Error::other(format!("sent {SECRET}")));
    shown.add(&cause);
    shown.add_error(&FetchError::Connect(cause));
    shown.add_error(&FetchError::Response(error));
    let reply = reply(String::new());
    let mut watch = RejectionWatch::new(&reply, None);
    watch.push(format!(r#"{{"data":"{TOKEN}"#).as_bytes());
    shown.add(&watch);
}

pub(super) fn record() -> Record {
    let key = key();
    let clock = clock();
    let store = MemoryStore::new(clock.clone());
    drive(&Shown::default(), &store, &clock);
    store.load(key).unwrap().unwrap().record
}

pub(super) fn key() -> StoreKey {
    StoreKey::of(&operation())
}

fn clock() -> ManualClock {
    ManualClock::new(Moment {
        wall: START,
        monotonic: DAY,
    })
}

/// A cache from nothing to a token that is rejected.
fn drive(shown: &Shown, store: &dyn TokenStore, clock: &ManualClock) {
    let mut cache = TokenCache::new(RenewalPolicy::default(), 7)
        .unwrap()
        .sharing();
    for _ in 0..20 {
        let action = cache.poll(clock.now());
        shown.add(&action);
        shown.add(&cache);
        match action {
            Action::Store(step) => {
                shown.add(&step);
                match &step {
                    StoreStep::Load(step) => shown.add(step.call()),
                    StoreStep::Lease(step) => {
                        shown.add(step);
                        shown.add(step.call());
                    }
                    StoreStep::Save(step) => {
                        shown.add(step);
                        shown.add(step.call());
                        shown.add(&step.call().tier);
                        shown.add(&step.call().record);
                    }
                    StoreStep::Release(step) => {
                        shown.add(step.call());
                        shown.add(&step.call().owner);
                    }
                }
                let done = step.run(store, key());
                shown.add(&done);
                cache.stored(done, clock.now());
            }
            Action::Fetch(ticket) => {
                shown.add(&ticket);
                cache.fetched(ticket, Ok(grant()), clock.now());
            }
            Action::Wait { reason, .. } => {
                shown.add(&reason);
                break;
            }
        }
    }
    let snapshot = cache.snapshot();
    assert!(snapshot.token(clock.now()).is_some());
    shown.add(&snapshot);
    shown.add(&cache.reject(&grant().token, clock.now()));
    while let Some(event) = cache.next_event() {
        shown.add_event(&event);
    }
}

fn lifecycle(shown: &Shown) {
    let clock = clock();
    let store = MemoryStore::new(clock.clone());
    shown.add(&clock);
    shown.add(&SystemClock::new());
    shown.add(&clock.now());
    drive(shown, &store, &clock);
    let loaded = store.load(key()).unwrap().unwrap();
    shown.add(&loaded);
    shown.add(&key());
    shown.push("StoreKey", key().to_string());
    let owner = pan123_token_cache::Owner(7);
    shown.add(&store.lease(key(), owner, DAY).unwrap());
    shown.add(&store.lease_record(key()).unwrap().unwrap());
    shown.add(&store.save(key(), &loaded.record, None, DAY).unwrap());
    shown.add_error(&Record::decode(&loaded.record.encode().as_bytes()[..60]).unwrap_err());
    shown.add_error(&StoreError::new("a store says this itself"));
    let mut policy = RenewalPolicy::default();
    shown.add(&policy);
    shown.add(&policy.store_role);
    shown.add(&policy.clone().fitted_to(DAY).unwrap());
    policy.backoff_cap = Duration::ZERO;
    shown.add_error(&policy.check().unwrap_err());
    let error = FetchError::Body(operation().cause(&io::Error::other(SECRET)));
    let failure = Failure::Fetch(error);
    shown.add(&failure);
    shown.push("Failure", failure.to_string());
    shown.add_error(&TokenError::Renewal {
        failure,
        next_attempt: DAY,
    });
}

fn provider(shown: &Shown) {
    let store = MemoryStore::new(clock());
    let settings = Settings::new(credentials(), clock()).sharing(true);
    shown.add(&settings);
    let provider = settings.build().unwrap();
    let mut caller = provider.caller(Wanted::Usable, DAY);
    shown.add(&Wanted::Usable);
    for _ in 0..20 {
        let turn = caller.turn(Duration::ZERO, Waker::noop());
        shown.add(&turn);
        shown.add(&caller);
        shown.add(&provider);
        shown.add(&provider.flush());
        match turn {
            Turn::Done(result) => {
                shown.add(&result.unwrap());
                return;
            }
            Turn::Start(mut job, place) => {
                shown.add(&place);
                while let Some(work) = job.next() {
                    shown.add(&job);
                    shown.add(&work);
                    match work {
                        Work::Exchange(mut exchange) => {
                            let _ = exchange.operation();
                            shown.add(&exchange);
                            exchange.finish(Ok(grant()));
                        }
                        Work::Store(call) => {
                            shown.add(&call);
                            let (step, key, report) = call.split();
                            shown.add(&report);
                            report.finish(step.run(&store, key));
                        }
                    }
                }
            }
            Turn::Wait(_) => {}
        }
    }
    unreachable!("there is a token by now");
}

fn on_tokio(shown: &Shown) {
    let fixed = on_tokio::TokioProvider::fixed(grant().token);
    shown.add(&fixed);
    shown.add(&on_tokio::TokioSettings::new(credentials()));
    shown.add(&on_tokio::TokioClock::new());
    shown.add(&on_tokio::Runs::OnThread);
    let error = io::Error::other("a client says this itself");
    shown.push("ErrorLine", ErrorLine(&error).to_string());
    let unusable = Credentials::new(ID, format!("{SECRET}\0")).unwrap_err();
    shown.add_error(&EnvironmentError::Unusable(unusable));
}

#[test]
fn no_public_type_shows_a_secret() {
    let shown = Shown::default();
    core(&shown);
    lifecycle(&shown);
    provider(&shown);
    on_tokio(&shown);
    stores(&shown);
    of_adapters(&shown);
    let secrets = Pieces::of([SECRET, TOKEN]);
    for (what, text) in shown.texts() {
        assert_eq!(secrets.find(text.as_bytes()), None, "{what}: {text}");
    }
    let mut missing = public_types();
    for name in shown.names() {
        missing.remove(&name);
    }
    for name in NOT_SHOWN {
        assert!(missing.remove(name), "{name} is shown, or isn't there");
    }
    assert!(missing.is_empty(), "not shown here: {missing:?}");
}
