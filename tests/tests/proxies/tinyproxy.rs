//! A proxy that we didn't write.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::exchange::Exchange;
use crate::{LOGIN, emulator};

struct Tinyproxy {
    child: Child,
    address: SocketAddr,
    _folder: TempDir,
}

impl Tinyproxy {
    /// With these lines in its configuration, too.
    fn start(lines: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let file = folder.path().join("tinyproxy.conf");
        let log = folder.path().join("log");
        let config = format!(
            "Port {}\nListen 127.0.0.1\nTimeout 30\nLogFile \"{}\"\n{lines}\n",
            address.port(),
            log.display()
        );
        fs::write(&file, config).unwrap();
        let child = Command::new("tinyproxy")
            .arg("-d")
            .arg("-c")
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("tinyproxy is installed");
        let proxy = Self {
            child,
            address,
            _folder: folder,
        };
        let begun = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(10), "it is up");
            thread::sleep(Duration::from_millis(10));
        }
        proxy
    }
}

impl Drop for Tinyproxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
#[ignore = "needs tinyproxy"]
fn a_proxy_without_a_login_leads_to_the_platform() {
    let emulator = emulator();
    let proxy = Tinyproxy::start("");
    // A login that it doesn't ask for does no harm.
    for login in ["", "me:SENTINEL@"] {
        let url = format!("http://{login}{}", proxy.address);
        let exchange = Exchange::with(&emulator).variable("HTTPS_PROXY", url);
        exchange.run(|ended| ended.assert_token(&emulator));
    }
    assert_eq!(emulator.token_requests(), 4);
}

#[test]
#[ignore = "needs tinyproxy"]
fn a_proxy_with_a_login_wants_the_right_one() {
    let emulator = emulator();
    let proxy = Tinyproxy::start("BasicAuth me SENTINEL");
    let address = proxy.address;
    let url = format!("http://me:SENTINEL@{address}");
    let exchange = Exchange::with(&emulator).variable("HTTPS_PROXY", url);
    exchange.run(|ended| ended.assert_token(&emulator));
    let before = emulator.token_requests();
    assert_eq!(before, 2);
    // It takes a wrong login for a reason to refuse, and none for a reason to ask.
    for (url, status) in [
        (format!("http://{address}"), "407"),
        (format!("http://{LOGIN}@{address}"), "401"),
    ] {
        let exchange = Exchange::with(&emulator).variable("HTTPS_PROXY", url);
        exchange.run(|ended| {
            ended.assert_kind("connect");
            assert!(
                ended.text.contains(status),
                "{}: {}",
                ended.whose,
                ended.text
            );
        });
    }
    assert_eq!(emulator.token_requests(), before);
}

#[test]
#[ignore = "needs tinyproxy"]
fn a_proxy_that_forbids_the_port_says_so() {
    let emulator = emulator();
    let proxy = Tinyproxy::start("ConnectPort 443");
    let url = format!("http://{}", proxy.address);
    let exchange = Exchange::with(&emulator).variable("HTTPS_PROXY", url);
    exchange.run(|ended| {
        ended.assert_kind("connect");
        assert!(
            ended.text.contains("403"),
            "{}: {}",
            ended.whose,
            ended.text
        );
    });
    assert_eq!(emulator.token_requests(), 0);
}
