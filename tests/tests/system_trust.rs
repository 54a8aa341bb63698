//! The feature `platform-verifier`: the bundled clients trust whom the system trusts. On Linux `SSL_CERT_FILE` says who that
//! is. Variables belong to a process, so each client runs in a process of its own, this same program with `child` picked.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::env;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use pan123_emulator::{CLIENT_ID, CLIENT_SECRET, Emulator};
use pan123_token::{Credentials, GetAccessToken};
use pan123_token_tests::adapters;

const URL: &str = "SYSTEM_TRUST_URL";
const ADAPTER: &str = "SYSTEM_TRUST_ADAPTER";
const REPORT: &str = "reported: ";

#[test]
#[ignore = "the other tests run it as a process of its own"]
fn child() {
    let Ok(url) = env::var(URL) else {
        return; // No child of a test.
    };
    let credentials = Credentials::new(CLIENT_ID, CLIENT_SECRET).unwrap();
    let operation = GetAccessToken::new(credentials).with_base_url(url.parse().unwrap());
    let timeout = Duration::from_secs(20);
    let result = if env::var(ADAPTER).unwrap() == "hyper" {
        let client = pan123_token_hyper::Client::builder().no_proxy().build();
        match client {
            Ok(client) => {
                let fetch = pan123_token_hyper::fetch(client, &operation, timeout);
                adapters::block_on(fetch).map_err(|error| error.to_string())
            }
            Err(error) => Err(error.to_string()),
        }
    } else {
        let agent = pan123_token_ureq::AgentBuilder::default().no_proxy();
        let fetched = pan123_token_ureq::fetch(agent.build().unwrap(), &operation, timeout);
        fetched.map_err(|error| error.to_string())
    };
    let report = result.map_or_else(|error| error, |_| "a token".to_owned());
    // The test harness has begun a line.
    println!("\n{REPORT}{report}");
}

fn fetch(adapter: &str, emulator: &Emulator, cert_file: &Path) -> String {
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", "child", "--ignored", "--nocapture"])
        .env_remove("SSL_CERT_DIR")
        .env("SSL_CERT_FILE", cert_file)
        .env(URL, emulator.url())
        .env(ADAPTER, adapter)
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    let report = printed.lines().find_map(|line| line.strip_prefix(REPORT));
    report.unwrap().to_owned()
}

#[test]
fn a_file_of_certificates_is_trusted_when_the_environment_names_it() {
    let emulator = Emulator::builder().tls().rate(None).start().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let theirs = folder.path().join("theirs.pem");
    std::fs::write(&theirs, emulator.ca_pem().unwrap()).unwrap();
    let other = Emulator::builder().tls().start().unwrap();
    let others = folder.path().join("others.pem");
    std::fs::write(&others, other.ca_pem().unwrap()).unwrap();
    for adapter in ["hyper", "ureq"] {
        assert_eq!(fetch(adapter, &emulator, &theirs), "a token", "{adapter}");
        let refused = fetch(adapter, &emulator, &others);
        // Its issuer has the same name, and another key.
        assert!(refused.contains("BadSignature"), "{adapter}: {refused}");
    }
    assert_eq!(emulator.token_requests(), 2);
}

#[test]
fn a_system_without_certificates_is_an_error_that_says_so() {
    let emulator = Emulator::builder().tls().start().unwrap();
    let nothing = Path::new("/nonexistent/certificates.pem");
    let error = fetch("hyper", &emulator, nothing);
    assert!(
        error.starts_with("this system has no root certificates;"),
        "{error}"
    );
    let error = fetch("ureq", &emulator, nothing);
    assert!(
        error.contains("No CA certificates were loaded from the system"),
        "{error}"
    );
    assert_eq!(emulator.token_requests(), 0);
}
