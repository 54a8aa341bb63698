//! Where the servers are, and who logs in there: what a URL says.

use std::fmt;
use std::path::PathBuf;

use crate::tls::Tls;

pub(crate) struct Target {
    pub(crate) route: Route,
    pub(crate) tls: Option<Tls>,
    /// To the server that has the token.
    pub(crate) access: Access,
}

/// How the server is found that has the token.
pub(crate) enum Route {
    /// It has this address; or these are nodes of one cluster, which say where it is.
    Direct(Vec<Address>),
    /// It is the master of this name, and these sentinels know its address.
    Sentinels {
        sentinels: Vec<Address>,
        master: String,
        /// To the sentinels.
        access: Access,
    },
}

/// Where a server listens.
#[derive(Clone)]
pub(crate) enum Address {
    Host { name: String, port: u16 },
    UnixSocket(PathBuf),
}

#[derive(Default)]
pub(crate) struct Access {
    pub(crate) login: Option<Login>,
    pub(crate) database: i64,
}

pub(crate) struct Login {
    pub(crate) user: Option<String>,
    pub(crate) password: String,
}

impl Target {
    pub(crate) fn logins(&self) -> impl Iterator<Item = &Login> {
        let sentinels = match &self.route {
            Route::Direct(_) => None,
            Route::Sentinels { access, .. } => access.login.as_ref(),
        };
        sentinels.into_iter().chain(&self.access.login)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let addresses = match &self.route {
            Route::Direct(addresses) => addresses,
            Route::Sentinels { sentinels, .. } => sentinels,
        };
        for (nth, address) in addresses.iter().enumerate() {
            let comma = if nth == 0 { "" } else { "," };
            write!(f, "{comma}{address}")?;
        }
        Ok(())
    }
}

/// Host and port, or a path.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host { name, port } if name.contains(':') => write!(f, "[{name}]:{port}"),
            Self::Host { name, port } => write!(f, "{name}:{port}"),
            Self::UnixSocket(path) => path.display().fmt(f),
        }
    }
}
