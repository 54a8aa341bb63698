//! A server that answers as a function says.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use pan123_token_redis::RedisStore;
use redis::{Parser, Value};

pub(crate) struct Played {
    pub(crate) port: u16,
    connections: Arc<AtomicUsize>,
}

/// What `load` is answered where there is no record.
pub(crate) const NOTHING: &str = "*2\r\n$0\r\n\r\n:-2\r\n";

impl Played {
    /// What it does with each connection, of which this is the number. A thread for each, which ends with the connection.
    pub(crate) fn with(serve: impl Fn(usize, TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let connections = Arc::new(AtomicUsize::new(0));
        let (count, serve) = (Arc::clone(&connections), Arc::new(serve));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let serve = Arc::clone(&serve);
                let nth = count.fetch_add(1, Ordering::SeqCst);
                thread::spawn(move || serve(nth, stream.unwrap()));
            }
        });
        Self { port, connections }
    }

    /// The answer to each command, by its words. No answer closes the connection.
    pub(crate) fn answering(
        answer: impl Fn(&[String]) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        Self::with(move |_, mut stream| {
            while let Some(command) = read_command(&mut stream) {
                match answer(&command) {
                    Some(answer) => stream.write_all(answer.as_bytes()).unwrap(),
                    None => return,
                }
            }
        })
    }

    /// The same answer to whatever comes.
    pub(crate) fn saying(answer: &str) -> Self {
        let answer = answer.to_owned();
        Self::answering(move |_| Some(answer.clone()))
    }

    /// The same, by the port that it listens on.
    pub(crate) fn answering_as(answer: impl Fn(u16) -> String + Send + Sync + 'static) -> Self {
        Self::with(move |_, mut stream| {
            let port = stream.local_addr().unwrap().port();
            while read_command(&mut stream).is_some() {
                let _ = stream.write_all(answer(port).as_bytes());
            }
        })
    }

    pub(crate) fn store(&self) -> RedisStore {
        RedisStore::new(&format!("redis://127.0.0.1:{}", self.port)).unwrap()
    }

    /// How many connections there were.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

pub(crate) fn read_command(stream: &mut TcpStream) -> Option<Vec<String>> {
    let Value::Array(words) = Parser::new().parse_value(stream).ok()? else {
        return None;
    };
    let text = |word| redis::from_redis_value(word).unwrap();
    Some(words.into_iter().map(text).collect())
}
