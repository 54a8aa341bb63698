//! A server whose replies are written down byte by byte.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Longer than any test takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// Takes one request from each connection. Stops when it is dropped.
pub(crate) struct Server {
    address: SocketAddr,
    received: Arc<Mutex<Vec<Request>>>,
    stops: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// Method and path.
    pub(crate) call: String,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The token that it carried.
    pub(crate) fn token(&self) -> Option<&str> {
        self.header("authorization")?.strip_prefix("Bearer ")
    }
}

impl Server {
    pub(crate) fn start(answer: impl Fn(&Request, &mut TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (received, stops) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let (requests, stopped, answer) =
            (Arc::clone(&received), Arc::clone(&stops), Arc::new(answer));
        let thread = thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if stopped.load(Ordering::SeqCst) {
                    break;
                }
                let (requests, answer) = (Arc::clone(&requests), Arc::clone(&answer));
                thread::spawn(move || serve(stream, &requests, &*answer));
            }
        });
        Self {
            address,
            received,
            stops,
            thread: Some(thread),
        }
    }

    /// A platform that issues `token-1`, `token-2` and so on, and answers other calls like this.
    pub(crate) fn platform(
        answer: impl Fn(&Request, &mut TcpStream) + Send + Sync + 'static,
    ) -> Self {
        let issued = AtomicUsize::new(0);
        Self::start(move |request, stream| {
            if request.call != "POST /api/v1/access_token" {
                return answer(request, stream);
            }
            let number = issued.fetch_add(1, Ordering::SeqCst) + 1;
            write(
                stream,
                &json(
                    200,
                    &format!(
                        r#"{{"code":0,"data":{{"accessToken":"token-{number}","expiredAt":"2100-01-01T00:00:00+08:00"}}}}"#
                    ),
                ),
            );
        })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// The API calls that came, without those for a token.
    pub(crate) fn calls(&self) -> Vec<Request> {
        let mut calls = self.received.lock().unwrap().clone();
        calls.retain(|request| request.call != "POST /api/v1/access_token");
        calls
    }

    /// The tokens that they carried.
    pub(crate) fn tokens(&self) -> Vec<Option<String>> {
        let calls = self.calls();
        calls
            .iter()
            .map(|call| call.token().map(str::to_owned))
            .collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stops.store(true, Ordering::SeqCst);
        // Wakes it.
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

fn serve(
    mut stream: TcpStream,
    requests: &Mutex<Vec<Request>>,
    answer: &dyn Fn(&Request, &mut TcpStream),
) {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    if let Some(request) = read(&stream) {
        requests.lock().unwrap().push(request.clone());
        answer(&request, &mut stream);
    }
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = || {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        Some(line.trim_end().to_owned())
    };
    let first = line()?;
    let call = first.strip_suffix(" HTTP/1.1")?.to_owned();
    let mut headers = Vec::new();
    loop {
        let line = line()?;
        let Some((name, value)) = line.split_once(": ") else {
            break;
        };
        headers.push((name.to_ascii_lowercase(), value.to_owned()));
    }
    let mut request = Request {
        call,
        headers,
        body: Vec::new(),
    };
    if request.header("transfer-encoding").is_some() {
        loop {
            let mut size = String::new();
            reader.read_line(&mut size).ok()?;
            let mut chunk = vec![0; usize::from_str_radix(size.trim(), 16).ok()? + 2];
            reader.read_exact(&mut chunk).ok()?;
            chunk.truncate(chunk.len() - 2);
            if chunk.is_empty() {
                break;
            }
            request.body.append(&mut chunk);
        }
    } else if let Some(length) = request.header("content-length") {
        request.body = vec![0; length.parse().ok()?];
        reader.read_exact(&mut request.body).ok()?;
    }
    Some(request)
}

/// The client may be gone.
pub(crate) fn write(stream: &mut TcpStream, reply: &str) {
    let _ = stream.write_all(reply.as_bytes());
}

/// A reply of JSON with its length.
pub(crate) fn json(status: u16, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status} x\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}

/// A redirect to there.
pub(crate) fn redirect(status: u16, to: &str) -> String {
    format!(
        "HTTP/1.1 {status} x\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    )
}
