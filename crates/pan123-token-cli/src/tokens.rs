//! Where `get` and `api` have their token from: a provider on the store, for as long as the command runs.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use pan123_token_cache::LeaseRecord;
use pan123_token_ureq::http::header::DATE;
use pan123_token_ureq::http::{Request, Response};
use pan123_token_ureq::store::TokenStore;
use pan123_token_ureq::ureq::middleware::MiddlewareNext;
use pan123_token_ureq::ureq::{Body, Error as UreqError, SendBody};
use pan123_token_ureq::{
    AccessToken, AgentBuilder, BaseUrl, Credentials, Event, Failure as Renewal, OffsetDateTime,
    TokenError, TokenProvider,
};

use crate::arguments::Place;
use crate::failure::Failure;
use crate::policy::policy;
use crate::signals::Stop;
use crate::store::Store;
use crate::stored_token::{StoredToken, replaced_when};
use crate::warnings::Warnings;
use crate::watched_store::{Seen, WatchedStore};

/// For how long a renewal that is due is waited for, while there is a token that is still good.
const MOMENT: Duration = Duration::from_secs(3);

pub(crate) struct Tokens {
    pub(crate) provider: TokenProvider,
    /// There is a store.
    pub(crate) are_kept: bool,
    timeout: Duration,
    /// How long what is under way may take once the timeout has come.
    save_time: Duration,
    heard: Arc<Heard>,
    seen: Arc<Seen>,
    stop: Stop,
    warnings: Warnings,
}

/// A token, and what is known of it.
pub(crate) struct Got {
    pub(crate) token: AccessToken,
    /// It came from the server just now.
    pub(crate) is_new: bool,
    /// By this host's clock.
    pub(crate) is_expired: bool,
}

impl Tokens {
    /// On the store that is meant.
    pub(crate) fn on_store(
        place: &Place,
        credentials: Credentials,
        agent: AgentBuilder,
        stop: &Stop,
        warnings: &Warnings,
    ) -> Result<Self, Failure> {
        let base_url = place.base_url()?;
        let store: Option<Arc<dyn TokenStore>> = match place.store(warnings)? {
            Store::None => None,
            Store::Usable(store) => Some(store),
            Store::File(store) => Some(store),
            Store::Unusable(error) if !place.store_optional => {
                return Err(Failure::misconfigured_store(error));
            }
            Store::Unusable(error) => {
                warnings.add(format_args!("the token isn't kept: {error}"));
                None
            }
        };
        Self::new(place, credentials, base_url, agent, store, stop, warnings)
    }

    pub(crate) fn new(
        place: &Place,
        credentials: Credentials,
        base_url: BaseUrl,
        agent: AgentBuilder,
        store: Option<Arc<dyn TokenStore>>,
        stop: &Stop,
        warnings: &Warnings,
    ) -> Result<Self, Failure> {
        let timeout = place.timeout;
        let are_kept = store.is_some();
        let policy = policy(place, are_kept);
        let save_time = 2 * policy.store_timeout;
        let (heard, seen) = (Arc::new(Heard::default()), Arc::new(Seen::default()));
        let agent = agent.config().map_err(Failure::usage)?;
        let agent = agent.middleware(watch_exchange(stop.clone(), Arc::clone(&heard)));
        let mut builder = TokenProvider::builder(credentials)
            .base_url(base_url)
            .agent(agent.build().new_agent())
            .policy(policy)
            .timeout(timeout)
            .on_event(listener(&heard, warnings));
        if let Some(store) = store {
            let store = WatchedStore::new(store, stop.clone(), Arc::clone(&seen));
            builder = builder.store(Arc::new(store));
        }
        let provider = builder.build().map_err(|_| Failure::internal())?;
        let ends = provider.clone();
        // An exchange that was sent comes to its end, and what it brings is saved; a lease is released.
        stop.finish_with(move || {
            ends.flush(timeout + save_time);
        });
        Ok(Self {
            provider,
            are_kept,
            timeout,
            save_time,
            heard,
            seen,
            stop: stop.clone(),
            warnings: warnings.clone(),
        })
    }

    /// A token. `refresh`: another than the one there is, though that may be fresh.
    pub(crate) fn token(&self, refresh: bool) -> Result<Got, Failure> {
        let result = self.ask(refresh);
        self.stop.wait_if_asked();
        let got = match result {
            Err(TokenError::Renewal {
                failure: Renewal::IssuedExpired(token),
                ..
            }) => self.expired(token)?,
            Err(error) => {
                let timed_out = matches!(error, TokenError::TimedOut(_));
                let failure = Failure::from(error);
                return Err(if timed_out {
                    failure.perhaps_since(self.lease().or_else(|| self.warnings.last()))
                } else {
                    failure
                });
            }
            Ok(token) => Got {
                token,
                is_new: self.heard.renewed.load(Ordering::Acquire),
                is_expired: false,
            },
        };
        self.warn_of_suspect(&got);
        Ok(got)
    }

    /// A token that is no use by this host's clock; unless the server says so as well.
    fn expired(&self, token: AccessToken) -> Result<Got, Failure> {
        let date = *self
            .heard
            .date
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(date) = date.filter(|date| token.expires_at() <= OffsetDateTime::from(*date)) {
            return Err(Failure::issued_expired(&token, date.into()));
        }
        self.warnings.add(
            "by this host's clock, the token that the server sent has already expired; set the clock right",
        );
        Ok(Got {
            token,
            is_new: true,
            is_expired: true,
        })
    }

    /// A token, or why there is none; that once nothing is under way any more, so that no exchange and no lease is left
    /// behind.
    fn ask(&self, refresh: bool) -> Result<AccessToken, TokenError> {
        let provider = &self.provider;
        let asked = if refresh {
            provider.refresh()
        } else {
            provider.token()
        };
        let token = match asked {
            Ok(token) => token,
            Err(error) => {
                provider.flush(self.save_time);
                let timed_out = matches!(error, TokenError::TimedOut(_));
                if timed_out && !refresh {
                    // The exchange ended a moment later. It says more than that time has run out, or brought a token.
                    let decided = provider.token_within(Duration::ZERO);
                    if matches!(decided, Ok(_) | Err(TokenError::Renewal { .. })) {
                        return decided;
                    }
                }
                return Err(error);
            }
        };
        // If its renewal is due, that has begun.
        if !refresh && provider.flush(MOMENT.min(self.timeout)) {
            return Ok(provider.current().unwrap_or(token));
        }
        Ok(token)
    }

    /// Who has kept this process from fetching, as far as the store said.
    fn lease(&self) -> Option<String> {
        let seconds = |wait: Duration| wait.as_secs_f64().ceil();
        self.seen.lease().map(|lease| match lease {
            LeaseRecord::Held(wait) => format!(
                "another process has the lease on fetching, for {:.0} s more at the most",
                seconds(wait)
            ),
            LeaseRecord::CoolingDown(wait) => {
                format!("no process may fetch for {:.0} s more", seconds(wait))
            }
        })
    }

    /// It is handed out as long as it is too young to be replaced, or can't be.
    fn warn_of_suspect(&self, got: &Got) {
        let stored = self.seen.stored(got.token.fingerprint());
        if let Some((stored, read)) = stored.filter(|(it, _)| it.record.suspect && !got.is_new) {
            let replaced = replaced_when(StoredToken::new(stored, read).replaceable_in());
            self.warnings
                .add(format_args!("the platform refused this token: {replaced}"));
        }
    }

    /// Waits until what is under way is saved: a token that isn't is one of 3 for nothing.
    pub(crate) fn finish(&self) {
        self.provider.flush(self.timeout + self.save_time);
        // Offers a token once more that couldn't be saved.
        let begun = Instant::now();
        while self.heard.unsaved.load(Ordering::Acquire) && begun.elapsed() < self.save_time {
            thread::sleep(Duration::from_millis(100));
            // Each caller lets the machine do what is due.
            let _ = self.provider.token_within(Duration::ZERO);
            self.provider.flush(self.save_time);
        }
        self.stop.wait_if_asked();
    }
}

/// What the provider and its exchange told.
#[derive(Default)]
struct Heard {
    renewed: AtomicBool,
    unsaved: AtomicBool,
    /// The `Date` of the last reply.
    date: Mutex<Option<SystemTime>>,
}

/// Around each exchange: none is begun at a signal, and the server's clock is noted.
fn watch_exchange(
    stop: Stop,
    heard: Arc<Heard>,
) -> impl Fn(Request<SendBody<'_>>, MiddlewareNext<'_>) -> Result<Response<Body>, UreqError>
+ Send
+ Sync
+ 'static {
    move |request, next| {
        if stop.is_asked() {
            return Err(UreqError::Other("the command is to end".into()));
        }
        let response = next.handle(request)?;
        let date = response.headers().get(DATE);
        let date = date.and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok());
        *heard.date.lock().unwrap_or_else(PoisonError::into_inner) = date;
        Ok(response)
    }
}

fn listener(heard: &Arc<Heard>, warnings: &Warnings) -> impl Fn(&Event) + Send + Sync + 'static {
    let (heard, warnings) = (Arc::clone(heard), warnings.clone());
    move |event| match event {
        Event::Renewed { .. } => heard.renewed.store(true, Ordering::Release),
        Event::StoreRecovered => heard.unsaved.store(false, Ordering::Release),
        Event::StoreFailed { call, error } => {
            if *call == "save" {
                heard.unsaved.store(true, Ordering::Release);
            }
            warnings.store_failed(format_args!("the token store failed ({call}): {error}"));
        }
        Event::HostStoreFailed { .. } => warnings.add(event),
        Event::RenewalFailed {
            failure,
            serving_old: true,
            ..
        } => warnings.add(format_args!("the token isn't renewed yet: {failure}")),
        _ => {}
    }
}
