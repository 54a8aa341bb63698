//! Clients that aren't ours send the documented request, as the platform's page shows it, and get a token from the
//! emulator: a check on the emulator, and on the request that our own clients are measured by.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a panic is how a test reports"
)]

use std::ffi::OsStr;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{self, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use pan123_emulator::{
    ASSUMED_CODE_BAD_CREDENTIALS, CLIENT_ID, CLIENT_SECRET, Emulator, Received, Throttling,
};

/// What a client is given for all that it does.
const LIMIT: Duration = Duration::from_secs(30);

/// One token request, and with the token an API call.
struct Call<'a> {
    base_url: String,
    secret: &'a str,
    /// Whether the token request has the header `Platform`.
    platform: bool,
    ca: Option<&'a Path>,
}

impl<'a> Call<'a> {
    fn documented(emulator: &Emulator) -> Self {
        Self {
            base_url: emulator.url(),
            secret: CLIENT_SECRET,
            platform: true,
            ca: None,
        }
    }

    fn trusting(self, ca: &'a CaFile) -> Self {
        Self {
            ca: Some(&ca.0),
            ..self
        }
    }

    /// For the scripts.
    fn environment(&self) -> Vec<(&'static str, &OsStr)> {
        let mut environment = vec![
            ("BASE_URL", self.base_url.as_ref()),
            ("CLIENT_ID", CLIENT_ID.as_ref()),
            ("CLIENT_SECRET", self.secret.as_ref()),
            (
                "PLATFORM",
                if self.platform { "open_platform" } else { "" }.as_ref(),
            ),
        ];
        if let Some(ca) = self.ca {
            environment.push(("CA_FILE", ca.as_os_str()));
            environment.push(("NODE_EXTRA_CA_CERTS", ca.as_os_str()));
        }
        environment
    }
}

/// What a client printed.
#[derive(Debug, PartialEq)]
enum Seen {
    /// The token, and the code of the API call made with it.
    Token(String, String),
    /// The code and the message of the reply that holds no token.
    Refused(String, String),
}

impl Seen {
    fn refused(code: &str, message: &str) -> Self {
        Self::Refused(code.to_owned(), message.to_owned())
    }

    /// `token`, the token, and the API call's code; or `refused`, the code, and the message: a line each.
    fn parse(printed: &str) -> Self {
        let lines: Vec<&str> = printed.lines().collect();
        match lines[..] {
            ["token", token, code] => Self::Token(token.to_owned(), code.to_owned()),
            ["refused", code, message] => Self::refused(code, message),
            _ => panic!("the client printed {printed:?}"),
        }
    }
}

/// The emulator's certificate authority, in a file for as long as this lives.
struct CaFile(PathBuf);

impl CaFile {
    fn of(emulator: &Emulator) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("foreign-clients-{}-{count}.pem", process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::write(&path, emulator.ca_pem().expect("an emulator with TLS")).unwrap();
        Self(path)
    }
}

impl Drop for CaFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Runs a program to its end, or kills it at the limit, and returns what it wrote to stdout.
fn run(program: &str, arguments: &[&str], call: &Call<'_>, stdin: &str) -> String {
    let mut command = Command::new(program);
    command
        .args(arguments)
        // No proxy, and no settings of this machine's for any of the programs.
        .env_clear()
        .envs(call.environment())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    // Where programs are; and what a shim of a version manager goes by.
    for kept in ["PATH", "HOME"] {
        if let Some(value) = std::env::var_os(kept) {
            command.env(kept, value);
        }
    }
    let mut child = command.spawn().unwrap_or_else(|error| {
        panic!("this test was asked for and needs {program}, which can't be run: {error}")
    });

    // A script fits into the pipe; one that is never read is the program's failure.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    let mut stderr = child.stderr.take().unwrap();
    let errors = thread::spawn(move || {
        let mut text = Vec::new();
        let _ = stderr.read_to_end(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    });
    let mut stdout = child.stdout.take().unwrap();
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut text = Vec::new();
        let _ = stdout.read_to_end(&mut text);
        let _ = sender.send(text);
    });
    // A program closes its stdout when it ends.
    let printed = receiver.recv_timeout(LIMIT);
    if printed.is_err() {
        let _ = child.kill();
    }
    let status = child.wait().unwrap();
    let errors = errors.join().unwrap();
    let printed = printed.unwrap_or_else(|_| panic!("{program} took over {LIMIT:?}: {errors}"));
    assert!(status.success(), "{program} ended with {status}: {errors}");
    String::from_utf8(printed).unwrap()
}

/// A string or a number of a flat piece of JSON: as much as a shell script can do without another program.
fn field<'a>(json: &'a str, name: &str) -> Option<&'a str> {
    let (_, value) = json.split_once(&format!("\"{name}\":"))?;
    match value.strip_prefix('"') {
        Some(text) => Some(text.split_once('"')?.0),
        None => value.split([',', '}']).next(),
    }
}

fn curl(call: &Call<'_>, arguments: &[&str]) -> String {
    // Without a configuration file, and with a time limit of its own.
    let mut all = vec!["-q", "--silent", "--show-error", "--max-time", "20"];
    if let Some(ca) = call.ca {
        all.extend(["--cacert", ca.to_str().unwrap()]);
    }
    all.extend(arguments);
    run("curl", &all, call, "")
}

fn curl_body(secret: &str) -> String {
    format!("{{\n    \"clientID\": \"{CLIENT_ID}\",\n    \"clientSecret\": \"{secret}\"\n}}")
}

/// The token request; `more` are further arguments.
fn curl_token(call: &Call<'_>, more: &[&str]) -> String {
    let url = format!("{}/api/v1/access_token", call.base_url);
    let body = curl_body(call.secret);
    let mut arguments = vec!["--request", "POST", "--url", &url];
    if call.platform {
        arguments.extend(["--header", "Platform: open_platform"]);
    }
    arguments.extend(["--header", "Content-Type: application/json"]);
    arguments.extend(["--data", &body]);
    arguments.extend(more);
    curl(call, &arguments)
}

fn through_curl(call: &Call<'_>) -> Seen {
    let reply = curl_token(call, &[]);
    let code = field(&reply, "code").unwrap_or_else(|| panic!("no code in {reply}"));
    if code != "0" {
        return Seen::refused(code, field(&reply, "message").unwrap());
    }
    let token = field(&reply, "accessToken").unwrap();
    let url = format!("{}/api/v1/user/info", call.base_url);
    let authorization = format!("Authorization: Bearer {token}");
    let reply = curl(
        call,
        &[
            "--url",
            &url,
            "--header",
            &authorization,
            "--header",
            "Platform: open_platform",
        ],
    );
    Seen::Token(token.to_owned(), field(&reply, "code").unwrap().to_owned())
}

const PYTHON: &str = r#"
import http.client
import json
import os
import ssl
from urllib.parse import urlsplit

url = urlsplit(os.environ["BASE_URL"])
if url.scheme == "https":
    context = ssl.create_default_context(cafile=os.environ["CA_FILE"])
    conn = http.client.HTTPSConnection(url.netloc, timeout=20, context=context)
else:
    conn = http.client.HTTPConnection(url.netloc, timeout=20)

payload = json.dumps({
    "clientID": os.environ["CLIENT_ID"],
    "clientSecret": os.environ["CLIENT_SECRET"],
})
headers = {"Platform": os.environ["PLATFORM"], "Content-Type": "application/json"}
if not headers["Platform"]:
    del headers["Platform"]
conn.request("POST", "/api/v1/access_token", payload, headers)
reply = json.loads(conn.getresponse().read().decode("utf-8"))

if reply["code"] != 0:
    print("refused", reply["code"], reply["message"], sep="\n")
else:
    token = reply["data"]["accessToken"]
    headers = {"Authorization": "Bearer " + token, "Platform": "open_platform"}
    conn.request("GET", "/api/v1/user/info", headers=headers)
    reply = json.loads(conn.getresponse().read())
    print("token", token, reply["code"], sep="\n")
conn.close()
"#;

fn through_python(call: &Call<'_>) -> Seen {
    // Isolated from what else is installed, and from the working directory.
    Seen::parse(&run("python3", &["-I", "-c", PYTHON], call, ""))
}

const NODE: &str = r"
const { BASE_URL, CLIENT_ID, CLIENT_SECRET, PLATFORM } = process.env;
const signal = AbortSignal.timeout(20_000);

async function main() {
  const headers = { 'Content-Type': 'application/json' };
  if (PLATFORM) headers.Platform = PLATFORM;
  const response = await fetch(`${BASE_URL}/api/v1/access_token`, {
    method: 'POST',
    headers,
    body: JSON.stringify({ clientID: CLIENT_ID, clientSecret: CLIENT_SECRET }),
    signal,
  });
  const reply = await response.json();
  if (reply.code !== 0) {
    console.log(`refused\n${reply.code}\n${reply.message}`);
    return;
  }
  const token = reply.data.accessToken;
  const info = await fetch(`${BASE_URL}/api/v1/user/info`, {
    headers: { Authorization: `Bearer ${token}`, Platform: 'open_platform' },
    signal,
  });
  console.log(`token\n${token}\n${(await info.json()).code}`);
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
";

fn through_node(call: &Call<'_>) -> Seen {
    // The script comes from stdin.
    Seen::parse(&run("node", &["-"], call, NODE))
}

/// The client gets the emulator's live token, by the documented request with that body, and the token is good.
fn gets_a_token(client: fn(&Call<'_>) -> Seen, body: &str) {
    let emulator = Emulator::builder().start().unwrap();
    let seen = client(&Call::documented(&emulator));
    check_token(&emulator, seen, body, false);
}

fn gets_a_token_over_tls(client: fn(&Call<'_>) -> Seen, body: &str) {
    let emulator = Emulator::builder().tls().start().unwrap();
    let ca = CaFile::of(&emulator);
    let seen = client(&Call::documented(&emulator).trusting(&ca));
    check_token(&emulator, seen, body, true);
}

fn check_token(emulator: &Emulator, seen: Seen, body: &str, tls: bool) {
    let Seen::Token(token, business_code) = seen else {
        panic!("{seen:?}")
    };
    assert_eq!(emulator.live_tokens(CLIENT_ID), [&*token]);
    assert_eq!(business_code, "0");

    let [token_call, business_call] = &emulator.requests()[..] else {
        panic!("two requests, not {:?}", emulator.requests())
    };
    assert_eq!(line(token_call), "POST /api/v1/access_token");
    assert_eq!(token_call.header("platform"), Some("open_platform"));
    assert_eq!(token_call.header("content-type"), Some("application/json"));
    assert_eq!(token_call.header("authorization"), None);
    assert_eq!(String::from_utf8_lossy(&token_call.body), body);
    assert_eq!(token_call.tls, tls);

    assert_eq!(line(business_call), "GET /api/v1/user/info");
    assert_eq!(business_call.header("platform"), Some("open_platform"));
    let authorization = format!("Bearer {token}");
    assert_eq!(business_call.header("authorization"), Some(&*authorization));
    assert!(business_call.body.is_empty());
    assert_eq!(business_call.tls, tls);
}

fn line(request: &Received) -> String {
    format!("{} {}", request.method, request.target)
}

/// The client is shown what is wrong with its request, and no token is issued.
fn is_told_what_is_wrong(client: fn(&Call<'_>) -> Seen) {
    let emulator = Emulator::builder().start().unwrap();
    let seen = client(&Call {
        secret: "wrong",
        ..Call::documented(&emulator)
    });
    let Seen::Refused(code, message) = seen else {
        panic!("{seen:?}")
    };
    assert_eq!(code, ASSUMED_CODE_BAD_CREDENTIALS.to_string());
    assert!(message.contains("clientSecret"), "{message}");

    let seen = client(&Call {
        platform: false,
        ..Call::documented(&emulator)
    });
    let message = "Please include the platform field in the request header";
    assert_eq!(seen, Seen::refused("1", message));
    assert_eq!(emulator.token_requests(), 2);
    assert_eq!(emulator.issued(), 0);
}

/// How curl ends when it is told of no certificate authority.
fn curl_exit_code_without_trust(emulator: &Emulator) -> Option<i32> {
    let url = format!("{}/api/v1/access_token", emulator.url());
    let output = Command::new("curl")
        .args(["-q", "--silent", "--max-time", "20", "--data", "{}", &url])
        .env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
        .output()
        .unwrap();
    output.status.code()
}

/// As `json.dumps` writes it.
fn python_body() -> String {
    format!(r#"{{"clientID": "{CLIENT_ID}", "clientSecret": "{CLIENT_SECRET}"}}"#)
}

/// As `JSON.stringify` writes it.
fn node_body() -> String {
    format!(r#"{{"clientID":"{CLIENT_ID}","clientSecret":"{CLIENT_SECRET}"}}"#)
}

#[test]
#[ignore = "needs curl; tests/run provides it"]
fn curl_gets_a_token() {
    gets_a_token(through_curl, &curl_body(CLIENT_SECRET));
}

#[test]
#[ignore = "needs curl; tests/run provides it"]
fn curl_gets_a_token_over_tls() {
    gets_a_token_over_tls(through_curl, &curl_body(CLIENT_SECRET));
}

#[test]
#[ignore = "needs curl; tests/run provides it"]
fn curl_is_told_what_is_wrong() {
    is_told_what_is_wrong(through_curl);
}

#[test]
#[ignore = "needs curl; tests/run provides it"]
fn curl_is_told_that_it_asks_too_often() {
    for (throttling, status) in [(Throttling::Http200, "200"), (Throttling::Http429, "429")] {
        // Its clock stands still, so that no slow machine makes a second go by.
        let emulator = Emulator::builder().rate(Some(1)).throttling(throttling);
        let emulator = emulator.frozen().start().unwrap();
        let call = Call::documented(&emulator);
        let print_status = ["--write-out", "\n%{http_code}"];

        let reply = curl_token(&call, &print_status);
        assert_eq!(field(&reply, "code"), Some("0"));
        let reply = curl_token(&call, &print_status);
        assert_eq!(field(&reply, "code"), Some("429"));
        assert_eq!(field(&reply, "message"), Some("请求太频繁"));
        assert_eq!(field(&reply, "data"), Some("null"));
        assert_eq!(reply.lines().last(), Some(status));

        emulator.advance(Duration::from_secs(1));
        let reply = curl_token(&call, &print_status);
        assert_eq!(field(&reply, "code"), Some("0"));
        assert_eq!((emulator.token_requests(), emulator.issued()), (3, 2));
    }
}

#[test]
#[ignore = "needs curl; tests/run provides it"]
fn curl_asks_nothing_of_a_server_that_it_does_not_trust() {
    let emulator = Emulator::builder().tls().start().unwrap();
    // "Peer certificate cannot be authenticated with known CA certificates".
    assert_eq!(curl_exit_code_without_trust(&emulator), Some(60));
    assert!(emulator.requests().is_empty());
}

#[test]
#[ignore = "needs python3; tests/run provides it"]
fn pythons_http_client_gets_a_token() {
    gets_a_token(through_python, &python_body());
}

#[test]
#[ignore = "needs python3; tests/run provides it"]
fn pythons_http_client_gets_a_token_over_tls() {
    gets_a_token_over_tls(through_python, &python_body());
}

#[test]
#[ignore = "needs python3; tests/run provides it"]
fn pythons_http_client_is_told_what_is_wrong() {
    is_told_what_is_wrong(through_python);
}

#[test]
#[ignore = "needs node; tests/run provides it"]
fn nodes_fetch_gets_a_token() {
    gets_a_token(through_node, &node_body());
}

#[test]
#[ignore = "needs node; tests/run provides it"]
fn nodes_fetch_gets_a_token_over_tls() {
    gets_a_token_over_tls(through_node, &node_body());
}

#[test]
#[ignore = "needs node; tests/run provides it"]
fn nodes_fetch_is_told_what_is_wrong() {
    is_told_what_is_wrong(through_node);
}
