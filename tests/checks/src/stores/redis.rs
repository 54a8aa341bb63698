//! What Redis answers.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::Duration;

use pan123_token_cache::{Lease, LeaseRecord, Saved, StoreError, Stored, TokenStore as _};
use pan123_token_redis::RedisStore;

use super::{HOUR, OWNER, TERM, assert_short, expected, key, record};

const PASSWORD: &str = "SENTINEL-password";

pub(super) fn check(operation: u8, answer: &[u8]) {
    static SERVER: OnceLock<(u16, Arc<Mutex<Vec<u8>>>)> = OnceLock::new();
    static ALONE: Mutex<()> = Mutex::new(());
    // The address of a master, too, would be asked.
    let names_a_master = operation == b'n' && !answer.starts_with(b"-");
    if names_a_master || leads_elsewhere(answer) {
        return;
    }
    let _alone = ALONE
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let (port, says) = SERVER.get_or_init(serve);
    answer.clone_into(&mut says.lock().expect("whole"));
    let url = match operation {
        b'a' => format!("redis://user:{PASSWORD}@127.0.0.1:{port}"),
        b'd' => format!("redis://127.0.0.1:{port}/1"),
        b'n' => format!("redis+sentinel://127.0.0.1:{port}/mymaster"),
        _ => format!("redis://127.0.0.1:{port}"),
    };
    let store = RedisStore::new(&url).expect("a URL");
    let store = store.timeout(Duration::from_millis(500));
    match operation {
        b'l' => {
            let found = store.load(key());
            let elements = elements(answer);
            if let Some([Element::Text(form), Element::Number(left)]) = elements.as_deref() {
                compare(&found, expected(form, whole(*left)));
            }
            assert_from(found.as_ref().ok().and_then(Option::as_ref), answer);
            drop(found.map_err(|error| assert_short(&error)));
        }
        b'e' => {
            let found = store.lease(key(), OWNER, TERM);
            let elements = elements(answer);
            if let Some(
                [
                    Element::Text(holder),
                    Element::Number(wait),
                    Element::Text(form),
                    Element::Number(left),
                ],
            ) = elements.as_deref()
            {
                let wait = whole(*wait)
                    .unwrap_or_default()
                    .max(Duration::from_millis(1));
                let lease = |stored| match *holder {
                    b"0000000000000007" => Lease::Granted(stored),
                    b"cool" => Lease::CoolingDown(wait, stored),
                    _ => Lease::Held(wait, stored),
                };
                compare(&found, expected(form, whole(*left)).map(lease));
            }
            let stored = match &found {
                Ok(Lease::Granted(it) | Lease::Held(_, it) | Lease::CoolingDown(_, it)) => {
                    it.as_ref()
                }
                _ => None,
            };
            assert_from(stored, answer);
            drop(found.map_err(|error| assert_short(&error)));
        }
        // One that isn't an error lets the next question have the same answer.
        b'a' | b'd' | b'n' => {
            let found = store.load(key());
            assert!(found.is_err() || !answer.starts_with(b"-"), "{found:?}");
            if let Err(error) = found {
                assert_short(&error);
                assert!(!error.to_string().contains(PASSWORD));
            }
        }
        b's' => match store.save(key(), &record(), None, HOUR) {
            Ok(Saved::Newer(newer)) => assert_from(Some(&newer), answer),
            Ok(Saved::Kept) => {}
            Err(error) => assert_short(&error),
        },
        b'k' => {
            let found = store.lease_record(key());
            let elements = elements(answer);
            if let Some([Element::Text(holder), Element::Number(left)]) = elements.as_deref() {
                let record = whole(*left).and_then(|left| match *holder {
                    b"" => None,
                    b"cool" => Some(LeaseRecord::CoolingDown(left)),
                    _ => Some(LeaseRecord::Held(left)),
                });
                compare(&found, Ok(record));
            }
            if let Err(error) = found {
                assert_short(&error);
            }
        }
        _ => drop(
            store
                .release(key(), OWNER, TERM)
                .map_err(|error| assert_short(&error)),
        ),
    }
}

/// Whether it may be a redirect to anything but a closed port of this host: it would be followed.
fn leads_elsewhere(answer: &[u8]) -> bool {
    let has = |words: &[u8]| answer.windows(words.len()).any(|it| it == words);
    (has(b"MOVED") || has(b"ASK")) && !has(b" 127.0.0.1:1\r") && !has(b" :1\r")
}

fn compare<T: PartialEq + std::fmt::Debug>(found: &Result<T, StoreError>, expected: Result<T, ()>) {
    match (found, expected) {
        (Ok(found), Ok(expected)) => assert_eq!(*found, expected),
        (Err(_), Err(())) => {}
        (found, expected) => panic!("{found:?}, and not {expected:?}"),
    }
}

/// A record comes out of no other answer than one that holds it.
fn assert_from(stored: Option<&Stored>, answer: &[u8]) {
    let Some(stored) = stored else { return };
    let fingerprint = stored.record.fingerprint().to_string();
    let stands = answer.windows(16).any(|it| it == fingerprint.as_bytes());
    assert!(stands || answer.contains(&b'\\'), "a record out of nothing");
}

fn whole(millis: i64) -> Option<Duration> {
    u64::try_from(millis).ok().map(Duration::from_millis)
}

enum Element<'a> {
    Text(&'a [u8]),
    Number(i64),
}

/// The elements of an array that is the whole answer, where they are strings and numbers in the plain form that a server
/// sends.
fn elements(answer: &[u8]) -> Option<Vec<Element<'_>>> {
    let number = |line: &[u8]| -> Option<i64> {
        let digits = line.strip_prefix(b"-").unwrap_or(line);
        let plain =
            digits.len() < 19 && !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
        str::from_utf8(line).ok().filter(|_| plain)?.parse().ok()
    };
    let cut =
        |rest: &mut &'_ [u8]| -> Option<usize> { rest.windows(2).position(|it| it == b"\r\n") };
    let mut rest = answer.strip_prefix(b"*")?;
    let end = cut(&mut rest)?;
    let count = usize::try_from(number(&rest[..end])?).ok()?;
    rest = &rest[end + 2..];
    let mut elements = Vec::new();
    while let [kind, behind @ ..] = rest {
        rest = behind;
        let end = cut(&mut rest)?;
        let value = number(&rest[..end])?;
        rest = &rest[end + 2..];
        match kind {
            b':' => elements.push(Element::Number(value)),
            b'$' => {
                let (text, behind) = rest.split_at_checked(usize::try_from(value).ok()?)?;
                elements.push(Element::Text(text));
                rest = behind.strip_prefix(b"\r\n")?;
            }
            _ => return None,
        }
    }
    (elements.len() == count).then_some(elements)
}

/// A server that says the same to whatever comes, once on each connection.
fn serve() -> (u16, Arc<Mutex<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let says = Arc::new(Mutex::new(Vec::new()));
    let said = Arc::clone(&says);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            // A call fits into one read.
            if stream.read(&mut [0; 16_384]).is_ok_and(|bytes| bytes > 0) {
                let answer = said.lock().expect("whole").clone();
                let _ = stream.write_all(&answer);
            }
        }
    });
    (port, says)
}
