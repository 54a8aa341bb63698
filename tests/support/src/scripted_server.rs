//! A server that does exactly what it is told, down to the byte: what no HTTP library would let a test send.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use pan123_token::BaseUrl;

/// What the server does with one connection.
#[derive(Clone, Debug)]
pub enum Script {
    /// Reads the request, writes these bytes, and closes.
    Reply(Vec<u8>),
    /// Reads the request's head, writes these bytes, and resets the connection.
    Reset(Vec<u8>),
    /// Reads the request, writes the first bytes at once and the others one by one, with a pause before each.
    Drip(Vec<u8>, Vec<u8>, Duration),
    /// Reads the request, and then nothing happens.
    Silence,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Received {
    /// `POST /api/v1/access_token HTTP/1.1`
    pub request_line: String,
    /// In the order in which they came; names in lower case.
    pub headers: Vec<(String, String)>,
    /// As many bytes as `content-length` says.
    pub body: Vec<u8>,
}

impl Received {
    /// All values of a header.
    pub fn header(&self, name: &str) -> Vec<&str> {
        let named = self.headers.iter().filter(|(it, _)| it == name);
        named.map(|(_, value)| value.as_str()).collect()
    }
}

/// Listens on a free port of 127.0.0.1, and plays one script per connection, in order. Ends when it is dropped; each wait
/// of its own is bounded by 10 seconds.
#[derive(Debug)]
pub struct ScriptedServer {
    address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl ScriptedServer {
    /// Starts it. Connections beyond the last script are closed at once.
    pub fn start(scripts: impl IntoIterator<Item = Script>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("its address");
        let received = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let scripts: Vec<Script> = scripts.into_iter().collect();
        let thread = thread::spawn({
            let (received, stop) = (Arc::clone(&received), Arc::clone(&stop));
            move || {
                let mut scripts = scripts.into_iter();
                for connection in listener.incoming() {
                    if stop.load(Ordering::SeqCst) {
                        break;
                    }
                    if let (Ok(connection), Some(script)) = (connection, scripts.next()) {
                        // A client that goes away is what many tests are about.
                        let _ = play(connection, &script, &received, &stop);
                    }
                }
            }
        });
        Self {
            address,
            received,
            stop,
            thread: Some(thread),
        }
    }

    /// One connection, one reply.
    pub fn reply(bytes: impl Into<Vec<u8>>) -> Self {
        Self::start([Script::Reply(bytes.into())])
    }

    /// `http://127.0.0.1:…`
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The same, for the core.
    pub fn base_url(&self) -> BaseUrl {
        self.url().parse().expect("a loopback address")
    }

    /// What came so far.
    pub fn received(&self) -> Vec<Received> {
        self.received
            .lock()
            .expect("no test panicked in here")
            .clone()
    }
}

impl Drop for ScriptedServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the thread that waits for a connection.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn play(
    mut connection: TcpStream,
    script: &Script,
    received: &Mutex<Vec<Received>>,
    stop: &AtomicBool,
) -> io::Result<()> {
    connection.set_read_timeout(Some(Duration::from_secs(10)))?;
    connection.set_write_timeout(Some(Duration::from_secs(10)))?;
    connection.set_nodelay(true)?;
    let mut request = read_head(&mut connection)?;
    if !matches!(script, Script::Reset(_)) {
        let length = request
            .header("content-length")
            .first()
            .and_then(|it| it.parse().ok());
        request.body = vec![0; usize::min(length.unwrap_or(0), 1 << 20)];
        connection.read_exact(&mut request.body)?;
    }
    received
        .lock()
        .expect("no test panicked in here")
        .push(request);
    match script {
        Script::Reply(bytes) => {
            connection.write_all(bytes)?;
            // Closing with unread bytes would reset the connection, and a reset may overtake the reply.
            connection.shutdown(std::net::Shutdown::Write)?;
            drain(&mut connection, stop)
        }
        Script::Reset(bytes) => {
            connection.write_all(bytes)?;
            // The body is left unread: a socket that is closed with unread bytes sends a reset.
            connection.peek(&mut [0]).map(drop)
        }
        Script::Drip(first, others, pause) => {
            connection.write_all(first)?;
            for byte in others {
                if stop.load(Ordering::SeqCst) {
                    break;
                }
                thread::sleep(*pause);
                connection.write_all(&[*byte])?;
            }
            Ok(())
        }
        Script::Silence => drain(&mut connection, stop),
    }
}

/// Reads byte by byte, so that the body stays unread.
fn read_head(connection: &mut TcpStream) -> io::Result<Received> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < 65_536 {
        let mut byte = [0];
        connection.read_exact(&mut byte)?;
        head.extend(byte);
    }
    let head = String::from_utf8_lossy(&head);
    let mut lines = head.trim_end().split("\r\n");
    let request_line = lines.next().unwrap_or_default().to_owned();
    let header = |line: &str| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_ascii_lowercase(), value.trim().to_owned()))
    };
    Ok(Received {
        request_line,
        headers: lines.filter_map(header).collect(),
        body: Vec::new(),
    })
}

/// Waits until the other side closes, or this one is stopped.
fn drain(connection: &mut TcpStream, stop: &AtomicBool) -> io::Result<()> {
    connection.set_read_timeout(Some(Duration::from_millis(20)))?;
    for _ in 0..500 {
        match connection.read(&mut [0; 1024]) {
            Ok(0) => break,
            Ok(_) => {}
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
                ) =>
            {
                if stop.load(Ordering::SeqCst) {
                    break;
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
