//! Whether a server that failed would have answered in the other of `redis://` and `rediss://`.

use std::io::{Read, Write};

use crate::failure::Failure;
use crate::socket::{Deadline, Socket};
use crate::target::Address;
use crate::tls::{self, Tls};

/// The failure, or in its place that the URL's scheme is wrong. A plain Redis answers nothing to TLS, and one with TLS
/// hangs up on what is plain: both look like an outage.
pub(crate) fn check(
    address: &Address,
    tls: Option<&Tls>,
    failure: Failure,
    deadline: Deadline,
) -> Failure {
    let probe = || Socket::connect(address, deadline).ok();
    match (tls, &failure, address) {
        (Some(_), Failure::Timeout(_), _) if probe().is_some_and(plain_redis_answers) => {
            Failure::WrongScheme("redis")
        }
        (None, Failure::Lost(_), Address::Host { .. }) if probe().is_some_and(tls::is_spoken) => {
            Failure::WrongScheme("rediss")
        }
        _ => failure,
    }
}

/// No secret is sent.
fn plain_redis_answers(mut socket: Socket) -> bool {
    // With a login or without one: `+PONG`, `-NOAUTH …`.
    let mut first = [0];
    socket.write_all(b"PING\r\n").is_ok()
        && socket.read_exact(&mut first).is_ok()
        && matches!(first, [b'+' | b'-'])
}
