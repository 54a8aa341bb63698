//! What the command was asked to do.

#![allow(
    clippy::doc_markdown,
    reason = "the comments on options are the text of --help"
)]

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::api::{Data, Target};

#[derive(Parser)]
#[command(
    name = "pan123-token",
    version,
    about = "Gets access tokens of the 123pan open platform, and calls its API with them",
    after_help = "Credentials: PAN123_CLIENT_ID in the environment, or --client-id; PAN123_CLIENT_SECRET or \
                  PAN123_CLIENT_SECRET_FILE, or --client-secret-file.\n\
                  PAN123_BASE_URL, PAN123_TOKEN_STORE, PAN123_CA_FILE, PAN123_STORE_CA_FILE and PAN123_INSECURE_HTTP=1 stand \
                  for the options of those names.\n\
                  \n\
                  Examples:\n  \
                    pan123-token api /api/v1/user/info\n  \
                    pan123-token get --format header | curl -H @- https://open-api.123pan.com/api/v1/user/info\n  \
                    pan123-token get --emulate\n\
                  \n\
                  Exit codes: 0 done, 1 nothing stored that can be used (status), 64 usage, 69 unavailable, 70 internal error, \
                  74 can't write or reach the store, 75 rate limited, 76 not an answer of the API, 77 refused; 129, 130 and 143 \
                  after SIGHUP, SIGINT and SIGTERM."
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Print a token on stdout, and all else on stderr
    #[command(after_help = "\
Examples:
  TOKEN=$(pan123-token get)
  pan123-token get --format header | curl -H @- https://open-api.123pan.com/api/v1/user/info
  eval \"$(pan123-token get --format env)\"
  pan123-token get --format json | jq -r .expiresAt
  pan123-token get --client-secret-file /run/secrets/pan123 --store file:/var/lib/pan123")]
    Get(Get),
    /// Make one API call with the token, and print the body of the reply. If the token was refused, the call is made once
    /// more with another
    #[command(
        override_usage = "pan123-token api [OPTIONS] [METHOD] PATH",
        after_help = "\
The exit code is 0 where the code in the body is 0, 75 for 429, 69 for HTTP 408 and 5xx, 76 where the body is no answer of
the API or has more than 64 MiB, and 77 for any other code.

Examples:
  pan123-token api /api/v1/user/info
  pan123-token api '/api/v2/file/list?parentFileId=0&limit=10' | jq .data
  pan123-token api POST /upload/v1/file/mkdir --data '{\"name\":\"new\",\"parentID\":0}'
  make-request | pan123-token api POST /api/v1/share/create --data @-"
    )]
    Api(Api),
    /// Say what is stored, until when it lives, when it is renewed, and who fetches; never the token
    #[command(after_help = "\
The exit code is 1 where nothing is stored, and where what is stored has expired.

Examples:
  pan123-token status
  pan123-token status --format json | jq .secondsLeft")]
    Status(Status),
    /// Tell the store that the platform refused a token, which is read from stdin in any form that get prints
    #[command(after_help = "\
Example:
  printf %s \"$TOKEN\" | pan123-token reject")]
    Reject(Reject),
    /// Run an emulator of the platform, until SIGTERM or SIGINT
    #[cfg(feature = "emulator")]
    Emulate(crate::emulate::Arguments),
    /// Print a script that completes this command's words in a shell
    #[command(after_help = "\
Example:
  pan123-token completions bash > ~/.local/share/bash-completion/completions/pan123-token")]
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page
    #[command(after_help = "\
Example:
  pan123-token man > ~/.local/share/man/man1/pan123-token.1")]
    Man,
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

    #[command(flatten)]
    pub(crate) secret: Secret,

    #[command(flatten)]
    pub(crate) place: Place,
}

#[derive(Args)]
pub(crate) struct Api {
    /// The path of the call, such as /api/v1/user/info, or a whole URL, if it is the base URL's own; or else the method, and
    /// then the path. Without a method it is GET, or POST where there is data
    #[arg(value_name = "METHOD|PATH", value_parser = Target::parse)]
    pub(crate) first: Target,

    /// The path, where there is a method before it
    #[arg(value_name = "PATH", value_parser = Target::parse)]
    pub(crate) second: Option<Target>,

    /// What to send: @FILE, @- for stdin, or JSON as it is
    #[arg(long, value_name = "@FILE", value_parser = Data::parse)]
    pub(crate) data: Option<Data>,

    #[command(flatten)]
    pub(crate) secret: Secret,

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

/// Where the client secret is.
#[derive(Args)]
pub(crate) struct Secret {
    /// A file that holds the client secret; - is stdin [default: the secret in PAN123_CLIENT_SECRET, or the file that
    /// PAN123_CLIENT_SECRET_FILE names]
    #[arg(long, value_name = "FILE")]
    pub(crate) client_secret_file: Option<PathBuf>,
}

/// Whose token is meant, of which platform, and where it is kept.
#[derive(Args)]
pub(crate) struct Place {
    /// The client ID [default: PAN123_CLIENT_ID]
    #[arg(long, value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) client_id: Option<String>,

    /// Where the platform is [default: https://open-api.123pan.com, or PAN123_BASE_URL]
    #[arg(long, value_name = "URL", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) base_url: Option<String>,

    /// Allow http to any host: the client secret then crosses the network in the clear [or PAN123_INSECURE_HTTP=1]
    #[arg(long)]
    pub(crate) insecure_http: bool,

    /// Where the token is kept: none, file, file:FOLDER, file-group:FOLDER (shared by the users of its group), redis://… or
    /// rediss://…; a URL with a password belongs in PAN123_TOKEN_STORE. One that is down is tried for most of the timeout
    /// [default: file, or PAN123_TOKEN_STORE]
    #[arg(long, value_name = "STORE", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) store: Option<String>,

    /// Go on without a store that is misconfigured, with a warning: each run then takes a token of its own. Has no effect on
    /// status and reject, which are about the store
    #[arg(long)]
    pub(crate) store_optional: bool,

    /// How long the wait for a token may take, in seconds; the call of api may then take as long again, and a call to the store
    /// a tenth of it. What comes on stdin is waited for without a limit
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = parse_timeout)]
    pub(crate) timeout: Duration,

    /// For the platform, trust the certificates in this file, and no others
    #[cfg_attr(
        feature = "platform-verifier",
        doc = "[default: PAN123_CA_FILE, or those that the system trusts]"
    )]
    #[cfg_attr(
        not(feature = "platform-verifier"),
        doc = "[default: PAN123_CA_FILE, or Mozilla's]"
    )]
    #[arg(long, value_name = "PEM")]
    pub(crate) ca_file: Option<PathBuf>,

    /// The same for the store [default: PAN123_STORE_CA_FILE, or Mozilla's, whatever the system trusts]
    #[arg(long, value_name = "PEM")]
    pub(crate) store_ca_file: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// The token alone
    Raw,
    /// The two header lines that an API call carries, for curl -H @-
    Header,
    /// A JSON object; errors, too
    Json,
    /// PAN123_ACCESS_TOKEN=… and PAN123_EXPIRES_AT=…, for eval and for files of variables
    Env,
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

fn parse_timeout(text: &str) -> Result<Duration, &'static str> {
    text.parse()
        .ok()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .filter(|timeout| {
            (Duration::from_millis(1)..=Duration::from_secs(86_400)).contains(timeout)
        })
        .ok_or("a number of seconds from 0.001 to 86400")
}
