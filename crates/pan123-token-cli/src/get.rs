//! `get`: one exchange, and the token on stdout.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use pan123_token_ureq::pan123_token::http::Uri;
use pan123_token_ureq::{AccessToken, AgentBuilder, BaseUrl, GetAccessToken, Grant, fetch};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::arguments::{Format, Get, option_or_env};
use crate::failure::Failure;
use crate::{credentials, output};

pub(crate) fn run(arguments: &Get) -> Result<(), Failure> {
    let grant = exchange(arguments)?;
    warn_if_over(&grant);
    output::stdout(&format!("{}\n", print(&grant.token, arguments.format)?))
}

fn exchange(arguments: &Get) -> Result<Grant, Failure> {
    #[cfg(feature = "emulator")]
    if arguments.emulate {
        return crate::emulate::exchange(arguments.timeout);
    }
    check_store(arguments)?;
    let operation = GetAccessToken::new(credentials::read(&arguments.credentials)?)
        .with_base_url(base_url(arguments)?);
    let mut agent = AgentBuilder::default();
    if let Some(path) = &arguments.ca_file {
        agent = trust(agent, path)?;
    }
    Ok(fetch(agent.build(), &operation, arguments.timeout)?)
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

fn warn_if_over(grant: &Grant) {
    let now = grant.server_time.unwrap_or_else(OffsetDateTime::now_utc);
    if !grant.token.is_usable_at(now) {
        output::stderr("warning: the token that the server sent is already over");
    }
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
