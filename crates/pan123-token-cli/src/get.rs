//! `get`: a token from the store or from the platform, on stdout.

use pan123_token_ureq::AccessToken;
use time::format_description::well_known::Rfc3339;

use crate::arguments::{Format, Get};
use crate::failure::Failure;
use crate::signals::Stop;
use crate::tokens::{Got, Tokens};
use crate::warnings::Warnings;
use crate::{credentials, output};

pub(crate) fn run(arguments: &Get) -> Result<(), Failure> {
    let (stop, warnings) = (Stop::at_signals(), Warnings::default());
    #[cfg(feature = "emulator")]
    if arguments.emulate {
        return crate::emulate::get(arguments, &stop, &warnings);
    }
    let credentials = credentials::read(&arguments.secret, &arguments.place)?;
    let (place, agent) = (&arguments.place, arguments.place.agent()?);
    let tokens = Tokens::on_store(place, credentials, agent, &stop, &warnings)?;
    if !tokens.are_kept && output::stdout_is_nowhere() {
        return Err(Failure::nowhere());
    }
    print_token(arguments, &tokens, &warnings)
}

/// Prints a token, and then waits until it is saved.
pub(crate) fn print_token(
    arguments: &Get,
    tokens: &Tokens,
    warnings: &Warnings,
) -> Result<(), Failure> {
    let got = tokens.token(arguments.refresh)?;
    let printed = output::stdout(&format!("{}\n", shown(&got, arguments.format)?));
    // Whatever became of stdout.
    tokens.finish();
    printed?;
    warnings.say();
    Ok(())
}

fn shown(got: &Got, format: Format) -> Result<String, Failure> {
    let token = &got.token;
    Ok(match format {
        Format::Raw => token.secret().to_owned(),
        Format::Header => format!(
            "Authorization: Bearer {}\nPlatform: open_platform",
            token.secret()
        ),
        Format::Json => {
            let mut object = serde_json::json!({
                "accessToken": token.secret(),
                "expiresAt": expiry(token)?,
                "authorization": format!("Bearer {}", token.secret()),
                "source": if got.is_new { "server" } else { "store" },
            });
            if got.is_expired {
                object["expired"] = true.into();
            }
            object.to_string()
        }
        Format::Env => format!(
            "PAN123_ACCESS_TOKEN={}\nPAN123_EXPIRES_AT={}",
            quoted(token.secret()),
            expiry(token)?
        ),
    })
}

fn expiry(token: &AccessToken) -> Result<String, Failure> {
    let expires_at = token.expires_at().format(&Rfc3339);
    expires_at.map_err(|_| Failure::internal())
}

/// As a shell reads it. What a token usually is, stands there without quotes, which some readers of such files don't know.
fn quoted(value: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._+/=:@%,".contains(&b);
    if value.bytes().all(plain) {
        value.to_owned()
    } else {
        format!("'{}'", value.replace('\'', r"'\''"))
    }
}
