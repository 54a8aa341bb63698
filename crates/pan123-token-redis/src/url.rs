//! The URL, checked at the door.

use std::collections::BTreeMap;
use std::fmt;

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo};

use crate::target::{Access, Address, Login, Route, Target};
use crate::tls::Tls;

const UNREADABLE: RedisUrlError = RedisUrlError(
    "can't be read: it looks like redis://user:password@host:6379/0, or rediss:// for TLS, and what is special in a \
     password is percent-encoded",
);

const UNUSABLE: RedisUrlError =
    RedisUrlError("has a host, user, password or database that can't be used");

const SENTINEL_PORT: u16 = 26379;

enum Scheme {
    Direct { tls: bool },
    Sentinels { tls: bool },
    UnixSocket,
}

fn scheme(url: &str) -> Option<(Scheme, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    let scheme = match &*scheme.to_ascii_lowercase() {
        "redis" | "valkey" => Scheme::Direct { tls: false },
        "rediss" | "valkeys" => Scheme::Direct { tls: true },
        "redis+sentinel" | "valkey+sentinel" => Scheme::Sentinels { tls: false },
        "rediss+sentinel" | "valkeys+sentinel" => Scheme::Sentinels { tls: true },
        "unix" | "redis+unix" | "valkey+unix" => Scheme::UnixSocket,
        _ => return None,
    };
    Some((scheme, rest))
}

/// Whether it begins as one of a Redis server does.
pub(crate) fn is_one(url: &str) -> bool {
    scheme(url).is_some()
}

/// Whether a password stands in it. Where it can't be read, whether one seems to: it may be what isn't encoded.
pub(crate) fn has_password(url: &str) -> bool {
    let Some((_, rest)) = scheme(url) else {
        return false;
    };
    if let Ok(target) = parse(url) {
        return target.logins().next().is_some();
    }
    let login = rest.rsplit_once('@').map_or("", |(login, _)| login);
    login.contains(':') || rest.contains("pass=") || rest.contains("password=")
}

pub(crate) fn parse(url: &str) -> Result<Target, RedisUrlError> {
    let (scheme, rest) = scheme(url).ok_or(UNREADABLE)?;
    match scheme {
        Scheme::Direct { tls } => {
            let mut parts = Parts::of(rest)?;
            let database = parts.path.clone();
            let (addresses, access) = parts.servers(&database, DEFAULT_PORT)?;
            let tls = parts.tls(tls, &addresses)?;
            parts.end()?;
            Ok(Target {
                route: Route::Direct(addresses),
                tls,
                access,
            })
        }
        Scheme::Sentinels { tls } => {
            let mut parts = Parts::of(rest)?;
            let path = parts.path.clone();
            let (master, database) = path.split_once('/').unwrap_or((&path, ""));
            let in_name = |b: u8| b.is_ascii_alphanumeric() || b".-_".contains(&b);
            if master.is_empty() || !master.bytes().all(in_name) {
                return Err(RedisUrlError(
                    "names no master: it looks like redis+sentinel://host:26379,host:26379/mymaster/0",
                ));
            }
            let (sentinels, access) = parts.servers(database, SENTINEL_PORT)?;
            let tls = parts.tls(tls, &sentinels)?;
            let user = parts.settings.remove("sentinel_user");
            let login = match (user, parts.settings.remove("sentinel_password")) {
                (user, Some(password)) => Some(Login { user, password }),
                (None, None) => None,
                (Some(_), None) => {
                    return Err(RedisUrlError(
                        "has a sentinel_user and no sentinel_password",
                    ));
                }
            };
            parts.end()?;
            let route = Route::Sentinels {
                sentinels,
                master: master.to_owned(),
                access: Access { login, database: 0 },
            };
            Ok(Target { route, tls, access })
        }
        Scheme::UnixSocket => unix_socket(rest),
    }
}

const DEFAULT_PORT: u16 = 6379;

/// What stands between `://` and the end, taken apart.
struct Parts<'a> {
    login: &'a str,
    hosts: Vec<&'a str>,
    /// Without the slashes around it.
    path: String,
    /// Those behind the `?` that weren't used yet.
    settings: BTreeMap<String, String>,
}

impl<'a> Parts<'a> {
    fn of(rest: &'a str) -> Result<Self, RedisUrlError> {
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at(end);
        let (login, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
        if hosts.is_empty() {
            return Err(RedisUrlError("names no host"));
        }
        let url = redis::parse_redis_url(&format!("redis://host{rest}")).ok_or(UNREADABLE)?;
        if url.fragment().is_some() {
            return Err(RedisUrlError::SETTINGS);
        }
        let mut settings = BTreeMap::new();
        for (name, value) in url.query_pairs() {
            if settings
                .insert(name.into_owned(), value.into_owned())
                .is_some()
            {
                return Err(RedisUrlError::SETTINGS);
            }
        }
        Ok(Self {
            login,
            hosts: hosts.split(',').collect(),
            path: url.path().trim_matches('/').to_owned(),
            settings,
        })
    }

    /// All of them with one login and one database.
    fn servers(
        &self,
        database: &str,
        default_port: u16,
    ) -> Result<(Vec<Address>, Access), RedisUrlError> {
        if !database.bytes().all(|b| b.is_ascii_digit()) {
            return Err(RedisUrlError(
                "ends in something that is no number of a database",
            ));
        }
        let mut addresses = Vec::new();
        let mut access = Access::default();
        for host in &self.hosts {
            let at = if self.login.is_empty() { "" } else { "@" };
            let url = format!("redis://{}{at}{host}/{database}", self.login);
            let mut url = redis::parse_redis_url(&url).ok_or(UNREADABLE)?;
            if url.host_str().is_none_or(str::is_empty) {
                return Err(RedisUrlError("names no host"));
            }
            if !url.username().is_empty() && url.password().is_none() {
                return Err(RedisUrlError(
                    "has a user and no password; a password alone stands behind a colon: redis://:password@host",
                ));
            }
            let port = url.port().unwrap_or(default_port);
            url.set_port(Some(port)).map_err(|()| UNUSABLE)?;
            let info = url.into_connection_info().map_err(|_| UNUSABLE)?;
            let ConnectionAddr::Tcp(name, port) = info.addr() else {
                return Err(UNUSABLE);
            };
            let (name, port) = (name.clone(), *port);
            addresses.push(Address::Host { name, port });
            access = Access::of(&info);
        }
        Ok((addresses, access))
    }

    fn tls(&mut self, asked: bool, addresses: &[Address]) -> Result<Option<Tls>, RedisUrlError> {
        if !asked {
            return Ok(None);
        }
        let certificate = self.settings.remove("cert");
        let files = match (certificate, self.settings.remove("key")) {
            (Some(certificate), Some(key)) => Some((certificate.into(), key.into())),
            (None, None) => None,
            _ => {
                return Err(RedisUrlError(
                    "has one of cert and key alone: a client certificate needs both, ?cert=FILE&key=FILE",
                ));
            }
        };
        Tls::new(addresses, files).map(Some)
    }

    /// There is nothing left that wasn't used.
    fn end(self) -> Result<(), RedisUrlError> {
        if self.settings.is_empty() {
            Ok(())
        } else {
            Err(RedisUrlError::SETTINGS)
        }
    }
}

/// `unix:///path?db=0&user=…&pass=…`, as the redis crate has it.
fn unix_socket(rest: &str) -> Result<Target, RedisUrlError> {
    if !cfg!(unix) {
        return Err(RedisUrlError(
            "is that of a Unix socket, which this system doesn't have",
        ));
    }
    let url = redis::parse_redis_url(&format!("unix://{rest}")).ok_or(UNREADABLE)?;
    let known = |name: &str| matches!(name, "db" | "user" | "pass");
    if url.fragment().is_some() || !url.query_pairs().all(|(name, _)| known(&name)) {
        return Err(RedisUrlError::SETTINGS);
    }
    let unusable = RedisUrlError(
        "is no Unix socket's: it looks like unix:///run/redis.sock?db=0&user=user&pass=password",
    );
    let info = url.into_connection_info().map_err(|_| unusable)?;
    let ConnectionAddr::Unix(path) = info.addr() else {
        return Err(unusable);
    };
    let access = Access::of(&info);
    let user_alone = access.login.is_none() && info.redis_settings().username().is_some();
    if user_alone || access.database < 0 || path.file_name().is_none() {
        return Err(unusable);
    }
    Ok(Target {
        route: Route::Direct(vec![Address::UnixSocket(path.clone())]),
        tls: None,
        access,
    })
}

impl Access {
    fn of(info: &ConnectionInfo) -> Self {
        let settings = info.redis_settings();
        let login = settings.password().map(|password| Login {
            user: settings.username().map(str::to_owned),
            password: password.to_owned(),
        });
        Self {
            login,
            database: settings.db(),
        }
    }
}

/// Why a URL can't be that of a server. It holds nothing of the URL, in which there may be a password. An example is with
/// [`RedisStore`](crate::RedisStore).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RedisUrlError(&'static str);

impl RedisUrlError {
    const SETTINGS: Self = Self(
        "has settings behind a ? or # that don't belong there; in a password these are percent-encoded",
    );

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
