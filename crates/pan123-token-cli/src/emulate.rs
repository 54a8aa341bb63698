//! `emulate`, and the emulator inside of `get --emulate`.

use std::thread;

use pan123_emulator::{CLIENT_ID, CLIENT_SECRET, Emulator};
use pan123_token_ureq::{AgentBuilder, BaseUrl, Credentials};

use crate::arguments::{Emulate, Get};
use crate::failure::Failure;
use crate::place::Warnings;
use crate::{get, output};

/// Runs until it is killed.
pub(crate) fn run(arguments: &Emulate) -> Result<(), Failure> {
    let emulator = Emulator::builder()
        .listen(arguments.listen)
        .lifetime(arguments.lifetime)
        .rate(Some(arguments.rate).filter(|rate| *rate > 0))
        .max_tokens(arguments.max_tokens)
        .faults(arguments.fault.iter().cloned())
        .start()
        .map_err(|error| Failure::listen(&error))?;
    let url = emulator.url();
    output::stdout(&format!("{url}\n"))?;
    // To be pasted into another shell. The credentials are the emulator's own.
    output::stderr(format_args!(
        "emulating until killed; export PAN123_BASE_URL={url} PAN123_CLIENT_ID={CLIENT_ID} PAN123_CLIENT_SECRET={CLIENT_SECRET}"
    ));
    loop {
        thread::park();
    }
}

/// `get`, of an emulator that lives as long as this takes. Nothing is kept: its tokens are good for no other.
pub(crate) fn get(arguments: &Get) -> Result<(), Failure> {
    let emulator = Emulator::builder()
        .start()
        .map_err(|error| Failure::listen(&error))?;
    let credentials =
        Credentials::new(CLIENT_ID, CLIENT_SECRET).map_err(|_| Failure::internal())?;
    let base_url: BaseUrl = emulator.url().parse().map_err(|_| Failure::internal())?;
    let agent = AgentBuilder::default().no_proxy().build();
    let warnings = Warnings::default();
    get::get(arguments, credentials, base_url, agent, None, &warnings)
}
