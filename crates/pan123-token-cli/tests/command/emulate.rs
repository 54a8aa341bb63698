//! `emulate`: the emulator as a process of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command};
#[cfg(unix)]
use std::time::{Duration, Instant};

#[cfg(unix)]
use super::kill;
#[cfg(target_os = "linux")]
use super::{as_pid_1, child_of};
use super::{command, file, folder, run};

/// `emulate`, until it is dropped.
struct Running {
    child: Child,
    url: String,
    /// What its lines on stderr say: the notice, and a line for each client.
    lines: Vec<String>,
}

impl Running {
    fn start(arguments: &[&str]) -> Self {
        Self::spawn(&mut command(&[&["emulate"], arguments].concat()), 1)
    }

    /// Waits for the lines of this many clients.
    fn spawn(command: &mut Command, clients: usize) -> Self {
        let mut child = command.spawn().unwrap();
        let mut url = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut url).unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let lines = stderr.lines().take(1 + clients).map(Result::unwrap);
        Self {
            lines: lines.collect(),
            child,
            url: url.trim_end().to_owned(),
        }
    }

    /// What the line of its only client exports.
    fn exported(&self, name: &str) -> &str {
        let (_, exports) = self.lines[1].split_once("export ").unwrap();
        let mut pairs = exports.split(' ').filter_map(|it| it.split_once('='));
        let pair = pairs.find(|(key, _)| *key == name);
        pair.unwrap_or_else(|| panic!("no {name} in {exports}")).1
    }

    /// `get`, with what was printed for another shell.
    fn get(&self, arguments: &[&str]) -> Command {
        let mut command = command(&[&["get"], arguments].concat());
        for name in [
            "PAN123_BASE_URL",
            "PAN123_CLIENT_ID",
            "PAN123_CLIENT_SECRET",
        ] {
            command.env(name, self.exported(name));
        }
        command
    }

    fn port(&self) -> &str {
        self.url.rsplit(':').next().unwrap()
    }

    /// A request over plain http, and the whole reply.
    fn send(&self, line: &str, token: &str) -> String {
        let host = self.url.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(host).unwrap();
        write!(
            stream,
            "{line} HTTP/1.1\r\nHost: {host}\r\nPlatform: open_platform\r\nAuthorization: Bearer {token}\r\n\
             Connection: close\r\n\r\n"
        )
        .unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).unwrap();
        reply
    }

    fn user_info(&self, token: &str) -> String {
        self.send("GET /api/v1/user/info", token)
    }

    /// Within 10 seconds.
    #[cfg(unix)]
    fn ended(&mut self) -> std::process::ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(begun.elapsed() < Duration::from_secs(10), "it runs on");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that is free now.
fn free_port() -> String {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    taken.local_addr().unwrap().port().to_string()
}

#[track_caller]
fn token(command: &mut Command) -> String {
    let said = run(command);
    assert_eq!(said.exit, 0, "{}", said.stderr);
    said.stdout.trim().to_owned()
}

#[test]
fn it_serves_and_plays_its_faults() {
    let emulator = Running::start(&[
        "--rate",
        "0",
        "--fault",
        "code:429",
        "--fault",
        "status:503",
        "--fault",
        "null-data",
    ]);
    let get = || run(&mut emulator.get(&[]));
    assert_eq!(get().exit, 75);
    assert_eq!(get().exit, 69);
    assert_eq!(get().exit, 76);
    let said = get();
    assert_eq!(said.exit, 0, "{}", said.stderr);
    assert!(said.stdout.starts_with("eyJ"));
    let counts = emulator.send("GET /__admin/counts", "");
    assert!(counts.contains(r#""tokenRequests":4"#), "{counts}");
}

#[test]
fn it_says_where_the_upload_host_and_the_admin_api_are() {
    let upload = free_port();
    let emulator = Running::start(&["--upload-listen", &upload]);
    let notice = format!(
        "pan123-token: emulating until SIGTERM or SIGINT; upload host http://127.0.0.1:{upload}, admin API {}/__admin/",
        emulator.url
    );
    assert_eq!(emulator.lines[0], notice);
    let token = token(&mut emulator.get(&[]));
    let reply = emulator.send("GET /upload/v2/file/domain", &token);
    let hosts = format!(r#""data":["http://127.0.0.1:{upload}"]"#);
    assert!(reply.contains(&hosts), "{reply}");
}

#[test]
fn a_port_alone_is_one_of_the_loopback() {
    let port = free_port();
    let emulator = Running::start(&["--listen", &port]);
    assert_eq!(emulator.url, format!("http://127.0.0.1:{port}"));
}

#[test]
fn an_address_that_is_taken_is_74() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for option in ["--listen", "--upload-listen"] {
        let said = run(&mut command(&["emulate", option, &address]));
        assert_eq!(said.exit, 74);
        let line = format!("can't start the emulator: can't listen on {address}: ");
        assert!(said.one_line().starts_with(&line), "{}", said.stderr);
    }
}

/// The store keeps tokens by base URL and client ID, and the base URL is the same.
#[test]
fn a_restart_on_the_same_port_does_not_get_the_old_token_from_the_store() {
    let port = free_port();
    let store = format!("file:{}", folder("emulate-restart").display());
    let first = Running::start(&["--listen", &port]);
    let old = token(&mut first.get(&["--store", &store]));
    assert_eq!(token(&mut first.get(&["--store", &store])), old);
    drop(first);
    let second = Running::start(&["--listen", &port]);
    let new = token(&mut second.get(&["--store", &store]));
    assert_ne!(new, old);
    assert!(second.user_info(&new).contains(r#""code":0"#));
    let refused = second.user_info(&old);
    assert!(refused.contains(r#""code":401"#), "{refused}");
}

#[test]
fn a_client_that_is_given_keeps_its_id_and_needs_no_store() {
    let port = free_port();
    for _ in 0..2 {
        let emulator = Running::start(&["--listen", &port, "--client", "ci"]);
        assert_eq!(emulator.exported("PAN123_CLIENT_ID"), "ci");
        let token = token(&mut emulator.get(&["--store", "none"]));
        assert!(emulator.user_info(&token).contains(r#""code":0"#));
    }
}

#[test]
fn clients_come_from_options_and_from_a_file() {
    let clients = file(
        "clients",
        b"# for CI\n\none:first-secret\r\n  two:a:b\nthree\n",
    );
    let mut command = command(&[
        "emulate",
        "--client",
        "zero:zeroth-secret",
        "--clients-file",
        clients.to_str().unwrap(),
    ]);
    let emulator = Running::spawn(&mut command, 4);
    for (id, secret) in [
        ("zero", "zeroth-secret"),
        ("one", "first-secret"),
        ("two", "a:b"),
    ] {
        let got = token(
            super::command(&["get"])
                .env("PAN123_BASE_URL", &emulator.url)
                .env("PAN123_CLIENT_ID", id)
                .env("PAN123_CLIENT_SECRET", secret),
        );
        assert!(emulator.user_info(&got).contains(r#""code":0"#));
    }
    // A secret is shown only where it was made up.
    let shown: Vec<&str> = emulator.lines[1..]
        .iter()
        .map(|line| line.rsplit(' ').next().unwrap())
        .collect();
    assert_eq!(
        shown[..3],
        [
            "PAN123_CLIENT_ID=zero",
            "PAN123_CLIENT_ID=one",
            "PAN123_CLIENT_ID=two"
        ]
    );
    assert!(
        shown[3].starts_with("PAN123_CLIENT_SECRET="),
        "{}",
        shown[3]
    );
}

#[test]
fn a_wrong_line_of_the_clients_file_is_named_and_not_shown() {
    let clients = file("wrong-clients", b"one:1\n:SENTINEL-secret\n");
    let clients = clients.to_str().unwrap();
    let said = run(&mut command(&["emulate", "--clients-file", clients]));
    assert_eq!(said.exit, 64);
    let line = said.one_line();
    assert!(line.starts_with("line 2 of "), "{line}");
}

#[test]
fn eviction_and_statuses_can_be_set() {
    let emulator = Running::start(&[
        "--max-tokens",
        "2",
        "--eviction",
        "newest-but-one",
        "--rejection",
        "401",
        "--throttling",
        "429",
        "--rate",
        "3",
    ]);
    let tokens = [(); 3].map(|()| token(&mut emulator.get(&[])));
    assert!(emulator.user_info(&tokens[0]).starts_with("HTTP/1.1 200 "));
    assert!(emulator.user_info(&tokens[1]).starts_with("HTTP/1.1 401 "));
    assert!(emulator.user_info(&tokens[2]).starts_with("HTTP/1.1 200 "));
    // The rate counts by the emulator's clock, which now stands still.
    let frozen = Running::start(&["--throttling", "429", "--rate", "1"]);
    let set = r#"{"frozen":true}"#;
    let length = set.len();
    let head = format!(
        "POST /__admin/clock HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    let mut stream = TcpStream::connect(("127.0.0.1", frozen.port().parse().unwrap())).unwrap();
    stream.write_all(format!("{head}{set}").as_bytes()).unwrap();
    stream.read_to_end(&mut Vec::new()).unwrap();
    token(&mut frozen.get(&[]));
    let said = run(&mut frozen.get(&["--format", "json"]));
    let error = said.json()["error"].clone();
    assert_eq!((said.exit, error["status"].as_u64()), (75, Some(429)));
}

#[test]
fn tls_writes_the_certificate_to_trust() {
    let ca = folder("emulate-tls").join("ca.pem");
    let ca = ca.to_str().unwrap();
    let emulator = Running::start(&["--tls", ca]);
    assert_eq!(
        emulator.url,
        format!("https://localhost:{}", emulator.port())
    );
    assert_eq!(emulator.exported("PAN123_CA_FILE"), ca);
    let trusting = token(&mut emulator.get(&["--ca-file", ca]));
    assert!(trusting.starts_with("eyJ"));
    assert_eq!(run(&mut emulator.get(&[])).exit, 69);

    let nowhere = run(&mut command(&[
        "emulate",
        "--tls",
        "/no/such/folder/ca.pem",
    ]));
    assert_eq!(nowhere.exit, 64);
    let line = nowhere.one_line();
    assert!(
        line.starts_with("can't write /no/such/folder/ca.pem"),
        "{line}"
    );
}

#[test]
fn a_hosts_name_is_in_what_is_printed() {
    let emulator = Running::start(&["--host", "emulator"]);
    let port = emulator.port();
    assert_eq!(emulator.url, format!("http://emulator:{port}"));
    assert_eq!(emulator.exported("PAN123_INSECURE_HTTP"), "1");
}

#[test]
fn help_is_plain_text_with_examples() {
    let said = run(&mut command(&["emulate", "--help"]));
    assert_eq!(said.exit, 0);
    let help = said.stdout;
    assert!(!help.contains(['|', '`']), "{help}");
    assert!(
        help.contains("pan123-token emulate --listen 18080"),
        "{help}"
    );
    assert!(help.contains("\n  delay:DURATION\n      "), "{help}");
}

#[cfg(unix)]
#[test]
fn sigterm_and_sigint_end_it_with_0() {
    for signal in ["TERM", "INT"] {
        let mut emulator = Running::start(&[]);
        kill(emulator.child.id(), signal);
        assert_eq!(emulator.ended().code(), Some(0), "{signal}");
        let address = emulator.url.strip_prefix("http://").unwrap();
        assert!(TcpStream::connect(address).is_err());
    }
}

#[cfg(target_os = "linux")]
#[test]
fn sigterm_and_sigint_end_it_as_pid_1() {
    for signal in ["TERM", "INT"] {
        let Some(mut command) = as_pid_1(&command(&["emulate"])) else {
            return;
        };
        let mut emulator = Running::spawn(&mut command, 1);
        kill(child_of(&emulator.child), signal);
        // `unshare` ends with its child's exit code.
        assert_eq!(emulator.ended().code(), Some(0), "{signal}");
    }
}
