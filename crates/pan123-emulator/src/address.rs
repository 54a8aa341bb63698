//! Which prefixes, routes and hosts can be set, and where a client on this host reaches an address.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use crate::admin;
use crate::service::TOKEN_PATH;

/// The prefix as requests will have it.
pub(crate) fn path_prefix(prefix: &str) -> io::Result<&str> {
    let prefix = prefix.trim_end_matches('/');
    let fits = |byte: u8| byte.is_ascii_graphic() && !b"?#\"<>\\^`{|}".contains(&byte);
    if prefix.is_empty() || prefix.starts_with('/') && prefix.bytes().all(fits) {
        return Ok(prefix);
    }
    let message = format!("{prefix:?} is no path prefix: it must look like /pan");
    Err(io::Error::new(io::ErrorKind::InvalidInput, message))
}

/// A path that no part of the emulator needs for itself.
pub(crate) fn route_path(path: &str) -> io::Result<()> {
    let why = if path.len() < 2 || !path.starts_with('/') || path_prefix(path).is_err() {
        "it must look like /api/v1/file/list"
    } else if path == TOKEN_PATH {
        "faults change what the token endpoint answers"
    } else if path.starts_with(admin::PREFIX) {
        "the admin API is there"
    } else {
        return Ok(());
    };
    let message = format!("{path:?} can't be a route: {why}");
    Err(io::Error::new(io::ErrorKind::InvalidInput, message))
}

/// A name or an IPv4 address, without a port.
pub(crate) fn host_name(host: &str) -> io::Result<()> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if !host.is_empty() && host.bytes().all(fits) {
        return Ok(());
    }
    let message = format!("{host:?} is no host: it must look like emulator or emulator.example");
    Err(io::Error::new(io::ErrorKind::InvalidInput, message))
}

/// Where a client on this host reaches an address that may stand for all of the host's.
pub(crate) fn reachable(mut addr: SocketAddr) -> SocketAddr {
    if addr.ip().is_unspecified() {
        addr.set_ip(match addr {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    addr
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_a_path() {
        assert_eq!(path_prefix("").unwrap(), "");
        assert_eq!(path_prefix("/").unwrap(), "");
        assert_eq!(path_prefix("/pan").unwrap(), "/pan");
        assert_eq!(path_prefix("/a/b//").unwrap(), "/a/b");
        for wrong in ["pan", "/p n", "/p?q", "/p#f", "/п", "http://x/"] {
            let error = path_prefix(wrong).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{wrong}");
        }
    }

    #[test]
    fn a_route_is_a_path_that_is_free() {
        for right in ["/api/v2/file/list", "/api/v1/user/info", "/a"] {
            assert!(route_path(right).is_ok(), "{right}");
        }
        for wrong in ["", "/", "a", "/a?b", "/__admin/x", "/api/v1/access_token"] {
            let error = route_path(wrong).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{wrong}");
        }
    }

    #[test]
    fn a_host_is_a_name_without_a_port() {
        for right in ["emulator", "a.b-c_d", "10.0.0.1"] {
            assert!(host_name(right).is_ok(), "{right}");
        }
        for wrong in ["", "a:1", "a/b", "a b", "[::1]", "é"] {
            let error = host_name(wrong).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{wrong}");
        }
    }

    #[test]
    fn a_client_on_this_host_is_given_an_address_it_can_reach() {
        let reached = |addr: &str| reachable(addr.parse().unwrap()).to_string();
        assert_eq!(reached("0.0.0.0:80"), "127.0.0.1:80");
        assert_eq!(reached("[::]:80"), "[::1]:80");
        assert_eq!(reached("127.0.0.2:80"), "127.0.0.2:80");
    }
}
