//! What must hold of whatever a store holds: the file's record and lease record, and what Redis answers.
//!
//! An input begins with a line: `f` for files, `l`, `e`, `s`, `r`, `k` for what Redis answers to a load, a lease, a save, a
//! release, a look at the lease record. For files, the next line is the lease record's (behind an `x`; without it there is none), and the rest the
//! record's. For Redis the rest is the answer. The byte 1 stands for a record's stored form, 2 for the mark of the owner that
//! asks; 3 and 4 for the same as strings of Redis.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use std::{fs, thread};

use pan123_token::BaseUrl;
use pan123_token_cache::{
    Clock, Lease, LeaseRecord, Moment, Owner, Record, RecordError, Saved, StoreError, StoreKey,
    Stored, TokenStore as _,
};
use pan123_token_file::FileStore;
use pan123_token_redis::RedisStore;
use tempfile::TempDir;

const OWNER: Owner = Owner(7);
const TERM: Duration = Duration::from_secs(45);
const HOUR: Duration = Duration::from_secs(3600);
const NOW: Duration = Duration::from_secs(1_740_124_117);
/// As the vectors of the stored form have it.
const FORM: &str = r#"{"version":1,"readableBy":1,"accessToken":"ISSUED-token-1","fingerprint":"722d271f3ad017f6","expiresAt":"2025-03-23T07:48:37Z","issuedAt":"2025-02-21T07:48:37Z","lifetimeMs":2592000000,"sentAtMs":1740124116750,"forced":0,"suspect":false}"#;
const TOKEN: &str = "ISSUED-token-1";

/// Panics where what is read breaks a rule.
pub fn check(input: &[u8]) {
    let (first, rest) = line(input);
    match first {
        b"f" => {
            let (lease, record) = line(rest);
            let lease = lease
                .strip_prefix(b"x")
                .map(|lease| [&put_in(lease), &b"\n"[..]].concat());
            check_files(&put_in(record), lease.as_deref());
        }
        [operation @ (b'l' | b'e' | b's' | b'r' | b'k')] => check_redis(*operation, &put_in(rest)),
        _ => {}
    }
}

fn line(input: &[u8]) -> (&[u8], &[u8]) {
    let end = input.iter().position(|byte| *byte == b'\n');
    let end = end.unwrap_or(input.len());
    (&input[..end], input.get(end + 1..).unwrap_or_default())
}

fn put_in(input: &[u8]) -> Vec<u8> {
    let bulk = |text: &str| format!("${}\r\n{text}\r\n", text.len());
    let (form, mark) = (record().encode(), format!("{:016x}", OWNER.0));
    let mut out = Vec::with_capacity(input.len());
    for byte in input {
        match byte {
            1 => out.extend_from_slice(form.as_bytes()),
            2 => out.extend_from_slice(mark.as_bytes()),
            3 => out.extend_from_slice(bulk(&form).as_bytes()),
            4 => out.extend_from_slice(bulk(&mark).as_bytes()),
            _ => out.push(*byte),
        }
    }
    out
}

fn record() -> Record {
    Record::decode(FORM.as_bytes()).expect("a record")
}

fn key() -> StoreKey {
    StoreKey::new(&BaseUrl::default(), "id")
}

/// The record that a form is, if it can be read; an error where it is a newer version's. `stored` checks how that is read.
fn expected(form: &[u8], left: Option<Duration>) -> Result<Option<Stored>, ()> {
    match Record::decode(form) {
        Ok(record) => Ok(Some(Stored { record, left })),
        Err(RecordError::Newer) => Err(()),
        Err(_) => Ok(None),
    }
}

fn assert_short(error: &StoreError) {
    let line = format!("{error}");
    assert!(
        line.len() <= 1000 && !line.contains(char::is_control),
        "{line:?}"
    );
    for shown in [line, format!("{error:?}")] {
        assert!(!shown.contains(TOKEN), "the token is shown: {shown}");
    }
}

struct Frozen;

impl Clock for Frozen {
    fn now(&self) -> Moment {
        Moment {
            wall: NOW,
            monotonic: Duration::from_secs(1000),
        }
    }
}

fn check_files(form: &[u8], lease: Option<&[u8]>) {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    static ALONE: Mutex<()> = Mutex::new(());
    let folder = FOLDER.get_or_init(|| {
        // In memory, where there is such a folder.
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() {
            tempfile::tempdir_in(memory)
        } else {
            tempfile::tempdir()
        };
        folder.expect("a folder")
    });
    // One at a time, as tests run in threads.
    let alone = ALONE
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    for entry in fs::read_dir(folder).expect("a folder") {
        fs::remove_file(entry.expect("an entry").path()).expect("a file");
    }
    let write = |ending: &str, bytes: &[u8]| {
        let path = folder.path().join(format!("{}.v1.{ending}", key()));
        fs::write(&path, bytes).expect("written");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("a mode");
        }
    };
    write("json", form);
    if let Some(lease) = lease {
        write("gate", lease);
    }
    let problems = Arc::new(Mutex::new(Vec::new()));
    let store = || {
        let problems = Arc::clone(&problems);
        FileStore::in_dir(folder.path())
            .with_clock(Frozen)
            .on_problem(move |problem| problems.lock().expect("whole").push(problem.to_string()))
    };
    let (one, other) = (store(), store());
    let stored = expected(form, None);
    let found = one.load(key());
    match (&found, &stored) {
        (Ok(found), Ok(stored)) => assert_eq!(found, stored),
        (Err(error), Err(())) => {
            assert_short(error);
            assert!(error.is_misconfigured());
            return;
        }
        _ => panic!("{found:?}, and not {stored:?}"),
    }
    let told = std::mem::take(&mut *problems.lock().expect("whole"));
    assert_eq!(told.len(), usize::from(stored == Ok(None)), "{told:?}");
    assert!(!told.iter().any(|it| it.contains(TOKEN)), "{told:?}");

    let stored = stored.unwrap_or_default();
    let lease = lease.unwrap_or_default();
    // Behind `held` there is no process: as good as none.
    let seen = running(lease, None).map(|(cools, left)| {
        if cools {
            LeaseRecord::CoolingDown(left)
        } else {
            LeaseRecord::Held(left)
        }
    });
    assert_eq!(one.lease_record(key()).expect("a look"), seen);
    let taken = one.lease(key(), OWNER, TERM).expect("a lease");
    match running(lease, Some(OWNER)) {
        Some((true, left)) => assert_eq!(taken, Lease::CoolingDown(left, stored)),
        Some((false, left)) => assert_eq!(taken, Lease::Held(left, stored)),
        None => {
            assert_eq!(taken, Lease::Granted(stored.clone()));
            let held = other.lease(key(), Owner(8), TERM).expect("a lease");
            assert_eq!(held, Lease::Held(TERM, stored.clone()));
            let pause = Duration::from_secs(2);
            one.release(key(), OWNER, pause).expect("released");
            let cooling = other.lease(key(), Owner(8), TERM).expect("a lease");
            assert_eq!(cooling, Lease::CoolingDown(pause, stored));
        }
    }
    // Whatever stood there, a token can be kept; only a newer one is left.
    let saved = other.save(key(), &record(), None, HOUR).expect("saved");
    let now = other.load(key()).expect("loaded").expect("a record");
    match saved {
        Saved::Kept => assert_eq!(now.record, record()),
        Saved::Newer(newer) => {
            assert_eq!(now, newer);
            assert!(newer.record.issued_at >= record().issued_at);
        }
    }
    drop(alone);
}

/// Whether a cooldown or a lease that needs no lock and isn't this owner's runs, and what is left of it.
fn running(lease: &[u8], but: Option<Owner>) -> Option<(bool, Duration)> {
    let line = str::from_utf8(lease).ok().filter(|it| it.len() <= 256)?;
    let words: Vec<_> = line.strip_suffix('\n')?.split(' ').collect();
    // As `parse` takes a number: also behind a plus sign.
    let number = |word: &str| word.parse::<u64>().ok();
    let (cools, since, length) = match words[..] {
        ["cool", since, length] => (true, since, length),
        ["taken", owner, since, length] if Some(Owner(number(owner)?)) != but => {
            (false, since, length)
        }
        _ => return None,
    };
    // One that begins later than now begins now.
    let since = Duration::from_nanos(number(since)?).min(NOW);
    let length = Duration::from_nanos(number(length)?).min(HOUR);
    let left = length.checked_sub(NOW.saturating_sub(since))?;
    (!left.is_zero()).then_some((cools, left))
}

fn check_redis(operation: u8, answer: &[u8]) {
    static SERVER: OnceLock<(u16, Arc<Mutex<Vec<u8>>>)> = OnceLock::new();
    static ALONE: Mutex<()> = Mutex::new(());
    if leads_elsewhere(answer) {
        return;
    }
    let _alone = ALONE
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let (port, says) = SERVER.get_or_init(serve);
    answer.clone_into(&mut says.lock().expect("whole"));
    let store = RedisStore::new(&format!("redis://127.0.0.1:{port}")).expect("a URL");
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
