//! The proxy that the environment names, read as curl reads it.

use std::ffi::OsString;
use std::net::Ipv6Addr;

use pan123_token::http::uri::Scheme;
use pan123_token::http::{Request, Response};
use pan123_token_provider::ProxyVariables;
use ureq::middleware::MiddlewareNext;
use ureq::{Body, Error, Proxy, RequestExt, SendBody};

use crate::BuildError;

/// The proxy for `https`, if there is one in these variables.
pub(crate) fn of_variables(
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<Option<Proxy>, BuildError> {
    let Some(variables) = ProxyVariables::read(variable)? else {
        return Ok(None);
    };
    let proxy = Proxy::new(&variables.url).map_err(|_| variables.unreadable())?;
    let mut builder = Proxy::builder(proxy.protocol())
        .host(proxy.host())
        .port(proxy.port())
        .resolve_target(proxy.resolve_target());
    if let Some(user) = proxy.username() {
        builder = builder.username(user);
    }
    if let Some(password) = proxy.password() {
        builder = builder.password(password);
    }
    for host in &variables.exceptions {
        // In ureq's words: a domain means its subdomains, too.
        builder = if host.parse::<Ipv6Addr>().is_ok() {
            builder.no_proxy(&format!("[{host}]"))
        } else {
            builder.no_proxy(host).no_proxy(&format!(".{host}"))
        };
    }
    let proxy = builder.build();
    proxy.map(Some).map_err(|_| variables.unreadable())
}

/// A middleware: plain `http` is for loopback and test networks, and goes to no proxy.
pub(crate) fn plain_http_goes_straight(
    request: Request<SendBody<'_>>,
    next: MiddlewareNext<'_>,
) -> Result<Response<Body>, Error> {
    if request.uri().scheme() != Some(&Scheme::HTTP) {
        return next.handle(request);
    }
    match request.middleware_config() {
        Some(config) => next.handle(config.proxy(None).build()),
        None => Err(Error::Other("called by something that is no agent".into())),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a panic is how a test reports")]
mod tests {
    use super::*;
    use ureq::ProxyProtocol;

    fn read(variables: &[(&str, &str)]) -> Result<Option<Proxy>, BuildError> {
        of_variables(|name| {
            let found = variables.iter().find(|(it, _)| *it == name);
            found.map(|(_, value)| value.into())
        })
    }

    #[test]
    fn all_of_an_address_counts() {
        let proxy = read(&[("ALL_PROXY", "socks5h://us%40er:p%20w@proxy.example:99")]);
        let proxy = proxy.unwrap().unwrap();
        assert_eq!(proxy.protocol(), ProxyProtocol::Socks5h);
        assert_eq!((proxy.host(), proxy.port()), ("proxy.example", 99));
        assert_eq!(proxy.username(), Some("us@er"));
        assert_eq!(proxy.password(), Some("p w"));
        assert!(!proxy.resolve_target());
        let proxy = read(&[("ALL_PROXY", "http://[::1]:8080")])
            .unwrap()
            .unwrap();
        assert_eq!((proxy.host(), proxy.port()), ("[::1]", 8080));
    }

    #[test]
    fn a_value_that_names_no_proxy_is_an_error_that_does_not_show_it() {
        for value in [
            "http://us er:SENTINEL@x",
            "ftp://SENTINEL",
            "http://",
            "no proxy",
        ] {
            let variables = [("https_proxy", value), ("ALL_PROXY", "http://c")];
            let error = read(&variables).unwrap_err();
            assert_eq!(
                error.to_string(),
                "the environment variable https_proxy names no proxy; write it as http://host:port, or unset it"
            );
            assert!(!format!("{error:?}").contains("SENTINEL"));
        }
    }

    #[test]
    fn exceptions_are_those_of_curl() {
        for (exceptions, host, straight) in [
            ("host.example", "host.example", true),
            ("example", "host.example", true),
            (".example", "host.example", true),
            (".host.example", "host.example", true),
            ("EXAMPLE", "host.example", true),
            ("host.example", "HOST.EXAMPLE", true),
            ("x, host.example", "host.example", true),
            ("x host.example", "host.example", true),
            ("x,,host.example.,", "host.example", true),
            ("127.0.0.1", "127.0.0.1", true),
            ("::1", "[::1]", true),
            ("[::1]", "[::1]", true),
            ("", "host.example", false),
            (".", "host.example", false),
            ("x", "host.example", false),
            ("ost.example", "host.example", false),
            ("host.example.x", "host.example", false),
            ("*.example", "host.example", false),
            ("host.*", "host.example", false),
        ] {
            let variables = [("ALL_PROXY", "http://c"), ("NO_PROXY", exceptions)];
            let proxy = read(&variables).unwrap().unwrap();
            let uri = format!("https://{host}/").parse().unwrap();
            assert_eq!(proxy.is_no_proxy(&uri), straight, "{exceptions} {host}");
        }
        let all = [("ALL_PROXY", "c"), ("NO_PROXY", "*")];
        assert!(read(&all).unwrap().is_none());
    }
}
