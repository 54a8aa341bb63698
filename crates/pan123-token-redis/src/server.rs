//! Where the server is and who logs in: the URL, checked at the door.

use std::fmt;

use redis::{ConnectionAddr, IntoConnectionInfo};

use crate::tls::Tls;

/// What a URL says.
pub(crate) struct Server {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) tls: Option<Tls>,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<String>,
    pub(crate) database: i64,
}

impl Server {
    pub(crate) fn parse(url: &str) -> Result<Self, RedisUrlError> {
        let flaw = |flaw| Err(RedisUrlError(flaw));
        let Some(mut url) = redis::parse_redis_url(url) else {
            return flaw(
                "can't be read: it looks like redis://user:password@host:6379/0, or rediss:// for TLS, and what is \
                 special in a password is percent-encoded",
            );
        };
        let tls = match url.scheme() {
            "redis" | "valkey" => false,
            "rediss" | "valkeys" => true,
            _ => {
                return flaw("is that of a Unix socket: hosts share through redis:// or rediss://");
            }
        };
        if url.query().is_some() || url.fragment().is_some() {
            return flaw(
                "has settings behind a ? or #, of which there are none; in a password these are percent-encoded",
            );
        }
        if url.host_str().is_none_or(str::is_empty) {
            return flaw("names no host");
        }
        if !url.username().is_empty() && url.password().is_none() {
            return flaw(
                "has a user and no password; a password alone stands behind a colon: redis://:password@host",
            );
        }
        let database = url.path().trim_matches('/');
        if !database.bytes().all(|b| b.is_ascii_digit()) {
            return flaw("ends in something that is no number of a database");
        }
        let unusable = RedisUrlError("has a host, user, password or database that can't be used");
        // `rediss` is known only together with a TLS that isn't used here.
        url.set_scheme("redis").map_err(|()| unusable)?;
        let info = url.into_connection_info().map_err(|_| unusable)?;
        let ConnectionAddr::Tcp(host, port) = info.addr() else {
            return Err(unusable);
        };
        let login = info.redis_settings();
        Ok(Self {
            host: host.clone(),
            port: *port,
            tls: tls.then(|| Tls::new(host)).transpose()?,
            user: login.username().map(str::to_owned),
            password: login.password().map(str::to_owned),
            database: login.db(),
        })
    }
}

/// Host and port.
impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, .. } = self;
        if host.contains(':') {
            write!(f, "[{host}]:{port}")
        } else {
            write!(f, "{host}:{port}")
        }
    }
}

/// Why a URL can't be that of a server. It holds nothing of the URL, in which there may be a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RedisUrlError(&'static str);

impl RedisUrlError {
    pub(crate) fn new(flaw: &'static str) -> Self {
        Self(flaw)
    }
}

impl fmt::Display for RedisUrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the Redis URL {}", self.0)
    }
}

impl std::error::Error for RedisUrlError {}
