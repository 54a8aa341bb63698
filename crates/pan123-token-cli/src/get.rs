//! `get`: a token from the store or from the platform, on stdout.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

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
    let agent = arguments.place.trust(agent, AgentBuilder::ca_pem)?.build();
    let store = match arguments.place.store(&warnings)? {
        Store::None => None,
        Store::Usable(store) => Some(store),
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
    let fetched = Arc::new(AtomicBool::new(false));
    let policy = policy(arguments.place.timeout);
    let save_time = policy.store_timeout;
    let mut builder = TokenProvider::builder(credentials)
        .base_url(base_url)
        .agent(agent)
        .policy(policy)
        .timeout(arguments.place.timeout)
        .on_event(listener(&fetched, warnings));
    if let Some(store) = store {
        builder = builder.store(store);
    }
    let provider = builder.build().map_err(|_| Failure::internal())?;

    let token = match token(arguments, &provider) {
        Err(TokenError::Renewal {
            failure: Renewal::BornOver(token),
            ..
        }) => {
            // This host's clock may be the wrong one.
            warnings.add("the token that the server sent is already over");
            fetched.store(true, Ordering::Release);
            token
        }
        token => token?,
    };
    let source = if fetched.load(Ordering::Acquire) {
        "server"
    } else {
        "store"
    };
    let printed = output::stdout(&format!("{}\n", print(&token, source, arguments.format)?));
    // Whatever became of stdout: a token that isn't saved is one of 3 for nothing.
    provider.settle(save_time);
    printed?;
    warnings.say();
    Ok(())
}

fn token(arguments: &Get, provider: &TokenProvider) -> Result<AccessToken, TokenError> {
    if arguments.refresh {
        return provider.refresh();
    }
    let token = provider.token()?;
    // If its renewal is due, that has begun.
    if provider.settle(MOMENT.min(arguments.place.timeout)) {
        return Ok(provider.current().unwrap_or(token));
    }
    Ok(token)
}

fn policy(timeout: Duration) -> RenewalPolicy {
    let mut policy = RenewalPolicy::default();
    // Whoever allows more time means the exchange. A lease holds one, and two calls to the store.
    policy.fetch_timeout = timeout;
    policy.lease_term = policy.lease_term.max(timeout + 2 * policy.store_timeout);
    policy
}

fn listener(
    fetched: &Arc<AtomicBool>,
    warnings: &Warnings,
) -> impl Fn(&Event) + Send + Sync + 'static {
    let (fetched, warnings) = (Arc::clone(fetched), warnings.clone());
    move |event| match event {
        Event::Renewed { .. } => fetched.store(true, Ordering::Release),
        Event::StoreFailed { call, error } => {
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
