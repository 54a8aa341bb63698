//! The file's record and its lease record.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use pan123_token_cache::{Clock, Lease, LeaseRecord, Moment, Owner, Saved, TokenStore as _};
use pan123_token_file::FileStore;
use tempfile::TempDir;

use super::{HOUR, NOW, OWNER, TERM, TOKEN, assert_short, expected, key, record};

struct Frozen;

impl Clock for Frozen {
    fn now(&self) -> Moment {
        Moment {
            wall: NOW,
            monotonic: Duration::from_secs(1000),
        }
    }
}

pub(super) fn check(form: &[u8], lease: Option<&[u8]>) {
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
            // It stays, and no lease is granted.
            one.lease(key(), OWNER, TERM).expect_err("a newer form");
            one.save(key(), &record(), None, HOUR)
                .expect_err("a newer form");
            other.load(key()).expect_err("a newer form");
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
            assert_eq!(one.lease(key(), OWNER, TERM), Ok(taken));
            let within = one.lease(key(), Owner(8), TERM).expect("a lease");
            assert_eq!(within, Lease::Held(TERM, stored.clone()));
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
