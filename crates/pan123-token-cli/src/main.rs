//! `pan123-token`: access tokens of the 123pan open platform for shell scripts.
//!
//! `get` prints a token on stdout and everything else on stderr, `api` makes a call with one; `status` and `reject` are
//! about the stored one; `emulate` runs an emulator of the platform. Credentials come from the environment or from a file,
//! never as an argument, which `ps` would show. What the exit codes mean stands in [`failure`].

mod api;
mod arguments;
mod completions;
mod credentials;
#[cfg(feature = "emulator")]
mod emulate;
mod environment;
mod failure;
mod files;
mod get;
mod output;
mod place;
mod policy;
mod process;
mod reject;
mod signals;
mod status;
mod store;
mod stored_token;
mod tokens;
mod usage;
mod warnings;
mod watched_store;

use std::panic;
use std::process::ExitCode;

use clap::CommandFactory as _;

use crate::arguments::{Arguments, Command, Format};
use crate::failure::Failure;

fn main() -> ExitCode {
    process::keep_memory_private();
    // What a panic says may repeat a secret that it was about.
    panic::set_hook(Box::new(|_| {}));
    let format = Format::asked_for(std::env::args_os());
    let done = panic::catch_unwind(run).unwrap_or_else(|_| Err(Failure::internal()));
    match done {
        Ok(exit_code) => ExitCode::from(exit_code),
        Err(failure) => {
            failure.report(format);
            ExitCode::from(failure.exit_code())
        }
    }
}

/// The exit code, where it went well.
fn run() -> Result<u8, Failure> {
    match usage::parse()? {
        None => {}
        Some(Command::Get(arguments)) => get::run(&arguments)?,
        Some(Command::Api(arguments)) => api::run(&arguments)?,
        Some(Command::Status(arguments)) => return status::run(&arguments),
        Some(Command::Reject(arguments)) => reject::run(&arguments)?,
        #[cfg(feature = "emulator")]
        Some(Command::Emulate(arguments)) => emulate::run(&arguments)?,
        Some(Command::Completions { shell }) => completions::run(Arguments::command(), shell)?,
        Some(Command::Man) => completions::man(Arguments::command())?,
    }
    Ok(0)
}
