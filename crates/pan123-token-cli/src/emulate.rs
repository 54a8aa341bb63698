//! `emulate`, and the emulator inside of `get --emulate`.

mod arguments;
mod clients;

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::io::ErrorKind;

use pan123_emulator::{CLIENT_ID, CLIENT_SECRET, Emulator, Eviction, Rejection, Throttling};
use pan123_token_ureq::{AgentBuilder, BaseUrl, Credentials};

pub(crate) use self::arguments::Arguments;
use self::arguments::Order;
use self::clients::Client;
use crate::arguments::Get;
use crate::failure::Failure;
use crate::signals::{Signal, Signals, Stop};
use crate::tokens::Tokens;
use crate::warnings::Warnings;
use crate::{get, output};

/// Runs until a signal asks it to end.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    // Before anything else, so that no signal is lost.
    let ends = [Signal::Terminate, Signal::Interrupt];
    let mut signals = Signals::install(&ends).map_err(|error| Failure::listen(&error))?;
    let clients = clients::of(arguments)?;
    let emulator = start(arguments, &clients).map_err(|error| match error.kind() {
        ErrorKind::InvalidInput => Failure::usage(error),
        _ => Failure::listen(&error),
    })?;
    if let Some(path) = &arguments.tls {
        let pem = emulator.ca_pem().unwrap_or_default();
        std::fs::write(path, pem).map_err(|error| {
            Failure::usage(format_args!("can't write {}: {error}", path.display()))
        })?;
    }
    output::stdout(&format!("{}\n", emulator.url()))?;
    output::stderr(format_args!(
        "emulating until SIGTERM or SIGINT; upload host {}, admin API {}",
        emulator.upload_url(),
        admin_url(&emulator)
    ));
    for client in &clients {
        output::stderr(exports(arguments, &emulator, client));
    }
    signals.wait();
    emulator.shutdown();
    Ok(())
}

fn start(arguments: &Arguments, clients: &[Client]) -> std::io::Result<Emulator> {
    let mut builder = Emulator::builder()
        .listen(arguments.listen)
        .lifetime(arguments.lifetime)
        .rate(Some(arguments.rate).filter(|rate| *rate > 0))
        .max_tokens(arguments.max_tokens)
        .eviction(match arguments.eviction {
            Order::Oldest => Eviction::Oldest,
            Order::NewestButOne => Eviction::NewestButOne,
            Order::Random => Eviction::Random(random("eviction")),
        })
        .rejection(match &*arguments.rejection {
            "401" => Rejection::Http401,
            _ => Rejection::Http200,
        })
        .throttling(match &*arguments.throttling {
            "429" => Throttling::Http429,
            _ => Throttling::Http200,
        })
        .slice_size(arguments.slice_size)
        .faults(arguments.fault.iter().cloned());
    for client in clients {
        builder = builder.client(&client.id, &client.secret);
    }
    if let Some(address) = arguments.upload_listen {
        builder = builder.upload_listen(address);
    }
    if let Some(host) = &arguments.host {
        builder = builder.host(host);
    }
    if arguments.tls.is_some() {
        builder = builder.tls();
    }
    builder.start()
}

fn admin_url(emulator: &Emulator) -> String {
    format!("{}/__admin/", emulator.url())
}

/// To be pasted into another shell. A secret is shown only if it was made up here.
fn exports(arguments: &Arguments, emulator: &Emulator, client: &Client) -> String {
    let mut line = format!(
        "export PAN123_BASE_URL={} PAN123_CLIENT_ID={}",
        emulator.url(),
        client.id
    );
    if client.made_up {
        line += " PAN123_CLIENT_SECRET=";
        line += &client.secret;
    }
    match &arguments.tls {
        Some(path) => {
            line += " PAN123_CA_FILE=";
            line += &path.to_string_lossy();
        }
        // Without it, http is for the loopback.
        None if arguments.host.is_some() => line += " PAN123_INSECURE_HTTP=1",
        None => {}
    }
    line
}

/// A number that differs from start to start. Nothing that it is for is secret.
fn random(of: &str) -> u64 {
    RandomState::new().hash_one(of)
}

/// `get`, of an emulator that lives as long as this takes. Nothing is kept: its tokens are good for no other.
pub(crate) fn get(arguments: &Get, stop: &Stop, warnings: &Warnings) -> Result<(), Failure> {
    let emulator = Emulator::builder()
        .start()
        .map_err(|error| Failure::listen(&error))?;
    let credentials =
        Credentials::new(CLIENT_ID, CLIENT_SECRET).map_err(|_| Failure::internal())?;
    let base_url: BaseUrl = emulator.url().parse().map_err(|_| Failure::internal())?;
    let agent = AgentBuilder::default().no_proxy();
    let place = &arguments.place;
    let tokens = Tokens::new(place, credentials, base_url, agent, None, stop, warnings)?;
    get::print_token(arguments, &tokens, warnings)
}
