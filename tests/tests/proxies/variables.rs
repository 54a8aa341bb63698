//! Which variable counts, and which servers are exceptions: by the rules of curl.

use pan123_emulator::Emulator;

use crate::exchange::Exchange;
use crate::test_proxy::TestProxy;
use crate::{dead_address, emulator};

/// In the order in which they count.
const PROXIES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

#[test]
fn the_first_variable_that_is_set_decides() {
    let emulator = emulator();
    let proxy = TestProxy::to(&emulator);
    let dead = format!("http://{}", dead_address());
    for (place, name) in PROXIES.iter().enumerate() {
        let mut exchange = Exchange::with(&emulator).variable(name, proxy.url("http"));
        for later in &PROXIES[place + 1..] {
            exchange = exchange.variable(later, &*dead);
        }
        exchange.run(|ended| {
            ended.assert_token(&emulator);
            assert_eq!(proxy.asked().len(), 1, "{}", ended.whose);
        });
    }
}

#[test]
fn an_empty_variable_is_not_set() {
    let emulator = emulator();
    let proxy = TestProxy::to(&emulator);
    for value in ["", " "] {
        let exchange = Exchange::with(&emulator)
            .variable("HTTPS_PROXY", value)
            .variable("all_proxy", proxy.url("http"));
        exchange.run(|ended| {
            ended.assert_token(&emulator);
            assert_eq!(proxy.asked().len(), 1, "{}", ended.whose);
        });
    }
}

#[test]
fn what_a_request_to_a_cgi_can_set_names_no_proxy() {
    let emulator = emulator();
    let dead = format!("http://{}", dead_address());
    let exchange = Exchange::with(&emulator)
        .variable("REQUEST_METHOD", "GET")
        .variable("HTTP_PROXY", dead);
    exchange.run(|ended| ended.assert_token(&emulator));
}

#[test]
fn a_value_that_names_no_proxy_is_an_error_that_names_the_variable() {
    let emulator = emulator();
    for value in [
        "ftp://SENTINEL",
        "http://",
        "no proxy",
        "http://us er:SENTINEL@x",
    ] {
        let exchange = Exchange::with(&emulator).variable("https_proxy", value);
        exchange.run(|ended| {
            ended.assert_kind("build");
            assert_eq!(
                ended.text,
                "the environment variable https_proxy names no proxy; write it as http://host:port, or unset it"
            );
        });
    }
    assert!(emulator.requests().is_empty());
}

#[test]
fn no_proxy_lists_hosts_that_are_reached_straight() {
    let emulator = emulator();
    let proxy = TestProxy::to(&emulator);
    for (host, variable, value, straight) in [
        ("localhost", "NO_PROXY", "localhost", true),
        ("localhost", "no_proxy", "LocalHost", true),
        ("localhost", "NO_PROXY", "*", true),
        ("localhost", "NO_PROXY", "x, localhost", true),
        ("localhost", "NO_PROXY", "x localhost", true),
        ("localhost", "NO_PROXY", ".localhost", true),
        ("127.0.0.1", "NO_PROXY", "x, 127.0.0.1", true),
        ("localhost", "NO_PROXY", "", false),
        ("localhost", "NO_PROXY", "host", false),
        ("localhost", "NO_PROXY", "local*", false),
        ("localhost", "NO_PROXY", "127.0.0.1", false),
        ("localhost", "NO_PROXY", "localhost.example", false),
    ] {
        let mut exchange = Exchange::with(&emulator)
            .variable("ALL_PROXY", proxy.url("http"))
            .variable(variable, value);
        exchange.base_url = format!("https://{host}:{}", emulator.addr().port());
        exchange.run(|ended| {
            ended.assert_token(&emulator);
            assert_eq!(proxy.asked().is_empty(), straight, "{}", ended.whose);
        });
    }
}

#[test]
fn without_variables_the_way_is_straight() {
    let emulator = emulator();
    Exchange::with(&emulator).run(|ended| ended.assert_token(&emulator));
}

#[test]
fn no_proxy_holds_for_socks_too() {
    let emulator = emulator();
    for scheme in ["socks4", "socks4a", "socks5", "socks5h"] {
        let dead = format!("{scheme}://{}", dead_address());
        let exchange = Exchange::with(&emulator)
            .variable("ALL_PROXY", dead)
            .variable("NO_PROXY", "localhost");
        exchange.run(|ended| ended.assert_token(&emulator));
    }
}

#[test]
fn plain_http_goes_straight() {
    let emulator = Emulator::builder().rate(None).start().unwrap();
    for scheme in ["http", "socks5h"] {
        let dead = format!("{scheme}://{}", dead_address());
        let mut exchange = Exchange::with(&emulator);
        for name in PROXIES.into_iter().chain(["HTTP_PROXY", "http_proxy"]) {
            exchange = exchange.variable(name, &*dead);
        }
        exchange.run(|ended| ended.assert_token(&emulator));
    }
}

#[test]
fn a_builder_can_pass_over_the_variables() {
    let emulator = emulator();
    let proxy = TestProxy::to(&emulator);
    let mut exchange = Exchange::with(&emulator);
    exchange.no_proxy_called = true;
    for name in PROXIES {
        exchange = exchange.variable(name, proxy.url("http"));
    }
    exchange.run(|ended| {
        ended.assert_token(&emulator);
        assert!(proxy.asked().is_empty(), "{}", ended.whose);
    });
}
