//! The signals that end `emulate`.

use std::io;

/// SIGTERM and SIGINT, from their installation on. Without a handler, a process that is PID 1 (a container's command)
/// would ignore them.
#[cfg(unix)]
pub(super) struct Signals(signal_hook::iterator::Signals);

#[cfg(unix)]
impl Signals {
    pub(super) fn install() -> io::Result<Self> {
        use signal_hook::consts::{SIGINT, SIGTERM};
        signal_hook::iterator::Signals::new([SIGTERM, SIGINT]).map(Self)
    }

    /// Until one of them comes, or has come.
    pub(super) fn wait(&mut self) {
        self.0.forever().next();
    }
}

/// Elsewhere the system ends the process by itself.
#[cfg(not(unix))]
pub(super) struct Signals;

#[cfg(not(unix))]
impl Signals {
    #[expect(clippy::unnecessary_wraps, reason = "it can fail on Unix")]
    pub(super) fn install() -> io::Result<Self> {
        Ok(Self)
    }

    #[expect(clippy::unused_self, reason = "it has something to wait on, on Unix")]
    pub(super) fn wait(&mut self) {
        loop {
            std::thread::park();
        }
    }
}
