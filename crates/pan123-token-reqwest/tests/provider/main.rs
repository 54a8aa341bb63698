//! The provider through reqwest's real client: with the emulator for a platform, and with servers whose replies are written
//! down byte by byte.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a panic is how a test reports"
)]

mod calls;
mod failures;
mod origins;
mod redirects;
mod runtimes;
mod server;
mod streams;
mod watching;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use pan123_emulator::{CLIENT_ID, CLIENT_SECRET, Emulator};
use pan123_token_cache::testing::ManualClock;
use pan123_token_reqwest::clock::Moment;
use pan123_token_reqwest::reqwest::{Client, redirect::Policy};
use pan123_token_reqwest::{Credentials, Event, TokenProvider, TokenProviderBuilder};

/// Older than any token must be to be replaced once it was rejected.
const HOUR: Duration = Duration::from_secs(3600);

fn clock() -> ManualClock {
    let time = |seconds| Duration::from_secs(seconds);
    ManualClock::new(Moment {
        // 2025-02-21T07:48:37Z
        wall: time(1_740_124_117),
        monotonic: time(3600),
    })
}

fn builder(url: &str, clock: &ManualClock) -> TokenProviderBuilder {
    TokenProvider::builder(Credentials::new(CLIENT_ID, CLIENT_SECRET).unwrap())
        .base_url(url.parse().unwrap())
        .clock(clock.clone())
}

fn provider(url: &str) -> TokenProvider {
    builder(url, &clock()).build().unwrap()
}

/// A client that can carry a token.
fn client() -> Client {
    Client::builder().redirect(Policy::none()).build().unwrap()
}

fn user_info(emulator: &Emulator) -> String {
    format!("{}/api/v1/user/info", emulator.url())
}

/// What a provider reports.
#[derive(Clone, Default)]
struct Events(Arc<Mutex<Vec<Event>>>);

impl Events {
    fn listener(&self) -> impl Fn(&Event) + Send + Sync + 'static {
        let events = Arc::clone(&self.0);
        move |event| events.lock().unwrap().push(event.clone())
    }

    /// The origins that a call was sent to without a token.
    fn unauthorized(&self) -> Vec<String> {
        let events = self.0.lock().unwrap();
        let origins = events.iter().filter_map(|event| match event {
            Event::UnauthorizedOrigin { origin } => Some(origin.clone()),
            _ => None,
        });
        origins.collect()
    }
}
