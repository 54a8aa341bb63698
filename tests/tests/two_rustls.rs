//! Two adapters and another user of rustls in one process: each brings its own cryptography. None is installed for the
//! process, and none is needed there.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::sync::Arc;
use std::time::Duration;

use pan123_emulator::{CLIENT_ID, CLIENT_SECRET, Emulator};
use pan123_token::{Credentials, GetAccessToken};
use pan123_token_tests::adapters;
use rustls::crypto::{CryptoProvider, ring};

const LONG: Duration = Duration::from_secs(20);

/// Stands for the cryptography of another crate: it is told by its one cipher suite.
fn others() -> CryptoProvider {
    CryptoProvider {
        cipher_suites: vec![ring::cipher_suite::TLS13_CHACHA20_POLY1305_SHA256],
        ..ring::default_provider()
    }
}

/// One that can't do anything.
fn broken() -> CryptoProvider {
    CryptoProvider {
        cipher_suites: Vec::new(),
        ..ring::default_provider()
    }
}

/// A token through each adapter, with this cryptography or the one that comes with them.
fn fetch_through_both(emulator: &Emulator, crypto: Option<&Arc<CryptoProvider>>) {
    let pem = emulator.ca_pem().unwrap().as_bytes();
    let credentials = Credentials::new(CLIENT_ID, CLIENT_SECRET).unwrap();
    let operation = GetAccessToken::new(credentials).with_base_url(emulator.url().parse().unwrap());

    let mut client = pan123_token_hyper::Client::builder().no_proxy();
    let mut agent = pan123_token_ureq::AgentBuilder::default().no_proxy();
    if let Some(crypto) = crypto {
        client = client.unversioned_crypto_provider(Arc::clone(crypto));
        agent = agent.unversioned_crypto_provider(Arc::clone(crypto));
    }
    let client = client.ca_pem(pem).unwrap().build().unwrap();
    let fetch = pan123_token_hyper::fetch(client, &operation, LONG);
    adapters::block_on(fetch).unwrap();
    let agent = agent.ca_pem(pem).unwrap().build().unwrap();
    pan123_token_ureq::fetch(agent, &operation, LONG).unwrap();
}

// One test, since what is installed for the process is installed for all of its tests.
#[test]
fn no_cryptography_of_the_process_is_installed_needed_or_used() {
    let emulator = Emulator::builder().tls().rate(None).start().unwrap();
    assert!(CryptoProvider::get_default().is_none());
    fetch_through_both(&emulator, None);
    fetch_through_both(&emulator, Some(&Arc::new(others())));
    assert!(CryptoProvider::get_default().is_none());

    // Another crate installs one, and it is no good.
    broken().install_default().unwrap();
    fetch_through_both(&emulator, None);
    assert_eq!(emulator.token_requests(), 6);
}
