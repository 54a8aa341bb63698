//! A socket on which everything ends in time.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::target::Address;

/// When a call has to have ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    started: Instant,
    length: Duration,
    /// How long the whole call may take, of which this may be a part.
    pub(crate) limit: Duration,
}

impl Deadline {
    pub(crate) fn after(limit: Duration) -> Self {
        Self {
            started: Instant::now(),
            length: limit,
            limit,
        }
    }

    /// So many parts of so many of what is left.
    pub(crate) fn part(self, parts: u32, of: u32) -> Self {
        let left = self.left().unwrap_or_default();
        Self {
            started: Instant::now(),
            length: (left / of).saturating_mul(parts),
            ..self
        }
    }

    /// How much time is left. Never zero, which sockets refuse: then it is an error.
    fn left(self) -> io::Result<Duration> {
        match self.length.saturating_sub(self.started.elapsed()) {
            Duration::ZERO => Err(io::ErrorKind::TimedOut.into()),
            left => Ok(left),
        }
    }
}

/// A socket whose reads and writes all end by one deadline. A timeout of the socket's own begins anew with each byte that
/// comes.
pub(crate) struct Socket {
    socket: Box<dyn Transport>,
    pub(crate) deadline: Deadline,
}

/// What TCP's sockets and Unix' have in common.
trait Transport: Read + Write + Send {
    fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()>;
    fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()>;
}

macro_rules! transport {
    ($socket:ty) => {
        impl Transport for $socket {
            fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
                self.set_read_timeout(timeout)
            }

            fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
                self.set_write_timeout(timeout)
            }
        }
    };
}
transport!(TcpStream);
#[cfg(unix)]
transport!(UnixStream);

impl Socket {
    pub(crate) fn connect(address: &Address, deadline: Deadline) -> io::Result<Self> {
        let socket: Box<dyn Transport> = match address {
            Address::Host { name, port } => Box::new(tcp(name, *port, deadline)?),
            Address::UnixSocket(path) => Box::new(unix(path, deadline)?),
        };
        Ok(Self { socket, deadline })
    }
}

#[cfg(unix)]
fn unix(path: &Path, deadline: Deadline) -> io::Result<UnixStream> {
    let path = path.to_owned();
    // It waits for as long as the server accepts none, and takes no timeout.
    within(deadline, move || UnixStream::connect(path))
}

/// There are none, and no URL names one.
#[cfg(not(unix))]
fn unix(_: &Path, _: Deadline) -> io::Result<TcpStream> {
    Err(io::ErrorKind::Unsupported.into())
}

fn tcp(host: &str, port: u16, deadline: Deadline) -> io::Result<TcpStream> {
    let addresses = look_up(host, port, deadline)?;
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    let count = u32::try_from(addresses.len()).unwrap_or(u32::MAX);
    for (to_try, address) in (1..=count).rev().zip(&addresses) {
        // One that doesn't answer leaves time for the others.
        match TcpStream::connect_timeout(address, deadline.left()? / to_try) {
            Ok(socket) => {
                socket.set_nodelay(true)?;
                return Ok(socket);
            }
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

/// A name's addresses. The operating system takes its time for them.
fn look_up(host: &str, port: u16, deadline: Deadline) -> io::Result<Vec<SocketAddr>> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    let host = host.to_owned();
    within(deadline, move || {
        Ok((host.as_str(), port).to_socket_addrs()?.collect())
    })
}

/// What takes no timeout runs in a thread, which is left behind where it takes too long.
pub(crate) fn within<T: Send + 'static>(
    deadline: Deadline,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let (sender, receiver) = mpsc::sync_channel(1);
    thread::Builder::new().spawn(move || sender.send(work()))?;
    let timed_out = |_| io::Error::from(io::ErrorKind::TimedOut);
    receiver.recv_timeout(deadline.left()?).map_err(timed_out)?
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            self.socket.set_read_timeout(Some(self.deadline.left()?))?;
            match self.socket.read(buffer) {
                Err(error) if is_passing(&error) => {}
                done => return done,
            }
        }
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.set_write_timeout(Some(self.deadline.left()?))?;
        self.socket.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        // It holds nothing back.
        Ok(())
    }
}

/// A signal, or a timeout: the deadline decides.
fn is_passing(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), Interrupted | TimedOut | WouldBlock)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_looked_up_for_too_long_is_given_up() {
        let deadline = Deadline::after(Duration::from_millis(50));
        let (never, waits) = mpsc::channel::<()>();
        let error = within(deadline, move || Ok(waits.recv().is_ok())).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(deadline.started.elapsed() < Duration::from_secs(10));
        drop(never);
    }
}
