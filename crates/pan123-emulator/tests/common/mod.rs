//! A client that only sends and receives bytes.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use pan123_emulator::{CLIENT_ID, CLIENT_SECRET, Emulator};
use serde_json::Value;

/// The documented body with the default credentials.
pub(crate) fn credentials() -> String {
    format!(r#"{{"clientID":"{CLIENT_ID}","clientSecret":"{CLIENT_SECRET}"}}"#)
}

/// A request, header by header.
pub(crate) struct Request {
    line: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    pub(crate) fn new(line: &str) -> Self {
        Self {
            line: line.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
        }
        .with("Host", "localhost")
        .with("Connection", "close")
    }

    /// The documented token request.
    pub(crate) fn token() -> Self {
        Self::new("POST /api/v1/access_token")
            .with("Platform", "open_platform")
            .with("Content-Type", "application/json")
            .body(credentials())
    }

    /// The API call `user/info` with this token.
    pub(crate) fn user_info(token: &str) -> Self {
        Self::api("GET /api/v1/user/info", token)
    }

    /// An API call with this token.
    pub(crate) fn api(line: &str, token: &str) -> Self {
        Self::new(line)
            .with("Platform", "open_platform")
            .with("Authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.with("Content-Type", "application/json")
            .body(body.to_string())
    }

    /// A form of values, and a file last.
    pub(crate) fn form(self, values: &[(&str, &str)], file: (&str, &[u8])) -> Self {
        let mut body = Vec::new();
        for (name, value) in values {
            let field = format!(
                "--boundary\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
            );
            body.extend(field.into_bytes());
        }
        let head = format!(
            "--boundary\r\nContent-Disposition: form-data; name=\"{}\"; filename=\"x\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n",
            file.0
        );
        body.extend(head.into_bytes());
        body.extend(file.1);
        body.extend(b"\r\n--boundary--\r\n");
        self.with("Content-Type", "multipart/form-data; boundary=boundary")
            .body(body)
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(key, _)| key != name);
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = format!("{} HTTP/1.1\r\n", self.line).into_bytes();
        for (name, value) in &self.headers {
            bytes.extend(format!("{name}: {value}\r\n").into_bytes());
        }
        if !self.body.is_empty() {
            bytes.extend(format!("Content-Length: {}\r\n", self.body.len()).into_bytes());
        }
        bytes.extend(b"\r\n");
        bytes.extend(&self.body);
        bytes
    }

    /// Sends it and reads all that comes back.
    pub(crate) fn send(&self, emulator: &Emulator) -> Reply {
        Reply::parse(&raw(emulator, &self.bytes()).unwrap())
    }

    /// Sends it to the upload host.
    pub(crate) fn send_to_upload_host(&self, emulator: &Emulator) -> Reply {
        Reply::parse(&raw_to(emulator.upload_addr(), &self.bytes()).unwrap())
    }

    /// Sends it where the connection is not expected to end well.
    pub(crate) fn try_send(&self, emulator: &Emulator) -> io::Result<Vec<u8>> {
        raw(emulator, &self.bytes())
    }
}

/// Sends these bytes on a connection of their own and reads to its end.
pub(crate) fn raw(emulator: &Emulator, bytes: &[u8]) -> io::Result<Vec<u8>> {
    raw_to(emulator.addr(), bytes)
}

fn raw_to(addr: SocketAddr, bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = connect_to(addr)?;
    stream.write_all(bytes)?;
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply)?;
    Ok(reply)
}

pub(crate) fn connect(emulator: &Emulator) -> io::Result<TcpStream> {
    connect_to(emulator.addr())
}

fn connect_to(addr: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(addr)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    Ok(stream)
}

/// A reply taken apart.
#[derive(Debug)]
pub(crate) struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|w| w == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("no head in {:?}", String::from_utf8_lossy(bytes)));
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap();
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_lowercase(), value.to_owned())
        });
        Self {
            status: status.parse().unwrap(),
            headers: headers.collect(),
            body: bytes[end + 4..].to_vec(),
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(key, _)| key == name);
        let value = values.next().map(|(_, value)| value.as_str());
        assert!(values.next().is_none(), "{name} is given twice");
        value
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn code(&self) -> i64 {
        self.json()["code"].as_i64().unwrap()
    }

    pub(crate) fn message(&self) -> String {
        self.json()["message"].as_str().unwrap().to_owned()
    }

    pub(crate) fn token(&self) -> String {
        let json = self.json();
        let token = json["data"]["accessToken"].as_str();
        token
            .unwrap_or_else(|| panic!("no token in {json}"))
            .to_owned()
    }

    pub(crate) fn expired_at(&self) -> String {
        self.json()["data"]["expiredAt"]
            .as_str()
            .unwrap()
            .to_owned()
    }
}
