//! `pan123-token`: access tokens of the 123pan open platform for shell scripts.
//!
//! `get` prints a token on stdout and everything else on stderr; `status` and `reject` are about the stored one; `emulate`
//! runs an emulator of the platform. Credentials come from the environment or from a file, never as an argument, which `ps`
//! would show. What the exit codes mean stands in [`failure`].

mod arguments;
mod credentials;
#[cfg(feature = "emulator")]
mod emulate;
mod failure;
mod get;
mod output;
mod place;
mod reject;
mod status;

use std::panic;
use std::process::ExitCode;

use crate::arguments::{Command, Format};
use crate::failure::Failure;

fn main() -> ExitCode {
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
    match arguments::parse()? {
        None => {}
        Some(Command::Get(arguments)) => get::run(&arguments)?,
        Some(Command::Status(arguments)) => return status::run(&arguments),
        Some(Command::Reject(arguments)) => reject::run(&arguments)?,
        #[cfg(feature = "emulator")]
        Some(Command::Emulate(arguments)) => emulate::run(&arguments)?,
    }
    Ok(0)
}
