//! An exchange through one of the clients, in an environment of its own: variables belong to a process and tests share
//! theirs, so it runs in a process of its own, this same program with the variables set and the test `child` picked.

use std::env;
use std::error::Error;
use std::process::{self, Command};
use std::thread;
use std::time::Duration;

use pan123_emulator::{CLIENT_ID, CLIENT_SECRET, Emulator};
use pan123_token::{Credentials, FetchError, GetAccessToken, Grant};
use pan123_token_tests::adapters;

use crate::{LOGIN, USER, VARIABLES};

const ADAPTER: &str = "PROXIES_TEST_ADAPTER";
const BASE_URL: &str = "PROXIES_TEST_BASE_URL";
const CA_PEM: &str = "PROXIES_TEST_CA_PEM";
const TIMEOUT_MS: &str = "PROXIES_TEST_TIMEOUT_MS";
const NO_PROXY_CALLED: &str = "PROXIES_TEST_NO_PROXY_CALLED";
/// Before the line that the child reports with.
const REPORT: &str = "reported: ";

#[test]
#[ignore = "the other tests run it as a process of its own"]
fn child() {
    let Ok(adapter) = env::var(ADAPTER) else {
        return; // No child of a test.
    };
    // It ends even if the exchange doesn't.
    thread::spawn(|| {
        thread::sleep(Duration::from_secs(40));
        process::exit(3);
    });
    let milliseconds = env::var(TIMEOUT_MS).unwrap().parse().unwrap();
    let timeout = Duration::from_millis(milliseconds);
    let pem = env::var(CA_PEM).unwrap_or_default();
    let no_proxy = env::var_os(NO_PROXY_CALLED).is_some();
    let credentials = Credentials::new(CLIENT_ID, CLIENT_SECRET).unwrap();
    let operation = GetAccessToken::new(credentials)
        .with_base_url(env::var(BASE_URL).unwrap().parse().unwrap());

    let result = match &*adapter {
        "hyper" => through_hyper(&operation, timeout, &pem, no_proxy),
        _ => through_ureq(&operation, timeout, &pem, no_proxy),
    };
    let (kind, text) = match result {
        Err(error) => ("build", error.to_string()),
        Ok(Ok(grant)) => ("token", grant.token.secret().to_owned()),
        Ok(Err(error)) => {
            for shown in [format!("{error:?}"), error.to_string()] {
                assert!(!shown.contains("SENTINEL"), "{shown}");
                assert!(!shown.contains("us%40er"), "{shown}");
                assert!(!shown.contains(USER), "{shown}");
                assert!(!shown.contains(CLIENT_SECRET), "{shown}");
                assert!(!shown.contains(char::is_control), "{shown}");
            }
            (error.kind(), error.to_string())
        }
    };
    // The test harness has begun a line.
    println!("\n{REPORT}{kind} {text}");
}

fn through_hyper(
    operation: &GetAccessToken,
    timeout: Duration,
    pem: &str,
    no_proxy: bool,
) -> Result<Result<Grant, FetchError>, Box<dyn Error>> {
    let mut builder = pan123_token_hyper::Client::builder();
    if no_proxy {
        builder = builder.no_proxy();
    }
    if !pem.is_empty() {
        builder = builder.ca_pem(pem.as_bytes()).unwrap();
    }
    let client = builder.build()?;
    let fetch = pan123_token_hyper::fetch(client, operation, timeout);
    Ok(adapters::block_on(fetch))
}

fn through_ureq(
    operation: &GetAccessToken,
    timeout: Duration,
    pem: &str,
    no_proxy: bool,
) -> Result<Result<Grant, FetchError>, Box<dyn Error>> {
    let mut builder = pan123_token_ureq::AgentBuilder::default();
    if no_proxy {
        builder = builder.no_proxy();
    }
    if !pem.is_empty() {
        builder = builder.ca_pem(pem.as_bytes()).unwrap();
    }
    let agent = builder.build()?;
    Ok(pan123_token_ureq::fetch(agent, operation, timeout))
}

/// An exchange to be run through each adapter.
pub(crate) struct Exchange<'a> {
    adapters: &'a [&'a str],
    pub(crate) base_url: String,
    ca_pem: &'a str,
    pub(crate) timeout: Duration,
    pub(crate) no_proxy_called: bool,
    variables: Vec<(&'a str, String)>,
}

impl<'a> Exchange<'a> {
    pub(crate) fn with(emulator: &'a Emulator) -> Self {
        Self {
            adapters: &["hyper", "ureq"],
            base_url: emulator.url(),
            ca_pem: emulator.ca_pem().unwrap_or_default(),
            timeout: Duration::from_secs(20),
            no_proxy_called: false,
            variables: Vec::new(),
        }
    }

    pub(crate) fn variable(mut self, name: &'a str, value: impl Into<String>) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    /// Runs it, and checks how it ended: `token`, or the error's kind.
    pub(crate) fn run(&self, check: impl Fn(Ended)) {
        for adapter in self.adapters {
            let mut child = Command::new(env::current_exe().unwrap());
            child.args(["--exact", "exchange::child", "--ignored", "--nocapture"]);
            for name in VARIABLES {
                child.env_remove(name);
            }
            child
                .env(ADAPTER, adapter)
                .env(BASE_URL, &self.base_url)
                .env(CA_PEM, self.ca_pem)
                .env(TIMEOUT_MS, self.timeout.as_millis().to_string())
                .envs(self.variables.iter().map(|(name, value)| (name, value)));
            if self.no_proxy_called {
                child.env(NO_PROXY_CALLED, "yes");
            }
            let output = child.output().unwrap();
            let printed = String::from_utf8_lossy(&output.stdout);
            let report = printed.lines().find_map(|line| line.strip_prefix(REPORT));
            let (Some(report), true) = (report, output.status.success()) else {
                let errors = String::from_utf8_lossy(&output.stderr);
                panic!(
                    "{adapter}, {:?}: {printed}{errors}",
                    self.variables_without_login()
                );
            };
            let (kind, text) = report.split_once(' ').unwrap();
            check(Ended {
                whose: format!("{adapter}, {:?}", self.variables_without_login()),
                kind: kind.to_owned(),
                text: text.to_owned(),
            });
        }
    }

    pub(crate) fn variables_without_login(&self) -> Vec<(&str, String)> {
        let without = |value: &str| value.replace(LOGIN, "LOGIN");
        self.variables
            .iter()
            .map(|(name, value)| (*name, without(value)))
            .collect()
    }
}

pub(crate) struct Ended {
    /// The adapter and the variables, for a test that fails.
    pub(crate) whose: String,
    pub(crate) kind: String,
    /// The token, or the error's text.
    pub(crate) text: String,
}

impl Ended {
    pub(crate) fn assert_token(&self, emulator: &Emulator) {
        let Self { whose, kind, text } = self;
        assert_eq!(kind, "token", "{whose}: {text}");
        let live = emulator.live_tokens(CLIENT_ID);
        assert_eq!(live.last(), Some(text), "{whose}");
    }

    pub(crate) fn assert_kind(&self, expected: &str) {
        let Self { whose, kind, text } = self;
        assert_eq!(kind, expected, "{whose}: {text}");
    }
}
