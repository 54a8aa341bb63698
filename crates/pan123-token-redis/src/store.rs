//! The store: scripts that run in the server, and what their answers mean.

use std::fmt;
use std::process;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use pan123_token_cache::pan123_token::Fingerprint;
use pan123_token_cache::{
    Lease, LeaseRecord, Owner, Record, RecordError, Saved, StoreError, StoreKey, Stored, TokenStore,
};
use redis::{Cmd, FromRedisValue, Value};

use crate::connection::Connection;
use crate::failure::Failure;
use crate::route;
use crate::script::{self, COOLING_DOWN, at_most, mark};
use crate::socket::Deadline;
use crate::target::Target;
use crate::url::{self, RedisUrlError};

/// A connection that was idle for longer isn't used again: what lies between may have forgotten it without a word.
const MAX_IDLE: Duration = Duration::from_secs(30);

/// How often a record that others keep changing is tried to be replaced. Each time, one of them succeeds.
const MAX_ROUNDS: usize = 16;

/// A token in Redis.
///
/// ```
/// use std::time::Duration;
///
/// use pan123_token_redis::RedisStore;
///
/// let url = "redis://user:password@redis.example:6379/0";
/// // Nothing is connected yet.
/// let store = RedisStore::new(url)?.timeout(Duration::from_secs(1));
///
/// // It should not stand in a program's arguments.
/// assert!(RedisStore::is_url(url) && RedisStore::url_has_password(url));
/// // Without a scheme, it is no URL.
/// assert!(RedisStore::new("redis.example:6379").is_err());
/// # Ok::<(), pan123_token_redis::RedisUrlError>(())
/// ```
///
/// It connects when it is first called, keeps one connection, and opens others while several threads call at once. A call
/// that fails leaves no connection behind; one that was closed while it was idle is replaced within the same call.
///
/// Each call ends within the [timeout](Self::timeout), name lookup, connecting, TLS and login included.
pub struct RedisStore {
    target: Target,
    timeout: Duration,
    idle: Mutex<Option<Idle>>,
}

/// A connection between two calls.
struct Idle {
    connection: Connection,
    since: Instant,
    /// The process that used it. A child that was forked off has it too, and would mix its answers with its parent's.
    process: u32,
}

impl Idle {
    fn is_usable(&self) -> bool {
        self.since.elapsed() < MAX_IDLE && self.process == process::id()
    }
}

impl RedisStore {
    /// How long a call may take unless [set](Self::timeout): just below
    /// [`RenewalPolicy::store_timeout`](pan123_token_cache::RenewalPolicy::store_timeout), so that the reason is known when
    /// that has passed.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_millis(2500);

    /// A store at this URL. Doesn't connect.
    ///
    /// | form | server |
    /// |---|---|
    /// | `redis://user:password@host:6379/0` | one at this host, or the node that a cluster names there |
    /// | `redis://user:password@host:6379,host:6379` | a cluster, of which these are nodes: the first that answers will do |
    /// | `redis+sentinel://user:password@host:26379,host:26379/mymaster/0` | the master of this name, which these sentinels know |
    /// | `unix:///path?user=user&pass=password&db=0` | one at this Unix socket |
    ///
    /// `rediss://` and `rediss+sentinel://` are the same over TLS. Port, database and login may be left out: 6379 (26379 for a
    /// sentinel), 0 and none. `redis://:password@host` is for a server that knows no users. What is special in a user or a
    /// password is percent-encoded. `valkey` in place of `redis` means the same, and so does `redis+unix` in place of `unix`.
    ///
    /// | setting behind a `?` | for | meaning |
    /// |---|---|---|
    /// | `cert=FILE&key=FILE` | TLS | a client certificate with those that lead to its authority, and its key, in PEM. Both files are read again for each connection, so they may be renewed |
    /// | `sentinel_user=…&sentinel_password=…` | sentinels | their own login, where they ask for one. That before the `@` is for the master |
    ///
    /// # Errors
    ///
    /// When it is no such URL; or asks for TLS, and the feature `rustls` is off.
    pub fn new(url: &str) -> Result<Self, RedisUrlError> {
        Ok(Self {
            target: url::parse(url)?,
            timeout: Self::DEFAULT_TIMEOUT,
            idle: Mutex::new(None),
        })
    }

    /// Whether this begins as a URL of [`new`](Self::new) does.
    pub fn is_url(text: &str) -> bool {
        url::is_one(text)
    }

    /// Whether there is a password in this URL, which then doesn't belong where others can read it: in a program's
    /// arguments, say. It need not be a URL that [`new`](Self::new) takes.
    pub fn url_has_password(url: &str) -> bool {
        url::has_password(url)
    }

    /// How long a call may take; 2.5 s unless set.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Trusts these certificates, and no others: one or more in PEM. Means nothing without TLS.
    ///
    /// ```no_run
    /// use pan123_token_redis::RedisStore;
    ///
    /// let pem = std::fs::read("redis-ca.pem")?;
    /// let store = RedisStore::new("rediss://redis.example:6380/0")?.ca_pem(&pem)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// `InvalidData` when there is no certificate in it, or one that can't be read.
    #[cfg(feature = "rustls")]
    pub fn ca_pem(mut self, pem: &[u8]) -> std::io::Result<Self> {
        let roots = crate::tls::roots(pem)?;
        if let Some(tls) = &mut self.target.tls {
            tls.trust(roots);
        }
        Ok(self)
    }

    fn deadline(&self) -> Deadline {
        Deadline::after(self.timeout)
    }

    fn call<T: FromRedisValue>(&self, script: &Cmd, deadline: Deadline) -> Result<T, StoreError> {
        let answer = self.ask(script, deadline).and_then(|value| {
            // The error would repeat the value.
            redis::from_redis_value(value).map_err(|_| Failure::NotRedis)
        });
        answer.map_err(|failure| failure.into_error(&self.target))
    }

    /// All scripts may run twice, as far as their callers can tell.
    fn ask(&self, script: &Cmd, deadline: Deadline) -> Result<Value, Failure> {
        let idle = self.idle().take().filter(Idle::is_usable);
        if let Some(Idle { mut connection, .. }) = idle {
            match connection.ask(script, deadline) {
                Ok(value) => return Ok(self.keep(connection, value)),
                Err(failure @ Failure::Timeout(_)) => return Err(failure),
                // The server was restarted, or another one has the token by now: a new primary, say.
                Err(_) => {}
            }
        }
        let (connection, value) = route::ask(&self.target, script, deadline)?;
        Ok(self.keep(connection, value))
    }

    fn keep(&self, connection: Connection, value: Value) -> Value {
        *self.idle() = Some(Idle {
            connection,
            since: Instant::now(),
            process: process::id(),
        });
        value
    }

    fn idle(&self) -> MutexGuard<'_, Option<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a form and its time to live in milliseconds, negative where there is none, stand for.
    fn stored(&self, form: &[u8], left: i64) -> Result<Option<Stored>, StoreError> {
        match Record::decode(form) {
            Ok(record) => Ok(Some(Stored {
                record,
                left: u64::try_from(left).ok().map(Duration::from_millis),
            })),
            Err(RecordError::Newer) => Err(Failure::Newer.into_error(&self.target)),
            Err(_) => Ok(None),
        }
    }
}

impl TokenStore for RedisStore {
    fn load(&self, key: StoreKey) -> Result<Option<Stored>, StoreError> {
        let (form, left): (Vec<u8>, i64) = self.call(&script::load(key), self.deadline())?;
        self.stored(&form, left)
    }

    fn lease(&self, key: StoreKey, owner: Owner, term: Duration) -> Result<Lease, StoreError> {
        let lease = script::lease(key, owner, term);
        let (holder, wait, form, left): (Vec<u8>, i64, Vec<u8>, i64) =
            self.call(&lease, self.deadline())?;
        let stored = self.stored(&form, left)?;
        // It may end at this moment.
        let wait = Duration::from_millis(u64::try_from(wait).unwrap_or(1).max(1));
        Ok(if holder == mark(owner).as_bytes() {
            Lease::Granted(stored)
        } else if holder == COOLING_DOWN {
            Lease::CoolingDown(wait, stored)
        } else {
            Lease::Held(wait, stored)
        })
    }

    fn save(
        &self,
        key: StoreKey,
        record: &Record,
        replaces: Option<Fingerprint>,
        left: Duration,
    ) -> Result<Saved, StoreError> {
        let (begun, deadline) = (Instant::now(), self.deadline());
        let form = record.encode();
        // Nothing, until the server says what stands there, and how late it is there.
        let (mut seen, mut ends) = (Vec::new(), String::new());
        for _ in 0..MAX_ROUNDS {
            let save = script::save(key, &seen, &form, &ends);
            let found: Option<(Vec<u8>, i64, u64)> = self.call(&save, deadline)?;
            let Some((found, its_left, server_time)) = found else {
                return Ok(Saved::Kept);
            };
            let left = at_most(left.saturating_sub(begun.elapsed()));
            ends = (u128::from(server_time) + left).to_string();
            if found == form.as_bytes() {
                // The answer that said so was lost.
                return Ok(Saved::Kept);
            }
            match self.stored(&found, its_left)? {
                Some(stored) if !record.may_replace(&stored.record, replaces) => {
                    return Ok(Saved::Newer(stored));
                }
                _ => seen = found,
            }
        }
        Err(Failure::Contended.into_error(&self.target))
    }

    fn release(&self, key: StoreKey, owner: Owner, cooldown: Duration) -> Result<(), StoreError> {
        self.call(&script::release(key, owner, cooldown), self.deadline())
    }

    fn lease_record(&self, key: StoreKey) -> Result<Option<LeaseRecord>, StoreError> {
        let (holder, left): (Vec<u8>, i64) =
            self.call(&script::lease_record(key), self.deadline())?;
        // One that has no end counts as absent, as it does where the lease is asked for.
        let left = u64::try_from(left).ok().map(Duration::from_millis);
        Ok(match (left, &holder[..]) {
            (None, _) | (_, []) => None,
            (Some(left), COOLING_DOWN) => Some(LeaseRecord::CoolingDown(left)),
            (Some(left), _) => Some(LeaseRecord::Held(left)),
        })
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore")
            .field("server", &format_args!("{}", self.target))
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use pan123_token_cache::pan123_token::BaseUrl;

    use super::*;

    #[test]
    fn a_connection_that_was_idle_for_long_or_is_anothers_is_not_used_again() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                count.fetch_add(1, Ordering::SeqCst);
                // A call fits into one read, and the last one closes the connection.
                while stream.read(&mut [0; 8192]).unwrap() > 0 {
                    stream.write_all(b"*2\r\n$0\r\n\r\n:-2\r\n").unwrap();
                }
            }
        });

        let store = RedisStore::new(&format!("redis://127.0.0.1:{port}")).unwrap();
        let key = StoreKey::new(&BaseUrl::default(), "my-id");
        let load = || {
            assert_eq!(store.load(key).unwrap(), None);
            connections.load(Ordering::SeqCst)
        };
        let idle_for = |time| {
            let since = Instant::now().checked_sub(time).unwrap();
            store.idle().as_mut().unwrap().since = since;
        };
        assert_eq!(load(), 1);
        idle_for(MAX_IDLE / 2);
        assert_eq!(load(), 1);
        idle_for(MAX_IDLE);
        assert_eq!(load(), 2);
        store.idle().as_mut().unwrap().process ^= 1;
        assert_eq!(load(), 3);
    }
}
