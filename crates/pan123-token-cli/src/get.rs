//! `get`: a token from the store or from the platform, on stdout.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use pan123_token_ureq::ureq::Agent;
use pan123_token_ureq::{
    AccessToken, AgentBuilder, BaseUrl, Credentials, Event, Failure as Renewal, RenewalPolicy,
    TokenError, TokenProvider, TokenStore,
};
use time::format_description::well_known::Rfc3339;

use crate::arguments::{Format, Get};
use crate::failure::Failure;
use crate::place::{Store, Warnings};
use crate::{credentials, output};

/// For how long a renewal that is due is waited for, while there is a token that is still good.
const MOMENT: Duration = Duration::from_secs(3);

pub(crate) fn run(arguments: &Get) -> Result<(), Failure> {
    #[cfg(feature = "emulator")]
    if arguments.emulate {
        return crate::emulate::get(arguments);
    }
    let warnings = Warnings::default();
    let credentials = credentials::read(arguments)?;
    let base_url = arguments.place.base_url()?;
    let agent = AgentBuilder::default();
    let agent = arguments.place.trust(agent, AgentBuilder::ca_pem)?;
    let agent = agent.build().map_err(Failure::usage)?;
    let store = match arguments.place.store(&warnings)? {
        Store::None => None,
        Store::Usable(store) => Some(store),
        Store::Unusable(error) if !arguments.place.store_optional => {
            return Err(Failure::misconfigured_store(error));
        }
        Store::Unusable(error) => {
            warnings.add(format_args!("the token isn't kept: {error}"));
            None
        }
    };
    get(arguments, credentials, base_url, agent, store, &warnings)
}

/// Prints a token, and then waits until it is saved.
pub(crate) fn get(
    arguments: &Get,
    credentials: Credentials,
    base_url: BaseUrl,
    agent: Agent,
    store: Option<Arc<dyn TokenStore>>,
    warnings: &Warnings,
) -> Result<(), Failure> {
    let timeout = arguments.place.timeout;
    let heard = Arc::new(Heard::default());
    let mut policy = policy(timeout);
    policy.store_role = arguments.place.store_role();
    let save_time = 2 * policy.store_timeout;
    let mut builder = TokenProvider::builder(credentials)
        .base_url(base_url)
        .agent(agent)
        .policy(policy)
        .timeout(timeout)
        .on_event(listener(&heard, warnings));
    if let Some(store) = store {
        builder = builder.store(store);
    }
    let provider = builder.build().map_err(|_| Failure::internal())?;

    let token = match token(arguments, &provider, save_time) {
        Err(TokenError::Renewal {
            failure: Renewal::IssuedExpired(token),
            ..
        }) => {
            // This host's clock may be the wrong one.
            warnings.add("the token that the server sent has already expired");
            heard.renewed.store(true, Ordering::Release);
            token
        }
        Err(error) => {
            let timed_out = matches!(error, TokenError::TimedOut(_));
            let reason = warnings.last().filter(|_| timed_out);
            return Err(Failure::from(error).perhaps_since(reason));
        }
        Ok(token) => token,
    };
    let source = if heard.renewed.load(Ordering::Acquire) {
        "server"
    } else {
        "store"
    };
    let printed = output::stdout(&format!("{}\n", print(&token, source, arguments.format)?));
    // Whatever became of stdout: a token that isn't received or saved is one of 3 for nothing.
    provider.flush(timeout + save_time);
    save_again(&provider, &heard, save_time);
    printed?;
    warnings.say();
    Ok(())
}

/// Offers a token once more that couldn't be saved.
fn save_again(provider: &TokenProvider, heard: &Heard, limit: Duration) {
    let begun = Instant::now();
    while heard.unsaved.load(Ordering::Acquire) && begun.elapsed() < limit {
        thread::sleep(Duration::from_millis(100));
        // Each caller lets the machine do what is due.
        let _ = provider.token_within(Duration::ZERO);
        provider.flush(limit);
    }
}

/// A token, or why there is none; that once nothing is under way any more, so that no exchange and no lease is left behind.
fn token(
    arguments: &Get,
    provider: &TokenProvider,
    save_time: Duration,
) -> Result<AccessToken, TokenError> {
    let asked = if arguments.refresh {
        provider.refresh()
    } else {
        provider.token()
    };
    let token = match asked {
        Ok(token) => token,
        Err(error) => {
            provider.flush(save_time);
            let timed_out = matches!(error, TokenError::TimedOut(_));
            if timed_out && !arguments.refresh {
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
    if !arguments.refresh && provider.flush(MOMENT.min(arguments.place.timeout)) {
        return Ok(provider.current().unwrap_or(token));
    }
    Ok(token)
}

fn policy(timeout: Duration) -> RenewalPolicy {
    let mut policy = RenewalPolicy::default();
    // A user who allows more time means the exchange. A lease holds one, and two calls to the store.
    policy.fetch_timeout = timeout;
    policy.store_timeout = policy.store_timeout.min(timeout / 4);
    // So that a run outlives the lease of one that was killed, within its own timeout.
    policy.lease_term = timeout + 2 * policy.store_timeout;
    policy
}

/// What the provider told.
#[derive(Default)]
struct Heard {
    renewed: AtomicBool,
    unsaved: AtomicBool,
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
            warnings.add(format_args!("the token store failed ({call}): {error}"));
        }
        Event::RenewalFailed {
            failure,
            serving_old: true,
            ..
        } => warnings.add(format_args!("the token isn't renewed yet: {failure}")),
        _ => {}
    }
}

fn print(token: &AccessToken, source: &str, format: Format) -> Result<String, Failure> {
    Ok(match format {
        Format::Raw => token.secret().to_owned(),
        Format::Header => format!("Authorization: Bearer {}", token.secret()),
        Format::Json => {
            let expires_at = token.expires_at().format(&Rfc3339);
            serde_json::json!({
                "accessToken": token.secret(),
                "expiresAt": expires_at.map_err(|_| Failure::internal())?,
                "authorization": format!("Bearer {}", token.secret()),
                "source": source,
            })
            .to_string()
        }
    })
}
