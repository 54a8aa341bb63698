//! The proxy variables of the environment, as the bundled clients go by them.
//!
//! Variables belong to a process and tests share theirs, so each exchange runs in a process of its own: this same
//! program, with the variables set and the test `child` picked.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a panic is how a test reports"
)]

use std::env;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{self, Command};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use pan123_emulator::{CLIENT_ID, CLIENT_SECRET, Emulator};
use pan123_token::{Credentials, FetchError, GetAccessToken, Grant};
use pan123_token_tests::adapters;

/// In the order in which they count.
const VARIABLES: [&str; 6] = [
    "ALL_PROXY",
    "all_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
];
const EXCEPTIONS: [&str; 2] = ["NO_PROXY", "no_proxy"];

/// User and password of a proxy, percent-encoded as they stand in a variable.
const LOGIN: &str = "us%40er:SENTINEL%3Ap%20w%C3%B6rd";
/// And as a proxy is to see them.
const USER: &str = "us@er";
const PASSWORD: &str = "SENTINEL:p wörd";
/// Base64 of user, colon, password.
const BASIC: &str = "Basic dXNAZXI6U0VOVElORUw6cCB3w7ZyZA==";

// ---- The child: one exchange, through one of the clients, in an environment of its own. ----

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
        Ok(grant) => ("token", grant.token.secret().to_owned()),
        Err(error) => {
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
) -> Result<Grant, FetchError> {
    let mut builder = pan123_token_hyper::Client::builder();
    if no_proxy {
        builder = builder.no_proxy();
    }
    if !pem.is_empty() {
        builder = builder.ca_pem(pem.as_bytes()).unwrap();
    }
    adapters::block_on(pan123_token_hyper::fetch(
        builder.build(),
        operation,
        timeout,
    ))
}

fn through_ureq(
    operation: &GetAccessToken,
    timeout: Duration,
    pem: &str,
    no_proxy: bool,
) -> Result<Grant, FetchError> {
    let mut builder = pan123_token_ureq::AgentBuilder::default();
    if no_proxy {
        builder = builder.no_proxy();
    }
    if !pem.is_empty() {
        builder = builder.ca_pem(pem.as_bytes()).unwrap();
    }
    pan123_token_ureq::fetch(builder.build().unwrap(), operation, timeout)
}

// ---- The parent's side of it. ----

/// An exchange to be run through each adapter.
struct Exchange<'a> {
    adapters: &'a [&'a str],
    base_url: String,
    ca_pem: &'a str,
    timeout: Duration,
    no_proxy_called: bool,
    variables: Vec<(&'a str, String)>,
}

impl<'a> Exchange<'a> {
    fn with(emulator: &'a Emulator) -> Self {
        Self {
            adapters: &["hyper", "ureq"],
            base_url: emulator.url(),
            ca_pem: emulator.ca_pem().unwrap_or_default(),
            timeout: Duration::from_secs(20),
            no_proxy_called: false,
            variables: Vec::new(),
        }
    }

    /// For hyper's reading of the variables. ureq's adapter reads them as curl does; its own tests check that.
    fn with_hyper(emulator: &'a Emulator) -> Self {
        Self {
            adapters: &["hyper"],
            ..Self::with(emulator)
        }
    }

    fn variable(mut self, name: &'a str, value: impl Into<String>) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    /// Runs it, and checks how it ended: `token`, or the error's kind.
    fn run(&self, check: impl Fn(Ended)) {
        for adapter in self.adapters {
            let mut child = Command::new(env::current_exe().unwrap());
            child.args(["--exact", "child", "--ignored", "--nocapture"]);
            for name in VARIABLES.iter().chain(&EXCEPTIONS) {
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

    fn variables_without_login(&self) -> Vec<(&str, String)> {
        let without = |value: &str| value.replace(LOGIN, "LOGIN");
        self.variables
            .iter()
            .map(|(name, value)| (*name, without(value)))
            .collect()
    }
}

struct Ended {
    /// The adapter and the variables, for a test that fails.
    whose: String,
    kind: String,
    /// The token, or the error's text.
    text: String,
}

impl Ended {
    fn assert_token(&self, emulator: &Emulator) {
        let Self { whose, kind, text } = self;
        assert_eq!(kind, "token", "{whose}: {text}");
        let live = emulator.live_tokens(CLIENT_ID);
        assert_eq!(live.last(), Some(text), "{whose}");
    }

    fn assert_kind(&self, expected: &str) {
        let Self { whose, kind, text } = self;
        assert_eq!(kind, expected, "{whose}: {text}");
    }
}

fn emulator() -> Emulator {
    Emulator::builder().tls().rate(None).start().unwrap()
}

/// A port of the loopback that nothing listens on.
fn dead_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap()
}

// ---- A proxy of each sort on one port: the first byte tells which one is meant. ----

/// What the proxy does with those who have said where they want to go.
#[derive(Clone, Debug)]
enum Answer {
    /// A tunnel to this server, whatever was asked for.
    Tunnel(SocketAddr),
    /// No.
    Refusal,
    /// Nothing, until the client goes away.
    Silence,
    /// The connection is closed.
    Close,
    /// What no proxy says.
    Noise,
}

struct TestProxy {
    address: SocketAddr,
    /// What was asked of it, a line each.
    asked: Arc<Mutex<Vec<String>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl TestProxy {
    fn to(emulator: &Emulator) -> Self {
        Self::start(Answer::Tunnel(emulator.addr()))
    }

    fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let thread = thread::spawn({
            let (asked, stop) = (Arc::clone(&asked), Arc::clone(&stop));
            move || {
                for client in listener.incoming() {
                    if stop.load(Ordering::SeqCst) {
                        break;
                    }
                    // One after the other, since each client here makes one connection. That it goes away is what
                    // some tests are about.
                    let _ = client.and_then(|client| serve(client, &answer, &asked));
                }
            }
        });
        Self {
            address,
            asked,
            stop,
            thread: Some(thread),
        }
    }

    /// `SCHEME://127.0.0.1:…`
    fn url(&self, scheme: &str) -> String {
        format!("{scheme}://{}", self.address)
    }

    /// The same with user and password.
    fn url_with_login(&self, scheme: &str) -> String {
        format!("{scheme}://{LOGIN}@{}", self.address)
    }

    /// What was asked since the last time.
    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

impl Drop for TestProxy {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the thread that waits for a client.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(mut client: TcpStream, answer: &Answer, asked: &Mutex<Vec<String>>) -> io::Result<()> {
    client.set_read_timeout(Some(Duration::from_secs(30)))?;
    let mut first = [0];
    client.read_exact(&mut first)?;
    let say = |line: String| asked.lock().unwrap().push(line);
    let (yes, no): (&[u8], &[u8]) = match first[0] {
        b'C' => {
            serve_connect(&mut client, say)?;
            let yes = b"HTTP/1.1 200 Connection established\r\n\r\n";
            let no = b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n";
            (yes, no)
        }
        5 => {
            serve_socks5(&mut client, say)?;
            // 2 is "not allowed by the rules".
            (
                &[5, 0, 0, 1, 0, 0, 0, 0, 0, 0],
                &[5, 2, 0, 1, 0, 0, 0, 0, 0, 0],
            )
        }
        4 => {
            serve_socks4(&mut client, say)?;
            (&[0, 90, 0, 0, 0, 0, 0, 0], &[0, 91, 0, 0, 0, 0, 0, 0])
        }
        other => {
            say(format!("something that begins with {other}"));
            (
                &[],
                b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n",
            )
        }
    };
    match answer {
        Answer::Tunnel(server) => {
            client.write_all(yes)?;
            tunnel(&client, &TcpStream::connect(server)?)
        }
        Answer::Refusal => client.write_all(no),
        Answer::Silence => client.read(&mut first).map(drop),
        Answer::Close => Ok(()),
        Answer::Noise => client.write_all(b"220 smtp.example ESMTP at your service\r\n"),
    }
}

/// Notes the request line, and the header that a password comes in.
fn serve_connect(client: &mut TcpStream, say: impl Fn(String)) -> io::Result<()> {
    let mut head = b"C".to_vec();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    for secret in [CLIENT_ID, CLIENT_SECRET, "open_platform"] {
        assert!(!head.contains(secret), "{head}");
    }
    let mut lines = head.trim_end().split("\r\n");
    say(lines.next().unwrap_or_default().to_owned());
    for line in lines {
        if line.to_ascii_lowercase().starts_with("proxy-authorization") {
            say(line.to_owned());
        }
    }
    Ok(())
}

/// Notes `SOCKS5 HOST:PORT`, and before it the password if one is offered.
fn serve_socks5(client: &mut TcpStream, say: impl Fn(String)) -> io::Result<()> {
    const LOGIN_METHOD: u8 = 2;
    let methods = read_counted(client)?;
    if methods.contains(&LOGIN_METHOD) {
        client.write_all(&[5, LOGIN_METHOD])?;
        client.read_exact(&mut [0])?;
        let user = read_counted(client)?;
        let password = read_counted(client)?;
        say(format!("{}:{}", text(&user), text(&password)));
        client.write_all(&[1, 0])?;
    } else {
        client.write_all(&[5, 0])?;
    }
    let mut head = [0; 4];
    client.read_exact(&mut head)?;
    let host = if head[3] == 3 {
        text(&read_counted(client)?)
    } else {
        read_ipv4(client)?
    };
    let port = read_port(client)?;
    say(format!("SOCKS5 {host}:{port}"));
    Ok(())
}

/// Notes `SOCKS4 HOST:PORT`, or `SOCKS4a …` where the host is a name.
fn serve_socks4(client: &mut TcpStream, say: impl Fn(String)) -> io::Result<()> {
    client.read_exact(&mut [0])?;
    let port = read_port(client)?;
    let address = read_ipv4(client)?;
    let user = read_to_zero(client)?;
    assert_eq!(user, "", "no user is named");
    // An address that can't be stands for a name behind the user.
    if address == "0.0.0.1" || address == "0.0.0.255" {
        say(format!("SOCKS4a {}:{port}", read_to_zero(client)?));
    } else {
        say(format!("SOCKS4 {address}:{port}"));
    }
    Ok(())
}

fn read_counted(client: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut length = [0];
    client.read_exact(&mut length)?;
    let mut bytes = vec![0; usize::from(length[0])];
    client.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn read_ipv4(client: &mut TcpStream) -> io::Result<String> {
    let mut octets = [0; 4];
    client.read_exact(&mut octets)?;
    Ok(Ipv4Addr::from(octets).to_string())
}

fn read_port(client: &mut TcpStream) -> io::Result<u16> {
    let mut port = [0; 2];
    client.read_exact(&mut port)?;
    Ok(u16::from_be_bytes(port))
}

fn read_to_zero(client: &mut TcpStream) -> io::Result<String> {
    let mut bytes = Vec::new();
    loop {
        let mut byte = [0];
        client.read_exact(&mut byte)?;
        match byte[0] {
            0 => return Ok(text(&bytes)),
            byte => bytes.push(byte),
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Until either side closes.
fn tunnel(client: &TcpStream, server: &TcpStream) -> io::Result<()> {
    let copy = |mut from: &TcpStream, mut to: &TcpStream| {
        let copied = io::copy(&mut from, &mut to);
        for stream in [from, to] {
            let _ = stream.shutdown(Shutdown::Both);
        }
        copied.map(drop)
    };
    thread::scope(|scope| {
        scope.spawn(|| copy(client, server));
        copy(server, client)
    })
}

// ---- What holds for both clients. ----

#[test]
fn an_http_proxy_is_asked_for_a_tunnel() {
    let emulator = emulator();
    let proxy = TestProxy::to(&emulator);
    let target = format!("CONNECT localhost:{} HTTP/1.1", emulator.addr().port());
    for value in [
        proxy.url("http"),
        proxy.url("HTTP"),
        // A proxy without a scheme is an http one.
        proxy.address.to_string(),
        format!("{}/", proxy.url("http")),
    ] {
        let exchange = Exchange::with(&emulator).variable("HTTPS_PROXY", value);
        exchange.run(|ended| {
            ended.assert_token(&emulator);
            assert_eq!(proxy.asked(), [&*target], "{}", ended.whose);
        });
    }
}

#[test]
fn an_http_proxy_is_told_the_password_decoded() {
    let emulator = emulator();
    let proxy = TestProxy::to(&emulator);
    let address = proxy.address;
    for (value, authorization) in [
        (proxy.url_with_login("http"), BASIC),
        (format!("{LOGIN}@{address}"), BASIC),
        // No password: `user:`.
        (format!("http://user@{address}"), "Basic dXNlcjo="),
        // An @ that should have been encoded: `user:p@ss`.
        (format!("http://user:p@ss@{address}"), "Basic dXNlcjpwQHNz"),
    ] {
        let exchange = Exchange::with(&emulator).variable("HTTPS_PROXY", value);
        exchange.run(|ended| {
            ended.assert_token(&emulator);
            let asked = proxy.asked();
            assert!(asked[0].starts_with("CONNECT localhost:"), "{asked:?}");
            let header = format!("Proxy-Authorization: {authorization}");
            assert_eq!(asked[1..], [header], "{}", ended.whose);
        });
    }
}

#[test]
fn the_first_variable_that_is_set_decides() {
    let emulator = emulator();
    let proxy = TestProxy::to(&emulator);
    let dead = format!("http://{}", dead_address());
    for (place, name) in VARIABLES.iter().enumerate() {
        let mut exchange = Exchange::with_hyper(&emulator).variable(name, proxy.url("http"));
        for later in &VARIABLES[place + 1..] {
            exchange = exchange.variable(later, &*dead);
        }
        exchange.run(|ended| {
            ended.assert_token(&emulator);
            assert_eq!(proxy.asked().len(), 1, "{}", ended.whose);
        });
    }
}

#[test]
fn a_value_that_names_no_proxy_is_passed_over() {
    let emulator = emulator();
    let proxy = TestProxy::to(&emulator);
    for value in ["", " ", "ftp://x", "socks6://x", "http://", "no proxy"] {
        let exchange = Exchange::with_hyper(&emulator)
            .variable("ALL_PROXY", value)
            .variable("https_proxy", proxy.url("http"));
        exchange.run(|ended| {
            ended.assert_token(&emulator);
            assert_eq!(proxy.asked().len(), 1, "{}", ended.whose);
        });

        let exchange = Exchange::with_hyper(&emulator).variable("HTTPS_PROXY", value);
        exchange.run(|ended| ended.assert_token(&emulator));
    }
}

#[test]
fn without_variables_the_way_is_straight() {
    let emulator = emulator();
    Exchange::with(&emulator).run(|ended| ended.assert_token(&emulator));
}

#[test]
fn no_proxy_lists_hosts_that_are_reached_straight() {
    let emulator = emulator();
    let proxy = TestProxy::to(&emulator);
    for (host, variable, value, straight) in [
        ("localhost", "NO_PROXY", "localhost", true),
        ("localhost", "no_proxy", "localhost", true),
        ("localhost", "NO_PROXY", "LocalHost", true),
        ("localhost", "NO_PROXY", "*", true),
        ("localhost", "NO_PROXY", "example.com,localhost", true),
        ("localhost", "NO_PROXY", "*host", true),
        ("localhost", "NO_PROXY", "local*", true),
        ("127.0.0.1", "NO_PROXY", "127.0.0.1", true),
        ("127.0.0.1", "NO_PROXY", ".0.1", true),
        ("127.0.0.1", "NO_PROXY", "*.0.0.1", true),
        ("127.0.0.1", "NO_PROXY", "127.", true),
        ("localhost", "NO_PROXY", "", false),
        ("localhost", "NO_PROXY", "example.com", false),
        ("localhost", "NO_PROXY", "host", false),
        ("localhost", "NO_PROXY", ".localhost", false),
        ("localhost", "NO_PROXY", "localhost.example", false),
        ("localhost", "NO_PROXY", "127.0.0.1", false),
        ("127.0.0.1", "NO_PROXY", "127.0.0.0/8", false),
        // Blanks belong to the name.
        ("localhost", "NO_PROXY", "example.com, localhost", false),
    ] {
        let mut exchange = Exchange::with_hyper(&emulator)
            .variable("ALL_PROXY", proxy.url("http"))
            .variable(variable, value);
        exchange.base_url = format!("https://{host}:{}", emulator.addr().port());
        exchange.run(|ended| {
            ended.assert_token(&emulator);
            assert_eq!(proxy.asked().is_empty(), straight, "{}", ended.whose);
        });
    }
}

#[test]
fn no_proxy_in_capitals_comes_first() {
    let emulator = emulator();
    let proxy = TestProxy::to(&emulator);
    let exchange = Exchange::with_hyper(&emulator)
        .variable("ALL_PROXY", proxy.url("http"))
        .variable("NO_PROXY", "")
        .variable("no_proxy", "*");
    exchange.run(|ended| {
        ended.assert_token(&emulator);
        assert_eq!(proxy.asked().len(), 1, "{}", ended.whose);
    });
}

#[test]
fn no_proxy_holds_for_socks_too() {
    let emulator = emulator();
    for scheme in ["socks4", "socks4a", "socks5", "socks5h"] {
        let dead = format!("{scheme}://{}", dead_address());
        let exchange = Exchange::with(&emulator)
            .variable("ALL_PROXY", dead)
            .variable("NO_PROXY", "localhost");
        exchange.run(|ended| ended.assert_token(&emulator));
    }
}

#[test]
fn plain_http_goes_straight() {
    let emulator = Emulator::builder().rate(None).start().unwrap();
    for scheme in ["http", "socks5h"] {
        let dead = format!("{scheme}://{}", dead_address());
        let mut exchange = Exchange::with(&emulator);
        for name in VARIABLES {
            exchange = exchange.variable(name, &*dead);
        }
        exchange.run(|ended| ended.assert_token(&emulator));
    }
}

#[test]
fn a_builder_can_pass_over_the_variables() {
    let emulator = emulator();
    let proxy = TestProxy::to(&emulator);
    let mut exchange = Exchange::with(&emulator);
    exchange.no_proxy_called = true;
    for name in VARIABLES {
        exchange = exchange.variable(name, proxy.url("http"));
    }
    exchange.run(|ended| {
        ended.assert_token(&emulator);
        assert!(proxy.asked().is_empty(), "{}", ended.whose);
    });
}

#[test]
fn a_socks_proxy_is_told_the_name_or_the_address() {
    let emulator = emulator();
    let port = emulator.addr().port();
    let proxy = TestProxy::to(&emulator);
    for (scheme, target) in [
        ("socks5h", "SOCKS5 localhost"),
        ("socks4a", "SOCKS4a localhost"),
        // These two have the name resolved here.
        ("socks5", "SOCKS5 127.0.0.1"),
        ("socks4", "SOCKS4 127.0.0.1"),
        ("socks", "SOCKS5 127.0.0.1"),
        ("SOCKS5H", "SOCKS5 localhost"),
    ] {
        let exchange = Exchange::with(&emulator).variable("ALL_PROXY", proxy.url(scheme));
        exchange.run(|ended| {
            ended.assert_token(&emulator);
            assert_eq!(
                proxy.asked(),
                [format!("{target}:{port}")],
                "{}",
                ended.whose
            );
        });
    }
}

#[test]
fn a_socks_proxy_is_told_an_address_as_one() {
    let emulator = emulator();
    let port = emulator.addr().port();
    let proxy = TestProxy::to(&emulator);
    for (scheme, version) in [
        ("socks5h", "SOCKS5"),
        ("socks5", "SOCKS5"),
        ("socks4a", "SOCKS4"),
        ("socks4", "SOCKS4"),
    ] {
        let mut exchange = Exchange::with(&emulator).variable("ALL_PROXY", proxy.url(scheme));
        exchange.base_url = format!("https://127.0.0.1:{port}");
        exchange.run(|ended| {
            ended.assert_token(&emulator);
            let target = format!("{version} 127.0.0.1:{port}");
            assert_eq!(proxy.asked(), [target], "{}", ended.whose);
        });
    }
}

#[test]
fn a_socks5_proxy_is_told_the_password_decoded() {
    let emulator = emulator();
    let proxy = TestProxy::to(&emulator);
    let target = format!("SOCKS5 localhost:{}", emulator.addr().port());
    let login = format!("{USER}:{PASSWORD}");
    let exchange =
        Exchange::with(&emulator).variable("HTTPS_PROXY", proxy.url_with_login("socks5h"));
    exchange.run(|ended| {
        ended.assert_token(&emulator);
        assert_eq!(proxy.asked(), [&*login, &*target], "{}", ended.whose);
    });
}

#[test]
fn the_proxy_resolves_the_name() {
    let emulator = emulator();
    let proxy = TestProxy::to(&emulator);
    for (scheme, target) in [
        ("http", "CONNECT no-such-host.invalid:443 HTTP/1.1"),
        ("socks5h", "SOCKS5 no-such-host.invalid:443"),
        ("socks4a", "SOCKS4a no-such-host.invalid:443"),
    ] {
        let mut exchange = Exchange::with(&emulator).variable("ALL_PROXY", proxy.url(scheme));
        exchange.base_url = "https://no-such-host.invalid".to_owned();
        exchange.run(|ended| {
            // At the end of the tunnel is the emulator, whose certificate is for another name.
            ended.assert_kind("tls");
            assert_eq!(proxy.asked(), [target], "{}", ended.whose);
        });
    }
}

#[test]
fn a_name_that_does_not_resolve_here_is_a_connect_error() {
    let emulator = emulator();
    let proxy = TestProxy::to(&emulator);
    for scheme in ["socks5", "socks4"] {
        let mut exchange = Exchange::with(&emulator).variable("ALL_PROXY", proxy.url(scheme));
        exchange.base_url = "https://no-such-host.invalid".to_owned();
        exchange.run(|ended| {
            ended.assert_kind("connect");
            assert!(proxy.asked().is_empty(), "{}", ended.whose);
        });
    }
}

#[test]
fn a_proxy_that_fails_is_a_connect_error() {
    let emulator = emulator();
    for answer in [Answer::Refusal, Answer::Close, Answer::Noise] {
        let proxy = TestProxy::start(answer.clone());
        for scheme in ["http", "socks5h", "socks5", "socks4a", "socks4"] {
            let value = proxy.url_with_login(scheme);
            let exchange = Exchange::with(&emulator).variable("ALL_PROXY", value);
            exchange.run(|ended| {
                ended.assert_kind("connect");
                assert!(!proxy.asked().is_empty(), "{answer:?} {}", ended.whose);
            });
        }
    }
    assert!(emulator.requests().is_empty());
}

#[test]
fn a_proxy_that_is_not_there_is_a_connect_error() {
    let emulator = emulator();
    for scheme in ["http", "https", "socks5h", "socks5", "socks4a", "socks4"] {
        let dead = format!("{scheme}://{LOGIN}@{}", dead_address());
        let exchange = Exchange::with(&emulator).variable("ALL_PROXY", dead);
        exchange.run(|ended| ended.assert_kind("connect"));
    }
    assert!(emulator.requests().is_empty());
}

#[test]
fn the_error_says_that_there_is_a_proxy() {
    let emulator = emulator();
    let proxy = TestProxy::start(Answer::Refusal);
    let exchange = Exchange::with(&emulator).variable("ALL_PROXY", proxy.url_with_login("http"));
    exchange.run(|ended| {
        let Ended { whose, text, .. } = ended;
        let cause = text.strip_suffix("; check the network, the base URL and any proxy");
        assert!(cause.unwrap().contains("proxy"), "{whose}: {text}");
    });
}

#[test]
fn a_proxy_that_says_nothing_is_a_timeout() {
    let emulator = emulator();
    let proxy = TestProxy::start(Answer::Silence);
    for scheme in ["http", "socks5h", "socks4a"] {
        let value = proxy.url(scheme);
        let mut exchange = Exchange::with(&emulator).variable("ALL_PROXY", value);
        exchange.timeout = Duration::from_millis(300);
        exchange.run(|ended| ended.assert_kind("timeout"));
    }
}

#[test]
fn an_https_proxy_that_speaks_no_tls_is_a_tls_error() {
    let emulator = emulator();
    let proxy = TestProxy::start(Answer::Refusal);
    let exchange = Exchange::with(&emulator).variable("ALL_PROXY", proxy.url("https"));
    exchange.run(|ended| {
        ended.assert_kind("tls");
        // The first byte of a TLS handshake.
        assert_eq!(proxy.asked(), ["something that begins with 22"]);
    });
}
