//! A server that sends exactly what it is given, one reply for each connection.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use pan123_token_ureq::BaseUrl;

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    headers: Vec<(String, String)>,
    /// As many bytes as `content-length` says.
    pub(crate) body: Vec<u8>,
}

impl Received {
    /// All values of a header, whose name is in lower case.
    pub(crate) fn header(&self, name: &str) -> Vec<&str> {
        let named = self.headers.iter().filter(|(it, _)| it == name);
        named.map(|(_, value)| value.as_str()).collect()
    }
}

/// A reply with its length, and the end of the connection: no client tries to use it again.
pub(crate) fn reply(status: u16, header: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status} X\r\nconnection: close\r\n{header}");
    format!("{head}\r\ncontent-length: {length}\r\n\r\n{body}").into_bytes()
}

pub(crate) struct Server {
    base_url: BaseUrl,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Server {
    /// Sends these replies in turn, each on a connection of its own; then it closes them.
    pub(crate) fn start(replies: Vec<Vec<u8>>) -> Self {
        let mut replies = replies.into_iter();
        Self::playing(move |connection| {
            if let Some(reply) = replies.next() {
                connection.write_all(&reply).unwrap();
            }
        })
    }

    /// Does this with each connection once the request has come. A client that went away is no concern of the server's.
    pub(crate) fn playing(mut play: impl FnMut(&mut TcpStream) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let received: Arc<Mutex<Vec<Received>>> = Arc::default();
        let log = Arc::clone(&received);
        // It ends with the test's process.
        thread::spawn(move || {
            for connection in listener.incoming() {
                let mut connection = connection.unwrap();
                connection
                    .set_read_timeout(Some(Duration::from_secs(20)))
                    .unwrap();
                let Some(request) = read_request(&mut connection) else {
                    continue;
                };
                log.lock().unwrap().push(request);
                play(&mut connection);
                let _ = connection.shutdown(Shutdown::Write);
                // What is unread would reset the connection, and take the reply along.
                thread::spawn(move || connection.read_to_end(&mut Vec::new()));
            }
        });
        Self {
            base_url: url.parse().unwrap(),
            received,
        }
    }

    pub(crate) fn url(&self) -> String {
        self.base_url.to_string()
    }

    pub(crate) fn base_url(&self) -> BaseUrl {
        self.base_url.clone()
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }
}

fn read_request(connection: &mut TcpStream) -> Option<Received> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        connection.read_exact(&mut byte).ok()?;
        head.extend(byte);
    }
    let head = String::from_utf8(head).unwrap();
    let headers: Vec<_> = head
        .lines()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let mut received = Received {
        headers,
        body: Vec::new(),
    };
    let length = received
        .header("content-length")
        .first()
        .map_or(0, |it| it.parse().unwrap());
    received.body = vec![0; length];
    connection.read_exact(&mut received.body).ok()?;
    Some(received)
}
