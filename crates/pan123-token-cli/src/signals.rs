//! SIGTERM and SIGINT, which end `emulate`; they and SIGHUP end the other commands in good order.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::{io, process, thread};

use crate::output;

/// Some of the signals, from their installation on. Without a handler, a process that is PID 1 (a container's command) would
/// ignore them.
#[cfg(unix)]
pub(crate) struct Signals(signal_hook::iterator::Signals);

#[cfg(unix)]
impl Signals {
    pub(crate) fn install(signals: &[Signal]) -> io::Result<Self> {
        let numbers = signals.iter().map(|signal| signal.number());
        signal_hook::iterator::Signals::new(numbers).map(Self)
    }

    /// Until one of them comes, or has come.
    pub(crate) fn wait(&mut self) -> Signal {
        match self.0.forever().next() {
            Some(signal_hook::consts::SIGINT) => Signal::Interrupt,
            Some(signal_hook::consts::SIGHUP) => Signal::HangUp,
            _ => Signal::Terminate,
        }
    }
}

/// Elsewhere the system ends the process by itself.
#[cfg(not(unix))]
pub(crate) struct Signals;

#[cfg(not(unix))]
impl Signals {
    #[expect(clippy::unnecessary_wraps, reason = "it can fail on Unix")]
    pub(crate) fn install(_: &[Signal]) -> io::Result<Self> {
        Ok(Self)
    }

    #[expect(clippy::unused_self, reason = "it has something to wait on, on Unix")]
    pub(crate) fn wait(&mut self) -> Signal {
        loop {
            thread::park();
        }
    }
}

#[derive(Clone, Copy)]
pub(crate) enum Signal {
    HangUp,
    Interrupt,
    Terminate,
}

impl Signal {
    #[cfg(unix)]
    fn number(self) -> i32 {
        match self {
            Self::HangUp => signal_hook::consts::SIGHUP,
            Self::Interrupt => signal_hook::consts::SIGINT,
            Self::Terminate => signal_hook::consts::SIGTERM,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::HangUp => "SIGHUP",
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
        }
    }

    /// As a shell reports a process that the signal has killed.
    fn exit_code(self) -> i32 {
        match self {
            Self::HangUp => 129,
            Self::Interrupt => 130,
            Self::Terminate => 143,
        }
    }
}

/// Whether SIGHUP ends the process, and not nohup's, which ignores it from the start. Only Linux says so without `unsafe`;
/// where it isn't known, the system's default stays.
#[cfg(unix)]
fn hang_up_ends_it() -> bool {
    // A mask, in which the first bit is of signal 1: SIGHUP.
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_some_and(|mask| mask & 1 == 0)
}

#[cfg(not(unix))]
fn hang_up_ends_it() -> bool {
    false
}

/// Whether the command is to end. Clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Stop(Arc<Inner>);

#[derive(Default)]
struct Inner {
    asked: Arc<AtomicBool>,
    finish: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

impl Stop {
    /// From now on, the first of the signals has what is under way finished, and then ends the process; a second SIGTERM or
    /// SIGINT ends it at once. A second SIGHUP doesn't: where a terminal is closed, the shell sends one, and the kernel
    /// another when the shell has ended. Where no handler can be installed, the system's default stays.
    pub(crate) fn at_signals() -> Self {
        let stop = Self::default();
        let mut ends = vec![Signal::Interrupt, Signal::Terminate];
        #[cfg(unix)]
        for signal in &ends {
            let (asked, exit_code) = (Arc::clone(&stop.0.asked), signal.exit_code());
            // Does nothing until the first one was taken up.
            let number = signal.number();
            let _ = signal_hook::flag::register_conditional_shutdown(number, exit_code, asked);
        }
        if hang_up_ends_it() {
            ends.push(Signal::HangUp);
        }
        if let Ok(mut signals) = Signals::install(&ends) {
            let stop = stop.clone();
            let waits = thread::Builder::new().name("signals".to_owned());
            // Without the thread the process would be deaf to the signals; then no exchange could have a thread either.
            let _ = waits.spawn(move || stop.end(signals.wait()));
        }
        stop
    }

    fn end(&self, signal: Signal) {
        self.0.asked.store(true, Ordering::SeqCst);
        if let Some(finish) = self.0.finish.get() {
            finish();
        }
        output::stderr(format_args!("ended by {}", signal.name()));
        process::exit(signal.exit_code());
    }

    /// What is to be done before the process ends.
    pub(crate) fn finish_with(&self, finish: impl Fn() + Send + Sync + 'static) {
        let _ = self.0.finish.set(Box::new(finish));
    }

    /// Whether nothing is to be begun any more.
    pub(crate) fn is_asked(&self) -> bool {
        self.0.asked.load(Ordering::SeqCst)
    }

    /// Where a signal ends the process, it does so; this thread has nothing more to say.
    pub(crate) fn wait_if_asked(&self) {
        while self.is_asked() {
            thread::park();
        }
    }
}
