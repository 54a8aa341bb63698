//! What only a test in here can set, or see.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use http_body_util::Empty;
use pan123_emulator::Emulator;
use pan123_token::http::Version;

use super::*;
use crate::Bytes;

/// Passes bytes on to a server, but for the connections that are deaf: those stay open. In here, since the package has no
/// crate for tests.
struct Relay {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    /// The first so many are.
    deaf: Arc<AtomicUsize>,
}

impl Relay {
    fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let relay = Self {
            address: listener.local_addr().unwrap(),
            connections: Arc::default(),
            deaf: Arc::default(),
        };
        let (connections, deaf) = (Arc::clone(&relay.connections), Arc::clone(&relay.deaf));
        thread::spawn(move || {
            for client in listener.incoming() {
                let number = connections.fetch_add(1, Ordering::SeqCst);
                let (client, server) = (client.unwrap(), TcpStream::connect(server).unwrap());
                let back = (server.try_clone().unwrap(), client.try_clone().unwrap());
                for (mut from, mut to) in [(client, server), back] {
                    let deaf = Arc::clone(&deaf);
                    thread::spawn(move || {
                        let mut bytes = [0; 4096];
                        while let Ok(count @ 1..) = from.read(&mut bytes) {
                            if deaf.load(Ordering::SeqCst) <= number {
                                to.write_all(&bytes[..count]).unwrap();
                            }
                        }
                    });
                }
            }
        });
        relay
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    fn deafen(&self) {
        self.deaf.store(self.connections(), Ordering::SeqCst);
    }
}

#[tokio::test]
async fn an_http_2_connection_that_went_deaf_is_dropped_when_a_ping_is_not_answered() {
    let emulator = Emulator::builder().tls().start().unwrap();
    let relay = Relay::start(emulator.addr());
    let mut builder = Client::builder().no_proxy();
    builder = builder
        .ca_pem(emulator.ca_pem().unwrap().as_bytes())
        .unwrap();
    builder.pings = [Duration::from_millis(300), Duration::from_millis(100)];
    let client = builder.build().unwrap();
    let call = async || {
        let uri = format!("https://{}/api/v1/user/info", relay.address);
        let request = Request::get(uri).body(Empty::<Bytes>::new()).unwrap();
        (&mut &client).call(request).await
    };
    assert_eq!(call().await.unwrap().version(), Version::HTTP_2);
    assert_eq!(relay.connections(), 1);
    relay.deafen();
    let begun = Instant::now();
    call().await.unwrap_err();
    let noticed = begun.elapsed();
    println!("noticed after {noticed:?}");
    assert!(noticed < Duration::from_secs(2), "{noticed:?}");
    call().await.unwrap();
    assert_eq!(relay.connections(), 2);
}

#[test]
fn a_call_may_be_silent_for_a_minute() {
    let builder = ClientBuilder::default();
    assert_eq!(builder.idle_timeout, Duration::from_secs(60));
    assert_eq!(builder.pings, [15, 5].map(Duration::from_secs));
    assert_eq!(CONNECT_TIMEOUT, Duration::from_secs(10));
}
