//! One exchange, whatever agent carries it out.

use std::borrow::Borrow;
use std::cell::Cell;
use std::io::{self, Read};
use std::time::{Duration, Instant};

use pan123_token::http::header::CONTENT_LENGTH;
use pan123_token::http::uri::Scheme;
use pan123_token::http::{Request, Response};
use pan123_token::{FetchError, GetAccessToken, Grant, MAX_RESPONSE_BYTES};
use pan123_token_provider::Wiped;
use ureq::{Agent, Proxy, SendBody};
use zeroize::Zeroizing;

use crate::failure::fetch_error;

/// A longer timeout counts as this: an agent's clock overflows where a duration doesn't.
const MAX_TIMEOUT: Duration = Duration::from_secs(365 * 86_400);

/// Gets an access token: one request, one reply.
///
/// ```
/// # #[cfg(feature = "rustls")] {
/// use std::time::Duration;
///
/// use pan123_emulator::{CLIENT_ID, CLIENT_SECRET, Emulator};
/// use pan123_token_ureq::{Credentials, GetAccessToken, agent, fetch};
///
/// // Stands for the platform.
/// let emulator = Emulator::builder().start()?;
/// let operation = GetAccessToken::new(Credentials::new(CLIENT_ID, CLIENT_SECRET)?)
///     .with_base_url(emulator.url().parse()?);
/// let grant = fetch(agent()?, &operation, Duration::from_secs(10))?;
/// assert_eq!(emulator.live_tokens(CLIENT_ID), [grant.token.secret()]);
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Takes an agent or a reference to one. However it is configured, for this request the status is no error, redirects
/// are not followed (the request holds the client secret), at most 64 KiB and one byte of the body are read, and the
/// whole exchange, from resolving the name to the last byte of the reply, is bounded by `timeout` (the agent's own
/// bounds hold, too, but those on a single read or write). A proxy that ureq took from the environment is not used for plain
/// `http`, which is there for loopback and for test networks; a proxy that was set on the agent counts.
///
/// Blocks the thread for at most about `timeout`. Nothing is kept: each success costs one of the 3 tokens that the
/// platform keeps alive per client ID.
///
/// # Errors
///
/// When the way there failed, or the reply is no grant.
///
/// # Panics
///
/// ureq panics when an agent that was brought has neither a TLS provider nor trusted certificates and is asked for
/// `https`. `agent` has both.
pub fn fetch(
    agent: impl Borrow<Agent>,
    operation: &GetAccessToken,
    timeout: Duration,
) -> Result<Grant, FetchError> {
    let agent = agent.borrow();
    let timeout = timeout.min(MAX_TIMEOUT);
    let started = Instant::now();
    let sent = Cell::new(false);
    let failed = |error| fetch_error(operation, error, sent.get(), timeout, started.elapsed());

    let (mut head, body) = operation.request().into_parts();
    let body = Zeroizing::new(body);
    head.headers.insert(CONTENT_LENGTH, body.len().into());
    let plain_http = head.uri.scheme() == Some(&Scheme::HTTP);
    let mut body = Watched {
        bytes: &body,
        read: &sent,
    };
    head.extensions.insert(TokenExchange);
    let request = Request::from_parts(head, SendBody::from_reader(&mut body));

    let mut config = agent
        .configure_request(request)
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .timeout_global(Some(timeout))
        // The one bound on the whole is enough: a server may be silent as long as the caller is patient.
        .timeout_per_read(None)
        .timeout_per_write(None);
    if plain_http && agent.config().proxy().is_some_and(Proxy::is_from_env) {
        config = config.proxy(None);
    }
    let response = agent.run(config.build()).map_err(failed)?;

    let (head, body) = response.into_parts();
    let mut bytes = Wiped::with_capacity(MAX_RESPONSE_BYTES + 1);
    let read = read_to_end(body.into_reader(), &mut bytes);
    let response = Response::from_parts(head, bytes);
    match read {
        Ok(()) => Ok(operation.parse_response(&response)?),
        Err(error) => Err(operation
            .parse_broken_off(&response)
            .map_or_else(|| failed(error.into()), FetchError::Response)),
    }
}

/// Reads 64 KiB and one byte at the most: in steps, since what is read into is zeroed first, and a grant fits into one.
fn read_to_end(mut reader: impl Read, bytes: &mut Vec<u8>) -> io::Result<()> {
    const STEP: usize = 1024;
    loop {
        let step = STEP.min(MAX_RESPONSE_BYTES + 1 - bytes.len());
        let read = reader.by_ref().take(step as u64).read_to_end(bytes)?;
        if read < step || bytes.len() > MAX_RESPONSE_BYTES {
            return Ok(());
        }
    }
}

/// Marks the request for a token, which is to carry none.
#[derive(Clone, Copy)]
pub(crate) struct TokenExchange;

/// The request's body, which notes whether any of it was read. ureq reads it once the connection stands.
struct Watched<'a> {
    bytes: &'a [u8],
    read: &'a Cell<bool>,
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read.set(true);
        self.bytes.read(buffer)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a panic is how a test reports")]
mod tests {
    use super::*;

    #[test]
    fn one_byte_more_than_64_kib_is_read_and_the_buffer_does_not_grow() {
        for (length, read) in [
            (0, 0),
            (1_023, 1_023),
            (1_024, 1_024),
            (1_025, 1_025),
            (65_536, 65_536),
            (65_537, 65_537),
            (65_538, 65_537),
            (200_000, 65_537),
        ] {
            let body = vec![b'x'; length];
            let mut bytes = Vec::with_capacity(MAX_RESPONSE_BYTES + 1);
            let room = bytes.capacity();
            read_to_end(&*body, &mut bytes).unwrap();
            assert_eq!(bytes, body[..read], "{length}");
            assert_eq!(bytes.capacity(), room, "{length}");
        }
    }
}
