//! A relay in front of a server, whose network fails when a test says so.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How often a thread looks whether it is to end.
const TICK: Duration = Duration::from_millis(20);

/// What happens to the connections that are made from now on. Requests pass in each case but [`Fault::Deaf`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing; all passes.
    None,
    /// Each piece of a reply comes so much later.
    Latency(Duration),
    /// Replies come byte by byte, with a pause before each.
    Drip(Duration),
    /// The connection is reset when the reply would come.
    Reset,
    /// The end comes instead of the reply, though the other direction stays open.
    HalfClosed,
    /// Connections are accepted, and nothing passes in either direction.
    Deaf,
}

/// Listens on a free port of 127.0.0.1. Ends when it is dropped.
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    server: SocketAddr,
    fault: Mutex<Fault>,
    connections: AtomicUsize,
    /// Connections with a lower number are deaf.
    deaf_below: AtomicUsize,
    stop: AtomicBool,
}

impl FaultProxy {
    /// Starts it in front of this server.
    pub fn start(server: SocketAddr, fault: Fault) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("its address");
        let shared = Arc::new(Shared {
            server,
            fault: Mutex::new(fault),
            connections: AtomicUsize::new(0),
            deaf_below: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
        });
        let thread = thread::spawn({
            let shared = Arc::clone(&shared);
            move || {
                let mut relays = Vec::new();
                for client in listener.incoming() {
                    if shared.stop.load(Ordering::SeqCst) {
                        break;
                    }
                    let Ok(client) = client else { continue };
                    let number = shared.connections.fetch_add(1, Ordering::SeqCst);
                    let shared = Arc::clone(&shared);
                    // Either side may go away: that is what it is for.
                    relays.push(thread::spawn(move || shared.relay(&client, number)));
                }
                for relay in relays {
                    let _ = relay.join();
                }
            }
        });
        Self {
            address,
            shared,
            thread: Some(thread),
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From the next connection on.
    pub fn set(&self, fault: Fault) {
        *self.shared.fault.lock().expect("no panic in here") = fault;
    }

    /// The connections there are pass nothing any more, and stay open. New ones are not affected.
    pub fn deafen(&self) {
        let connections = self.connections();
        self.shared.deaf_below.store(connections, Ordering::SeqCst);
    }

    /// How many connections were made so far.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        // Wakes the thread that waits for a connection.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn relay(&self, client: &TcpStream, number: usize) -> io::Result<()> {
        let fault = *self.fault.lock().expect("no panic in here");
        let server = TcpStream::connect(self.server)?;
        for stream in [client, &server] {
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(TICK))?;
            stream.set_write_timeout(Some(Duration::from_secs(5)))?;
        }
        let requests = match fault {
            Fault::Deaf => Fault::Deaf,
            _ => Fault::None,
        };
        let is_deaf = || number < self.deaf_below.load(Ordering::SeqCst);
        let reset = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| self.pump(client, &server, requests, is_deaf, &reset));
            self.pump(&server, client, fault, is_deaf, &reset)
        })
    }

    fn pump(
        &self,
        mut from: &TcpStream,
        mut to: &TcpStream,
        fault: Fault,
        is_deaf: impl Fn() -> bool,
        reset: &AtomicBool,
    ) -> io::Result<()> {
        let mut buffer = [0; 16 << 10];
        while !self.stop.load(Ordering::SeqCst) && !reset.load(Ordering::SeqCst) {
            let length = match from.read(&mut buffer) {
                Ok(0) => break,
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(error) => {
                    let _ = to.shutdown(Shutdown::Both);
                    return Err(error);
                }
            };
            let bytes = &buffer[..length];
            match fault {
                _ if is_deaf() => {}
                Fault::Deaf => {}
                Fault::None => to.write_all(bytes)?,
                Fault::Latency(time) => {
                    thread::sleep(time);
                    to.write_all(bytes)?;
                }
                Fault::Drip(pause) => {
                    for byte in bytes.chunks(1) {
                        if self.stop.load(Ordering::SeqCst) {
                            return Ok(());
                        }
                        thread::sleep(pause);
                        to.write_all(byte)?;
                    }
                }
                Fault::Reset => {
                    // Closed with no time to linger, a socket sends a reset: once both threads have let go of it.
                    socket2::SockRef::from(to).set_linger(Some(Duration::ZERO))?;
                    reset.store(true, Ordering::SeqCst);
                    return Ok(());
                }
                Fault::HalfClosed => to.shutdown(Shutdown::Write)?,
            }
        }
        if fault != Fault::Deaf && !is_deaf() && !reset.load(Ordering::SeqCst) {
            let _ = to.shutdown(Shutdown::Write);
        }
        Ok(())
    }
}
