//! `addresses`: over its committed corpus, and over addresses written by hand.

use std::fs;

use pan123_token_checks::addresses::check;

use super::{replay, seeds};

/// A base URL, another server, the URI of a call, and variables of the environment.
const ADDRESSES: &[&str] = &[
    "https://open-api.123pan.com\nhttps://upload.example:8443\nhttps://open-api.123pan.com/api/v1/user/info",
    "https://open-api.123pan.com\nhttps://upload.example:8443\nhttps://upload.example:8443/x?y=z",
    "https://open-api.123pan.com\n\nhttps://open-api.123pan.com.evil.example/",
    "https://open-api.123pan.com\n\nhttps://open-api.123pan.com@evil.example/",
    "https://open-api.123pan.com\n\nhttp://open-api.123pan.com/",
    "https://open-api.123pan.com\n\nhttps://open-api.123pan.com.:443/",
    "HTTPS://Open-API.123pan.com:0443/pan/\n\nhttps://OPEN-api.123pan.COM:443",
    "http://localhost:8080/a/b//\nhttp://127.0.0.1\nhttp://LOCALHOST:8080/",
    "http://127.1.2.3\nhttp://[::1]:81\nhttp://[0:0::1]:81/x",
    "http://[::ffff:127.0.0.1]/\nhttps://[2001:DB8::1]\nhttps://[2001:db8:0::1]:443/",
    "http://example.com\nhttps://user:password@example.com\nhttps://user:password@example.com/",
    "https://a?b\nhttps://a#b\nhttps://a/?b",
    "https://a:0\nhttps://a:65536\nhttps://a:",
    "https://a:+1\nhttps://:443\n/api/v1/user/info",
    "ftp://a\nhttps:/a\n*",
    "http://evil-localhost\nhttp://evil.localhost\nhttp://localhost:443",
    "https://host\nhttp://host:443\nhttps://host:443/",
    // The error names the platform's address, which is no password.
    "http:+1://a\n.123pan.com@evil.ex\n",
    "https://a/%zz/../b;c=d,e&f\nhttp://127.0.0.01\nhttps://a",
    "https://a\n\nhttps://host.example/\nHTTPS_PROXY=http://user:p%40ss@proxy:8080\nNO_PROXY=x, .example",
    "https://a\n\nhttps://host.example/\nhttps_proxy=\nALL_PROXY= socks5h://proxy:99 \nno_proxy=ost.example host.example.x *.example",
    "https://a\n\nhttps://host/\nall_proxy=proxy\nNO_PROXY=*",
    "https://a\n\nhttps://host/\nHTTPS_PROXY=http://us er:password@proxy",
    "https://a\n\nhttps://127.0.0.1/\nHTTPS_PROXY=http://[::1]:8080\nNO_PROXY=127.0.0.1,[::1],..a..,",
    "https://a\n\nhttps://host/\nHTTP_PROXY=http://a",
];

#[test]
fn the_corpus_holds() {
    replay("addresses", check);
}

#[test]
fn the_addresses_hold() {
    for address in ADDRESSES {
        println!("{address}");
        check(address.as_bytes());
    }
}

/// Writes them as inputs of the fuzz target. See `fuzz/README.md`.
#[test]
#[ignore = "writes fuzz/target/seeds/addresses"]
fn write_seeds() {
    let folder = seeds("addresses");
    for (at, address) in ADDRESSES.iter().enumerate() {
        fs::write(folder.join(at.to_string()), address).unwrap();
    }
}
