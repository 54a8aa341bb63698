//! In place of TLS, where its feature is off: there is none.

use crate::failure::Failure;
use crate::server::RedisUrlError;
use crate::socket::{Deadline, Socket};

pub(crate) enum Tls {}

impl Tls {
    pub(crate) fn new(_: &str) -> Result<Self, RedisUrlError> {
        Err(RedisUrlError::new(
            "asks for TLS: build pan123-token-redis with its feature `rustls`",
        ))
    }

    pub(crate) fn connect(&self, _: Socket, _: Deadline) -> Result<Socket, Failure> {
        match *self {}
    }
}

/// Without TLS of one's own, it can't be known.
pub(crate) fn is_spoken(_: Socket) -> bool {
    false
}
