//! The clients that the emulator knows.
//!
//! Unless some are given, one is made up at each start. A store keeps tokens by base URL and client ID, so an emulator
//! that is started again on the same port with the same client ID would get its callers the token of the one before.

use std::fs;

use super::{Arguments, random};
use crate::failure::Failure;

#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Client {
    pub(super) id: String,
    pub(super) secret: String,
    /// Whether the secret was made up here, and may be shown.
    pub(super) made_up: bool,
}

impl Client {
    /// `ID` or `ID:SECRET`.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let (id, secret) = match text.split_once(':') {
            Some((id, secret)) => (id, Some(secret)),
            None => (text, None),
        };
        if id.is_empty() || secret.is_some_and(str::is_empty) {
            return Err("a client ID, or a client ID and a secret: ID:SECRET");
        }
        Ok(Self {
            id: id.to_owned(),
            secret: secret.map_or_else(secret_made_up, str::to_owned),
            made_up: secret.is_none(),
        })
    }
}

/// Those of the options and of the file, or a new one.
pub(super) fn of(arguments: &Arguments) -> Result<Vec<Client>, Failure> {
    let mut clients = arguments.client.clone();
    if let Some(path) = &arguments.clients_file {
        let shown = path.display();
        let text = fs::read_to_string(path)
            .map_err(|error| Failure::usage(format_args!("can't read {shown}: {error}")))?;
        for (number, line) in (1..).zip(text.lines().map(str::trim)) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let client = Client::parse(line).map_err(|wanted| {
                Failure::usage(format_args!("line {number} of {shown} must be {wanted}"))
            })?;
            clients.push(client);
        }
        if clients.is_empty() {
            return Err(Failure::usage(format_args!("{shown} names no client")));
        }
    }
    if clients.is_empty() {
        clients.push(Client {
            id: format!("emulator-{:016x}", random("id")),
            secret: secret_made_up(),
            made_up: true,
        });
    }
    Ok(clients)
}

fn secret_made_up() -> String {
    format!("{:016x}{:016x}", random("secret"), random("secret"))
}
