//! SIGTERM and SIGINT: what ends `emulate`, and ends the other commands in good order.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::{io, process, thread};

use crate::output;

/// Both signals, from their installation on. Without a handler, a process that is PID 1 (a container's command) would
/// ignore them.
#[cfg(unix)]
pub(crate) struct Signals(signal_hook::iterator::Signals);

#[cfg(unix)]
impl Signals {
    pub(crate) fn install() -> io::Result<Self> {
        use signal_hook::consts::{SIGINT, SIGTERM};
        signal_hook::iterator::Signals::new([SIGTERM, SIGINT]).map(Self)
    }

    /// Until one of them comes, or has come.
    pub(crate) fn wait(&mut self) -> Signal {
        let number = self.0.forever().next().unwrap_or_default();
        if number == signal_hook::consts::SIGINT {
            Signal::Interrupt
        } else {
            Signal::Terminate
        }
    }
}

/// Elsewhere the system ends the process by itself.
#[cfg(not(unix))]
pub(crate) struct Signals;

#[cfg(not(unix))]
impl Signals {
    #[expect(clippy::unnecessary_wraps, reason = "it can fail on Unix")]
    pub(crate) fn install() -> io::Result<Self> {
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
#[cfg_attr(not(unix), expect(dead_code, reason = "there are no signals"))]
pub(crate) enum Signal {
    Interrupt,
    Terminate,
}

impl Signal {
    fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
        }
    }

    /// As a shell reports a process that the signal has killed.
    fn exit_code(self) -> i32 {
        match self {
            Self::Interrupt => 130,
            Self::Terminate => 143,
        }
    }
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
    /// From now on, the first of the signals has what is under way finished, and then ends the process; a second one
    /// ends it at once. Where no handler can be installed, the system's default stays.
    pub(crate) fn at_signals() -> Self {
        let stop = Self::default();
        #[cfg(unix)]
        for signal in [Signal::Interrupt, Signal::Terminate] {
            let number = match signal {
                Signal::Interrupt => signal_hook::consts::SIGINT,
                Signal::Terminate => signal_hook::consts::SIGTERM,
            };
            let (asked, exit_code) = (Arc::clone(&stop.0.asked), signal.exit_code());
            // Does nothing until the first one was taken up.
            let _ = signal_hook::flag::register_conditional_shutdown(number, exit_code, asked);
        }
        if let Ok(mut signals) = Signals::install() {
            let stop = stop.clone();
            let waits = thread::Builder::new().name("signals".to_owned());
            // Without the thread the process would be deaf to both signals; then no exchange could have a thread either.
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
