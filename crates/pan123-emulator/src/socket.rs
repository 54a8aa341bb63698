//! A connection that a request can end without a reply, by a close or a reset.

use std::future::pending;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;

/// Lets a request end its connection without a reply.
#[derive(Default)]
pub(crate) struct Hangup {
    asked: Notify,
    reset: AtomicBool,
}

impl Hangup {
    /// Never returns: the connection is dropped meanwhile.
    pub(crate) async fn now(&self, reset: bool) -> ! {
        self.reset.store(reset, Ordering::Relaxed);
        self.asked.notify_one();
        pending().await
    }

    pub(crate) async fn awaited(&self) {
        self.asked.notified().await;
    }
}

/// A TCP stream that can end with a reset.
pub(crate) struct Socket {
    pub(crate) stream: TcpStream,
    pub(crate) hangup: Arc<Hangup>,
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.hangup.reset.load(Ordering::Relaxed) {
            // A linger of zero makes closing a reset. If that fails, the client sees a plain end, which is a fault too.
            drop(self.stream.set_zero_linger());
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
