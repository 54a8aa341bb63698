//! In place of TLS, where its feature is off: there is none.

use std::path::PathBuf;

use crate::failure::Failure;
use crate::socket::{Deadline, Socket};
use crate::target::Address;
use crate::url::RedisUrlError;

pub(crate) enum Tls {}

impl Tls {
    pub(crate) fn new(_: &[Address], _: Option<(PathBuf, PathBuf)>) -> Result<Self, RedisUrlError> {
        Err(RedisUrlError::new(
            "asks for TLS: build pan123-token-redis with its feature `rustls`",
        ))
    }

    pub(crate) fn connect(&self, _: Socket, _: &str, _: Deadline) -> Result<Socket, Failure> {
        match *self {}
    }
}

/// Without TLS of one's own, it can't be known.
pub(crate) fn is_spoken(_: Socket) -> bool {
    false
}
