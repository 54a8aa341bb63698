//! What the command was asked to do: options, and the environment that stands for them.

#![allow(
    clippy::doc_markdown,
    reason = "the comments on options are the text of --help"
)]

use std::error::Error as _;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::failure::Failure;
use crate::output;

#[derive(Parser)]
#[command(
    name = "pan123-token",
    version,
    about = "Gets access tokens of the 123pan open platform",
    after_help = "Credentials: PAN123_CLIENT_ID and PAN123_CLIENT_SECRET in the environment, or --client-id and \
                  --client-secret-file.\n\
                  Exit codes: 0 done, 1 nothing stored (status), 64 usage, 69 unavailable, 70 internal error, 74 can't \
                  write or reach the store, 75 rate limited, 76 not an answer of the API, 77 refused."
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Print a token on stdout, and all else on stderr
    Get(Get),
    /// Say what is stored, until when it lives, and when it is renewed; never the token
    Status(Status),
    /// Tell the store that the platform refused a token: it, or its whole header line, is read from stdin
    Reject(Reject),
    /// Run an emulator of the platform, until SIGTERM or SIGINT
    #[cfg(feature = "emulator")]
    Emulate(crate::emulate::Arguments),
}

#[derive(Args)]
pub(crate) struct Get {
    /// How to print the token
    #[arg(long, value_enum, default_value_t = Format::Raw)]
    pub(crate) format: Format,

    /// Renew the stored token, even if it is fresh
    #[arg(long)]
    pub(crate) refresh: bool,

    /// Start an emulator, ask that one with its own credentials, and stop it
    #[cfg(feature = "emulator")]
    #[arg(long, conflicts_with_all = ["client_id", "client_secret_file", "base_url", "ca_file"])]
    pub(crate) emulate: bool,

    /// A file that holds the client secret; - is stdin [default: the secret in PAN123_CLIENT_SECRET]
    #[arg(long, value_name = "FILE")]
    pub(crate) client_secret_file: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) place: Place,
}

#[derive(Args)]
pub(crate) struct Status {
    /// How to print it
    #[arg(long, value_enum, default_value_t = Report::Text)]
    pub(crate) format: Report,

    #[command(flatten)]
    pub(crate) place: Place,
}

#[derive(Args)]
pub(crate) struct Reject {
    #[command(flatten)]
    pub(crate) place: Place,
}

/// Whose token is meant, of which platform, and where it is kept.
#[derive(Args)]
pub(crate) struct Place {
    /// The client ID [default: PAN123_CLIENT_ID]
    #[arg(long, value_name = "ID")]
    pub(crate) client_id: Option<String>,

    /// Where the platform is [default: https://open-api.123pan.com, or PAN123_BASE_URL]
    #[arg(long, value_name = "URL")]
    pub(crate) base_url: Option<String>,

    /// Allow http to any host: the client secret then crosses the network in the clear
    #[arg(long)]
    pub(crate) insecure_http: bool,

    /// Where the token is kept: none, file, file:FOLDER, file-group:FOLDER (shared by the users of its group), redis://… or
    /// rediss://…; a URL with a password belongs in PAN123_TOKEN_STORE. One that is down is tried for most of the timeout
    /// [default: file, or PAN123_TOKEN_STORE]
    #[arg(long, value_name = "STORE")]
    pub(crate) store: Option<String>,

    /// Go on without a store that is misconfigured, with a warning: each run then takes a token of its own
    #[arg(long)]
    pub(crate) store_optional: bool,

    /// How long all of it may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = parse_timeout)]
    pub(crate) timeout: Duration,

    /// Trust the certificates in this file, and no others
    #[arg(long, value_name = "PEM")]
    pub(crate) ca_file: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// The token alone
    Raw,
    /// The header line that an API call carries
    Header,
    /// A JSON object; errors, too
    Json,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Report {
    /// For people
    Text,
    /// A JSON object; errors, too
    Json,
}

impl Format {
    /// What `--format` says, before it is known whether the other arguments are any good.
    pub(crate) fn asked_for(arguments: impl Iterator<Item = OsString>) -> Self {
        let mut after_option = false;
        for argument in arguments {
            if argument == "--format=json" || after_option && argument == "json" {
                return Self::Json;
            }
            after_option = argument == "--format";
        }
        Self::Raw
    }
}

/// `None` where help was asked for, and printed.
pub(crate) fn parse() -> Result<Option<Command>, Failure> {
    match Arguments::try_parse() {
        Ok(arguments) => Ok(Some(arguments.command)),
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
            ) =>
        {
            output::stdout(&error.render().to_string())?;
            Ok(None)
        }
        Err(error) if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            Err(Failure::usage("no command given; see pan123-token --help"))
        }
        Err(error) => Err(Failure::usage(usage_line(&error))),
    }
}

/// What is wrong with the command line. A value that was given is not repeated: it may be a secret at the wrong place.
fn usage_line(error: &clap::Error) -> String {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(&**text),
        _ => None,
    };
    let given = context(ContextKind::InvalidArg).unwrap_or_default();
    let line = match error.kind() {
        ErrorKind::UnknownArgument if given.starts_with("--") => {
            let name = given.split('=').next().unwrap_or_default();
            format!("unexpected argument '{name}'")
        }
        ErrorKind::UnknownArgument | ErrorKind::TooManyValues => {
            let hint = if std::env::args_os().nth(1).is_some_and(|it| it == "reject") {
                "; the token is read from stdin"
            } else {
                ""
            };
            format!("unexpected argument{hint}")
        }
        ErrorKind::InvalidSubcommand => "no such command".to_owned(),
        ErrorKind::InvalidValue => match error.get(ContextKind::ValidValue) {
            Some(ContextValue::Strings(valid)) if !valid.is_empty() => {
                format!("'{given}' takes one of {}", valid.join(", "))
            }
            _ => format!("a value is missing for '{given}'"),
        },
        ErrorKind::ValueValidation => {
            let why = error.source().map(ToString::to_string);
            format!("a wrong value for '{given}': {}", why.unwrap_or_default())
        }
        _ => first_paragraph(&error.render().to_string()),
    };
    format!("{line}; see pan123-token --help")
}

/// clap's, without its mark.
fn first_paragraph(text: &str) -> String {
    let lines = text.lines().take_while(|line| !line.trim().is_empty());
    let line = lines.map(str::trim).collect::<Vec<_>>().join(" ");
    line.strip_prefix("error: ").unwrap_or(&line).to_owned()
}

fn parse_timeout(text: &str) -> Result<Duration, &'static str> {
    text.parse()
        .ok()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .filter(|timeout| {
            (Duration::from_millis(1)..=Duration::from_secs(86_400)).contains(timeout)
        })
        .ok_or("a number of seconds from 0.001 to 86400")
}

/// The option's value, or else the environment's; empty is as good as none.
pub(crate) fn option_or_env(option: Option<&str>, name: &str) -> Result<Option<String>, Failure> {
    let value = match option {
        Some(value) => value.to_owned(),
        None => match std::env::var(name) {
            Ok(value) => value,
            Err(std::env::VarError::NotPresent) => return Ok(None),
            Err(std::env::VarError::NotUnicode(_)) => {
                return Err(Failure::usage(format_args!("{name} is not UTF-8")));
            }
        },
    };
    Ok(Some(value).filter(|value| !value.is_empty()))
}
