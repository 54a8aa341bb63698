//! What must hold of where secrets may go: base URLs, origins, and the proxy that the environment names.
//!
//! An input is lines: a base URL, the address of another server that may have the token, the URI of a call; then variables
//! of the environment as `NAME=value`.

use std::ffi::OsString;
use std::net::{IpAddr, Ipv6Addr};

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Uri};
use pan123_token::{Authorization, BaseUrl, BaseUrlError, Credentials, GetAccessToken, Origins};
use pan123_token_provider::ProxyVariables;

/// Panics where a secret may go where it must not, or may not where it must.
pub fn check(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else {
        return;
    };
    let mut lines = text.split('\n');
    let mut line = || lines.next().unwrap_or_default();
    let (base, other, call) = (line(), line(), line());
    let (base, other) = (check_base_url(base), check_base_url(other));
    let call = call.parse().unwrap_or_default();
    check_origins(base.as_ref(), other.as_ref(), &call);
    let variables: Vec<_> = lines.filter_map(|line| line.split_once('=')).collect();
    check_proxy(&variables, &call);
}

fn check_base_url(text: &str) -> Option<BaseUrl> {
    let read: Result<BaseUrl, BaseUrlError> = text.parse();
    let uri = text.parse::<Uri>().ok();
    let insecure = uri.clone().map(BaseUrl::insecure);
    if let Some(uri) = uri.filter(|_| !text.contains('#')) {
        assert_eq!(BaseUrl::try_from(uri), read, "by either way in");
    }
    if let Err(error) = &read {
        assert_holds_no_text(error);
        assert!(error.to_string().starts_with("the base URL"));
    }
    let Some(address) = Address::of(text) else {
        assert!(read.is_err(), "{text:?} is no address");
        return None;
    };
    let loopback = match &address.host {
        Host::Name(name) => name == "localhost",
        Host::Ip(ip) => ip.is_loopback(),
    };
    match read {
        Err(BaseUrlError::NotHttps) => {
            assert!(!address.https && !loopback, "{text:?} is safe");
            // A caller that insists gets it all the same.
            let Ok(insecure) = insecure.expect("a URI") else {
                assert!(!address.is_plain(), "{text:?}");
                return None;
            };
            assert_eq!(insecure.as_str(), address.text());
            return Some(insecure);
        }
        // It takes fewer characters in a path, and no more than a URI has.
        Err(error) => {
            assert!(!address.is_plain(), "{text:?}: {error}");
            return None;
        }
        Ok(_) => {}
    }
    let base = read.ok()?;
    assert!(address.https || loopback, "in the clear: {text:?}");
    assert_eq!(base.as_str(), address.text());
    assert_eq!(base.to_string().parse(), Ok(base.clone()), "it reads back");
    assert_eq!(insecure.expect("a URI"), Ok(base.clone()));

    let credentials = Credentials::new("id", "secret").expect("valid");
    let request = GetAccessToken::new(credentials).with_base_url(base.clone());
    let uri = request.request().uri().to_string();
    assert_eq!(uri, format!("{base}/api/v1/access_token"));
    assert!(Origins::of(&base).contains(request.request().uri()));
    Some(base)
}

/// The address, which may hold a password, is in no error: what is copied owns no text.
fn assert_holds_no_text<E: Copy + 'static>(_: &E) {}

/// The token goes to those servers and no others.
fn check_origins(base: Option<&BaseUrl>, other: Option<&BaseUrl>, call: &Uri) {
    let allowed: Vec<_> = [base, other].into_iter().flatten().collect();
    let Some((first, rest)) = allowed.split_first() else {
        return;
    };
    let origins = rest
        .iter()
        .fold(Origins::of(first), |all, one| all.and(one));
    let text = call.to_string();
    let called = Address::of(&text).map(|it| it.origin());
    let expected = called.as_ref().is_some_and(|called| {
        let origins = allowed.iter().filter_map(|it| Address::of(it.as_str()));
        origins.map(|it| it.origin()).any(|it| it == *called)
    });
    assert_eq!(origins.contains(call), expected, "{call} of {allowed:?}");
    assert_eq!(Origins::name(call), called, "{call}");

    let mut headers = HeaderMap::new();
    assert_eq!(
        Authorization::of_parts(call, &headers, &origins).is_some(),
        expected
    );
    headers.insert(AUTHORIZATION, HeaderValue::from_static(""));
    assert!(Authorization::of_parts(call, &headers, &origins).is_none());
}

/// An address, read by hand. A query is passed over; who wants none looks for its mark.
struct Address<'a> {
    https: bool,
    host: Host,
    port: u16,
    path: &'a str,
}

#[derive(PartialEq)]
enum Host {
    /// In lower case.
    Name(String),
    Ip(IpAddr),
}

impl<'a> Address<'a> {
    fn of(text: &'a str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let https = match &*scheme.to_ascii_lowercase() {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let colon = match authority.strip_prefix('[') {
            Some(inner) => inner.find(']')? + 2,
            None => authority.find(':').unwrap_or(authority.len()),
        };
        let (host, port) = authority.split_at_checked(colon)?;
        let port = match port.strip_prefix(':') {
            None if port.is_empty() => {
                if https {
                    443
                } else {
                    80
                }
            }
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().ok()?
            }
            _ => return None,
        };
        let ip = match host.strip_prefix('[') {
            Some(inner) => Some(inner.strip_suffix(']')?.parse::<Ipv6Addr>().ok()?.into()),
            None => ipv4(host).map(IpAddr::from),
        };
        let refused = authority.contains('@') || host.is_empty() || port == 0;
        let host = ip.map_or(Host::Name(host.to_ascii_lowercase()), Host::Ip);
        (!refused).then_some(Self {
            https,
            host,
            port,
            path,
        })
    }

    /// The one form of a server.
    fn origin(&self) -> String {
        let scheme = if self.https { "https" } else { "http" };
        let host = match &self.host {
            Host::Name(name) => name.clone(),
            Host::Ip(IpAddr::V4(ip)) => ip.to_string(),
            Host::Ip(IpAddr::V6(ip)) => format!("[{ip}]"),
        };
        match (self.https, self.port) {
            (true, 443) | (false, 80) => format!("{scheme}://{host}"),
            (_, port) => format!("{scheme}://{host}:{port}"),
        }
    }

    fn text(&self) -> String {
        self.origin() + self.path.trim_end_matches('/')
    }

    /// Whether nothing can be said against it.
    fn is_plain(&self) -> bool {
        let plain = |text: &str| {
            text.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-./".contains(&b))
        };
        let host = match &self.host {
            Host::Name(name) => plain(name) && !name.contains('/'),
            Host::Ip(_) => true,
        };
        host && plain(self.path) && self.path.len() < 1000
    }
}

/// Four numbers up to 255 with dots between them, none with a zero before it.
fn ipv4(text: &str) -> Option<[u8; 4]> {
    let numbers: Vec<u8> = text
        .split('.')
        .map(|part| {
            let sound = part == "0" || !part.starts_with(['0', '+']);
            sound.then(|| part.parse().ok())?
        })
        .collect::<Option<_>>()?;
    numbers.try_into().ok()
}

fn check_proxy(variables: &[(&str, &str)], call: &Uri) {
    let value = |name: &str| {
        variables
            .iter()
            .find(|(it, _)| *it == name)
            .map(|(_, value)| *value)
    };
    let read = ProxyVariables::read(|name| value(name).map(OsString::from));
    let read = read.expect("all of it is text");
    let first = |names: &[&'static str]| {
        let set = names
            .iter()
            .filter_map(|name| Some((*name, value(name)?.trim())));
        set.into_iter().find(|(_, value)| !value.is_empty())
    };
    let exceptions = first(&["NO_PROXY", "no_proxy"]).map_or("", |(_, value)| value);
    let exceptions: Vec<_> = exceptions
        .split(|c: char| c == ',' || c.is_whitespace())
        .collect();
    let first = first(&["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]);
    let Some((name, proxy)) = first.filter(|_| !exceptions.contains(&"*")) else {
        assert!(read.is_none(), "a proxy out of nothing");
        return;
    };
    let read = read.expect("it is passed by in silence");
    assert_eq!(read.url, proxy);
    let error = read.unreadable();
    let shown = format!("{error} {error:?}");
    assert!(shown.contains(name), "{shown}");
    assert!(proxy.len() < 12 || !shown.contains(proxy), "{shown}");

    let host = call.host().unwrap_or_default().to_ascii_lowercase();
    let is_within = |domain: &str| host == domain || host.ends_with(&format!(".{domain}"));
    let plain = host
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b));
    if plain && !host.starts_with('.') && !host.is_empty() {
        let goes_straight = exceptions.iter().any(|entry| {
            let domain = entry.trim_matches(['.', '[', ']']).to_ascii_lowercase();
            !domain.is_empty() && is_within(&domain)
        });
        let mut read = read.exceptions.iter().map(|it| it.to_ascii_lowercase());
        assert_eq!(
            read.any(|domain| is_within(&domain)),
            goes_straight,
            "{call} and {exceptions:?}"
        );
    }
}
