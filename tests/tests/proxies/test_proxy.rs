//! A proxy of each sort on one port: the first byte tells which one is meant.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use pan123_emulator::{CLIENT_ID, CLIENT_SECRET, Emulator};

use crate::LOGIN;

/// What the proxy does with those who have said where they want to go.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// A tunnel to this server, whatever was asked for.
    Tunnel(SocketAddr),
    /// No.
    Refusal,
    /// An HTTP reply with this status.
    Status(&'static str),
    /// Nothing, until the client goes away.
    Silence,
    /// The connection is closed.
    Close,
    /// What no proxy says.
    Noise,
}

pub(crate) struct TestProxy {
    pub(crate) address: SocketAddr,
    /// What was asked of it, a line each.
    asked: Arc<Mutex<Vec<String>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl TestProxy {
    pub(crate) fn to(emulator: &Emulator) -> Self {
        Self::start(Answer::Tunnel(emulator.addr()))
    }

    pub(crate) fn start(answer: Answer) -> Self {
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
    pub(crate) fn url(&self, scheme: &str) -> String {
        format!("{scheme}://{}", self.address)
    }

    /// The same with user and password.
    pub(crate) fn url_with_login(&self, scheme: &str) -> String {
        format!("{scheme}://{LOGIN}@{}", self.address)
    }

    /// What was asked since the last time.
    pub(crate) fn asked(&self) -> Vec<String> {
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
        Answer::Status(status) => {
            write!(client, "HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n")
        }
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
