//! `get`: a token from the provider, on stdout.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

use pan123_token_ureq::pan123_token::http::Uri;
use pan123_token_ureq::ureq::Agent;
use pan123_token_ureq::{
    AccessToken, AgentBuilder, BaseUrl, Credentials, RenewalPolicy, TokenProvider,
};
use time::format_description::well_known::Rfc3339;

use crate::arguments::{Format, Get, option_or_env};
use crate::failure::Failure;
use crate::{credentials, output};

pub(crate) fn run(arguments: &Get) -> Result<(), Failure> {
    let token = token(arguments)?;
    output::stdout(&format!("{}\n", print(&token, arguments.format)?))
}

fn token(arguments: &Get) -> Result<AccessToken, Failure> {
    #[cfg(feature = "emulator")]
    if arguments.emulate {
        return crate::emulate::token(arguments.timeout);
    }
    check_store(arguments)?;
    let credentials = credentials::read(&arguments.credentials)?;
    let base_url = base_url(arguments)?;
    let mut agent = AgentBuilder::default();
    if let Some(path) = &arguments.ca_file {
        agent = trust(agent, path)?;
    }
    let provider = provider(credentials, base_url, agent.build(), arguments.timeout)?;
    Ok(provider.token()?)
}

pub(crate) fn provider(
    credentials: Credentials,
    base_url: BaseUrl,
    agent: Agent,
    timeout: Duration,
) -> Result<TokenProvider, Failure> {
    let mut policy = RenewalPolicy::default();
    // Whoever allows a token more time means the exchange. A lease holds one, and two calls to the store.
    policy.fetch_timeout = timeout;
    policy.lease_term = policy.lease_term.max(timeout + 2 * policy.store_timeout);
    TokenProvider::builder(credentials)
        .base_url(base_url)
        .agent(agent)
        .policy(policy)
        .timeout(timeout)
        .build()
        .map_err(|_| Failure::internal())
}

/// Tokens aren't kept yet, and whoever asks for that should know.
fn check_store(arguments: &Get) -> Result<(), Failure> {
    match option_or_env(arguments.store.as_deref(), "PAN123_TOKEN_STORE")?.as_deref() {
        None | Some("none") => Ok(()),
        Some(_) => Err(Failure::usage(
            "the only token store of this version is `none`; see --store and PAN123_TOKEN_STORE",
        )),
    }
}

fn base_url(arguments: &Get) -> Result<BaseUrl, Failure> {
    let Some(text) = option_or_env(arguments.base_url.as_deref(), "PAN123_BASE_URL")? else {
        return Ok(BaseUrl::default());
    };
    let strict = text.parse::<BaseUrl>();
    match strict {
        Err(pan123_token_ureq::BaseUrlError::NotHttps) if arguments.insecure_http => {
            text.parse::<Uri>().map_or(strict, BaseUrl::insecure)
        }
        strict => strict,
    }
    .map_err(Failure::usage)
}

fn trust(agent: AgentBuilder, path: &Path) -> Result<AgentBuilder, Failure> {
    // All of Mozilla's certificates have a quarter of this.
    const MAX_BYTES: u64 = 1 << 20;
    let read = || {
        let mut pem = Vec::new();
        File::open(path)?
            .take(MAX_BYTES + 1)
            .read_to_end(&mut pem)?;
        if pem.len() as u64 > MAX_BYTES {
            return Err(io::Error::other("it has more than 1 MiB"));
        }
        agent.ca_pem(&pem)
    };
    read().map_err(|error| {
        Failure::usage(format_args!(
            "can't take certificates from {}: {error}",
            path.display()
        ))
    })
}

fn print(token: &AccessToken, format: Format) -> Result<String, Failure> {
    Ok(match format {
        Format::Raw => token.secret().to_owned(),
        Format::Header => format!("Authorization: Bearer {}", token.secret()),
        Format::Json => {
            let expires_at = token.expires_at().format(&Rfc3339);
            serde_json::json!({
                "accessToken": token.secret(),
                "expiresAt": expires_at.map_err(|_| Failure::internal())?,
                "authorization": format!("Bearer {}", token.secret()),
                "source": "server",
            })
            .to_string()
        }
    })
}
