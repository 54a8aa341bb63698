//! What must hold of saying why there is no token: a reply that broke off, a client's error, a failed renewal.
//!
//! An input is as one of [`response`](crate::response). Each line of its body is an error, the source of the one before it:
//! with a letter for what it is in front (`i` an I/O error with that text inside, `o` one by the system's number, `k` one
//! of a kind, anything else an error of the client's own).

use std::error::Error;
use std::time::Duration;
use std::{fmt, io};

use http::header::{DATE, HeaderValue, RETRY_AFTER};
use pan123_token::{Cause, FetchError, GetAccessToken, ResponseError};
use pan123_token_cache::{
    Action, Failure, Moment, Reason, RenewalPolicy, StoreError, TokenCache, TokenError,
};

use crate::judge::{Reply, judge};
use crate::response::Input;
use crate::shown::{assert_hidden, assert_no_end_of_it, assert_no_jwt, plainly};

const MAX_CAUSE: usize = 300;
const WALL: Duration = Duration::from_secs(1_740_124_117);

/// Panics where what is said breaks a rule.
pub fn check(input: &[u8]) {
    let input = Input::read(input);
    let operation = input.operation();
    let broken_off = operation.parse_broken_off(&input.response);
    check_broken_off(broken_off.as_ref(), &input);

    let body = String::from_utf8_lossy(input.response.body());
    let lines: Vec<_> = body.split('\n').take(8).collect();
    let error = chain(&lines);
    let error = error.as_ref();
    check_cause(&operation, error, &lines, input.secret);

    let cause = operation.cause(error);
    check_store(&cause, input.secret);
    let response = operation.parse_response(&input.response).err();
    let responses = [broken_off, response].into_iter().flatten();
    let fetches = [
        FetchError::Connect(cause.clone()),
        FetchError::Tls(cause.clone()),
        FetchError::Timeout(Duration::from_millis(body.len() as u64)),
        FetchError::Panicked(cause.clone()),
        FetchError::Body(cause),
    ];
    for fetch in fetches.into_iter().chain(responses.map(FetchError::from)) {
        check_fetch(&fetch, input.secret);
        check_renewal(&fetch);
    }
}

/// The status decides, and where that is no error's, nothing is said.
fn check_broken_off(error: Option<&ResponseError>, input: &Input) {
    let (status, headers) = (input.response.status().as_u16(), input.response.headers());
    let judgement = judge(
        &Reply {
            status,
            retry_after: headers.get(RETRY_AFTER).map(HeaderValue::as_bytes),
            date: headers.get(DATE).map(HeaderValue::as_bytes),
            compressed: false,
            body: b"",
        },
        input.secret,
    );
    assert_eq!(error.is_some(), status >= 400);
    let Some(error) = error else { return };
    assert_eq!(error.kind().as_str(), judgement.kind);
    assert_eq!(error.status().as_u16(), status);
    assert_eq!(
        (error.code(), error.message(), error.trace_id()),
        (None, None, None)
    );
    assert_eq!(
        error.retry_after(),
        judgement.retry_after.map(Duration::from_secs)
    );
    let says = error.to_string().contains("a body that broke off");
    assert_eq!(says, judgement.kind == "not_api");
}

/// One line of all that the client says, without the secret; and of the system's own error what can be told apart.
fn check_cause(
    operation: &GetAccessToken,
    error: &(dyn Error + 'static),
    lines: &[&str],
    secret: &str,
) {
    let shown = operation.cause(error).to_string();
    assert!(shown.chars().count() <= MAX_CAUSE);
    assert!(!shown.contains(char::is_control), "{shown:?}");
    assert_hidden(secret, &shown);
    if !shown.ends_with('…') {
        assert_no_end_of_it(secret, &shown);
        assert_no_jwt(&shown);
    }
    // Each text once, unless the ones before said it.
    let mut said = error.to_string();
    let (mut next, mut length) = (error.source(), 1);
    while let Some(error) = next {
        let text = error.to_string();
        if !said.contains(&text) {
            said = format!("{said}: {text}");
        }
        next = error.source();
        length += 1;
    }
    assert!(length <= lines.len());
    if let Some(expected) = plainly(&said, MAX_CAUSE, &[secret]) {
        assert_eq!(shown, expected);
    }

    let fetch = FetchError::Body(operation.cause(error));
    let innermost = lines.iter().find_map(|line| io_error(line));
    let kept = fetch
        .source()
        .map(|it| it.downcast_ref::<io::Error>().expect("an I/O error"));
    assert_eq!(
        kept.map(io::Error::kind),
        innermost.as_ref().map(io::Error::kind)
    );
    let number = |error: &io::Error| error.raw_os_error();
    assert_eq!(kept.and_then(number), innermost.as_ref().and_then(number));
    if let Some(kept) = kept {
        assert_hidden(secret, &kept.to_string());
        assert_hidden(
            secret,
            &format!("{kept:?}").replace(&format!("{:?}", kept.to_string()), ""),
        );
    }
}

fn check_fetch(fetch: &FetchError, secret: &str) {
    let line = fetch.to_string();
    assert!(
        !line.contains(char::is_control) && line.len() <= 2048,
        "{line:?}"
    );
    let response = fetch.response();
    let retryable = match fetch.kind() {
        "connect" | "timeout" | "body" | "internal" | "rate_limited" | "unavailable" => true,
        "tls" | "too_large" | "malformed" | "refused" | "not_api" => false,
        kind => panic!("{kind}"),
    };
    assert_eq!(fetch.is_retryable(), retryable);
    assert_eq!(
        fetch.retry_after(),
        response.and_then(ResponseError::retry_after)
    );
    let issued = match (fetch.kind(), response) {
        ("timeout" | "body" | "internal", _) => true,
        (_, Some(response)) if response.code() == Some(0) => true,
        ("unavailable", Some(response)) => [502, 504].contains(&response.status().as_u16()),
        ("too_large" | "malformed" | "not_api", Some(response)) => response.status().is_success(),
        _ => false,
    };
    assert_eq!(fetch.may_have_issued(), issued, "{fetch}");
    let Some(response) = response else {
        assert_hidden(secret, &line);
        assert_hidden(secret, &format!("{fetch:?}").replace(['"', '\\'], " "));
        return;
    };
    assert_eq!(fetch.kind(), response.kind().as_str());
    assert_eq!(line, response.to_string());
}

/// A caller that asks for a token after a renewal that failed so is told why, and when the next attempt is made.
fn check_renewal(fetch: &FetchError) {
    let mut cache = TokenCache::new(RenewalPolicy::default(), 7).expect("a policy");
    let now = |seconds| Moment {
        wall: WALL + Duration::from_secs(seconds),
        monotonic: Duration::from_secs(seconds),
    };
    let Action::Fetch(ticket) = cache.poll(now(0)) else {
        panic!("nothing to fetch")
    };
    cache.fetched(ticket, Err(fetch.clone()), now(1));
    let Action::Wait { until, reason } = cache.poll(now(1)) else {
        panic!("no wait after a failure")
    };
    for seconds in [1, 0, 2, 3600, 1_000_000] {
        let error = cache.token_error(until, reason, now(seconds));
        let Some(error) = error else {
            assert_eq!(reason, Reason::Spacing, "{fetch}");
            continue;
        };
        let TokenError::Renewal {
            failure,
            next_attempt,
        } = &error
        else {
            panic!("{error}")
        };
        assert_eq!(*failure, Failure::Fetch(fetch.clone()));
        let earliest = until.monotonic.saturating_sub(now(seconds).monotonic);
        assert!(*next_attempt >= earliest && error.next_attempt() == Some(*next_attempt));
        let asked = fetch.retry_after().unwrap_or_default();
        if seconds == 1 {
            assert!(*next_attempt >= asked, "the server asked for {asked:?}");
        }
        assert!(
            *next_attempt <= Duration::from_secs(3602),
            "{next_attempt:?}"
        );
        assert_eq!(error.retry_after(), fetch.retry_after());
        assert_eq!(error.is_retryable(), fetch.is_retryable());
        let line = error.to_string();
        let tail = line.strip_prefix(&fetch.to_string()).expect("why");
        assert!(
            tail.starts_with(" (next attempt in ") && tail.len() < 40,
            "{line}"
        );
        // The text says it already; what it leaves to be asked is the system's own error.
        let io = |error: &dyn Error| Some(error.source()?.downcast_ref::<io::Error>()?.kind());
        assert_eq!(io(&error), io(fetch));
        assert_eq!(error.source().is_some(), fetch.source().is_some());
    }
}

/// A caller whose store failed so is told the same, and that a wrong setting won't heal by itself; one whom nothing failed is
/// told to come again.
fn check_store(cause: &Cause, secret: &str) {
    let next_attempt = Duration::from_secs(90);
    let failed = StoreError::new(cause);
    let misconfigured = StoreError::misconfigured(cause);
    for (error, retryable) in [(failed, true), (misconfigured, false)] {
        assert_eq!(error.to_string(), cause.to_string());
        let error = TokenError::Store {
            error,
            next_attempt,
        };
        assert_eq!(
            error.to_string(),
            format!("the token store failed: {cause} (next attempt in 90 s)")
        );
        assert_hidden(secret, &format!("{error:?}").replace(['"', '\\'], " "));
        assert_eq!(error.is_retryable(), retryable);
        assert_eq!(error.retry_after(), None);
        assert_eq!(error.next_attempt(), Some(next_attempt));
        assert!(error.source().is_none() && error.failure().is_none());
    }
    let limited = TokenError::RateLimited { next_attempt };
    let held_back = TokenError::HeldBack { next_attempt };
    let timed_out = TokenError::TimedOut(next_attempt);
    for (error, asked, next) in [
        (limited, Some(next_attempt), Some(next_attempt)),
        (held_back, None, Some(next_attempt)),
        (timed_out, None, None),
    ] {
        assert!(error.to_string().contains(" 90 s"), "{error}");
        assert!(error.is_retryable() && error.failure().is_none());
        assert_eq!((error.retry_after(), error.next_attempt()), (asked, next));
    }
}

/// An error of a client.
#[derive(Debug)]
struct Said {
    text: String,
    source: Option<Box<dyn Error>>,
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for Said {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref()
    }
}

/// The first line's error; an I/O error ends the chain.
fn chain(lines: &[&str]) -> Box<dyn Error> {
    let (first, rest) = lines.split_first().expect("a line");
    match io_error(first) {
        Some(error) => Box::new(error),
        None => Box::new(Said {
            text: (*first).to_owned(),
            source: (!rest.is_empty()).then(|| chain(rest)),
        }),
    }
}

fn io_error(line: &str) -> Option<io::Error> {
    let text = line.get(1..)?;
    Some(match line.as_bytes()[0] {
        b'i' => io::Error::other(text.to_owned()),
        b'o' => io::Error::from_raw_os_error(text.parse::<u8>().ok()?.into()),
        b'k' => match text.as_bytes().first()? % 4 {
            0 => io::ErrorKind::TimedOut,
            1 => io::ErrorKind::ConnectionReset,
            2 => io::ErrorKind::UnexpectedEof,
            _ => io::ErrorKind::InvalidData,
        }
        .into(),
        _ => return None,
    })
}
