//! Which servers may be sent the token, and which only look like them.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use pan123_token::http::Uri;
use pan123_token::{BaseUrl, Origins};
use proptest::prelude::*;

fn official() -> Origins {
    Origins::of(&BaseUrl::default())
}

fn of(base_url: &str) -> Origins {
    Origins::of(&base_url.parse().unwrap())
}

fn uri(text: &str) -> Uri {
    text.parse().unwrap()
}

#[test]
fn every_way_to_write_the_origin_is_contained() {
    for text in [
        "https://open-api.123pan.com",
        "https://open-api.123pan.com/",
        "https://open-api.123pan.com/api/v1/user/info?x=https://evil.example",
        "https://open-api.123pan.com?@evil.example",
        "https://open-api.123pan.com#@evil.example",
        "https://open-api.123pan.com:443/api",
        "https://open-api.123pan.com:0443/api",
        "HTTPS://Open-API.123PAN.com/api",
    ] {
        assert!(official().contains(&uri(text)), "{text}");
    }
}

#[test]
fn what_only_looks_like_the_origin_is_not_contained() {
    for text in [
        // Another scheme, another port.
        "http://open-api.123pan.com/",
        "http://open-api.123pan.com:443/",
        "https://open-api.123pan.com:80/",
        "https://open-api.123pan.com:8443/",
        "https://open-api.123pan.com:65979/",
        "https://open-api.123pan.com:/",
        "https://open-api.123pan.com:0/",
        "ws://open-api.123pan.com:443/",
        "wss://open-api.123pan.com/",
        // Another host.
        "https://open-api.123pan.com.evil.com/",
        "https://evil-open-api.123pan.com/",
        "https://api.123pan.com/",
        "https://123pan.com/",
        "https://www.open-api.123pan.com/",
        "https://open-api.123pan.com./",
        "https://open-api-123pan.com/",
        "https://xn--open-api-.123pan.com/",
        "https://evil.com/open-api.123pan.com",
        "https://evil.com?https://open-api.123pan.com",
        "https://evil.com#@open-api.123pan.com/",
        // User info, whichever side the host is on.
        "https://open-api.123pan.com@evil.com/",
        "https://open-api.123pan.com:443@evil.com/",
        "https://evil.com@open-api.123pan.com/",
        "https://user:password@open-api.123pan.com/",
        // No scheme or no host: where it goes is not said.
        "/api/v1/user/info",
        "/https://open-api.123pan.com/",
        "//open-api.123pan.com/api",
        "open-api.123pan.com",
        "open-api.123pan.com:443",
        "*",
    ] {
        assert!(!official().contains(&uri(text)), "{text}");
    }
    // These are no URIs of this type in the first place.
    for text in [
        "https://open-api.123pan.com\\@evil.com/",
        "https://open-api.123pan.com%2eevil.com/",
        "https://例子.com/",
        "https://open-api.123pan.com\u{3002}evil.com/",
        "https://@open-api.123pan.com:443:443/",
    ] {
        assert!(text.parse::<Uri>().is_err(), "{text}");
    }
}

#[test]
fn a_host_name_counts_as_it_is_written() {
    let punycode = of("https://xn--fsqu00a.example");
    assert!(punycode.contains(&uri("https://XN--FSQU00A.example/")));
    assert!(!punycode.contains(&uri("https://xn--fsqu00b.example/")));
    assert!(!of("http://localhost").contains(&uri("http://127.0.0.1")));
    assert!(of("https://example.com.").contains(&uri("https://example.com./")));
    assert!(!of("https://example.com.").contains(&uri("https://example.com/")));
}

#[test]
fn an_ip_address_is_the_same_however_it_is_written() {
    let loopback = of("http://[::1]:8080");
    assert!(loopback.contains(&uri("http://[0:0:0:0:0:0:0:1]:8080/")));
    assert!(!loopback.contains(&uri("http://[::1]/")));
    assert!(!loopback.contains(&uri("http://[::2]:8080/")));
    assert!(!loopback.contains(&uri("http://127.0.0.1:8080/")));

    let global = of("https://[2001:DB8::1]");
    assert!(global.contains(&uri("https://[2001:0db8::0001]:443/")));
    assert!(!global.contains(&uri("https://[2001:db8::1]x/")));
    assert!(!global.contains(&uri("https://[2001:db8::1%251]/")));

    let mapped = of("https://[::ffff:192.0.2.1]");
    assert!(mapped.contains(&uri("https://[::FFFF:C000:0201]/")));
    assert!(!mapped.contains(&uri("https://192.0.2.1/")));

    let v4 = of("http://127.0.0.1");
    assert!(v4.contains(&uri("http://127.0.0.1:80/")));
    // What only some systems read as that address is a name like any other.
    assert!(!v4.contains(&uri("http://127.1/")));
    assert!(!v4.contains(&uri("http://0x7f.0.0.1/")));
    assert!(!v4.contains(&uri("http://127.0.0.01/")));
}

#[test]
fn an_added_origin_is_contained_and_changes_nothing_else() {
    let insecure = BaseUrl::insecure(uri("http://10.0.0.1:8080")).unwrap();
    let origins = official()
        .and(&"https://Mirror.example:8443/pan/".parse().unwrap())
        .and(&insecure);
    for text in [
        "https://open-api.123pan.com/api",
        "https://mirror.example:8443/pan/api",
        // The path counts for nothing.
        "https://mirror.example:8443/elsewhere",
        "http://10.0.0.1:8080/api",
    ] {
        assert!(origins.contains(&uri(text)), "{text}");
        assert!(origins.clone().contains(&uri(text)), "{text}");
    }
    for text in [
        "https://mirror.example/pan",
        "http://mirror.example:8443/pan",
        "https://10.0.0.1:8080/api",
        // No mixture of two of them.
        "https://open-api.123pan.com:8443/",
        "http://open-api.123pan.com:8080/",
    ] {
        assert!(!origins.contains(&uri(text)), "{text}");
    }
}

#[test]
fn debug_shows_the_origins_in_their_normal_form() {
    let origins = of("HTTPS://Open-API.123pan.com:443/pan")
        .and(&"http://[0:0::1]:8080".parse().unwrap())
        .and(&"http://127.0.0.1:80".parse().unwrap());
    assert_eq!(
        format!("{origins:?}"),
        r#"Origins(["https://open-api.123pan.com", "http://[::1]:8080", "http://127.0.0.1"])"#
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_contained_is_spelt_as_the_origin(
        text in "(https|http|HTTPS|wss)://[aA.@:\\[-]{0,2}open-api\\.123pan\\.[cC]om[.@:/?#%a\\]-]{0,2}(443|80|evil\\.com)?/?",
    ) {
        if let Ok(uri) = text.parse::<Uri>() {
            let lower = text.to_ascii_lowercase();
            let behind = lower.strip_prefix("https://open-api.123pan.com");
            let behind = behind.map(|it| it.strip_prefix(":443").unwrap_or(it));
            let spelt = behind.is_some_and(|it| it.is_empty() || it.starts_with(['/', '?', '#']));
            prop_assert_eq!(official().contains(&uri), spelt, "{}", text);
        }
    }
}

#[test]
fn an_origin_is_named_in_its_one_normal_form() {
    let name = |uri: &str| Origins::name(&uri.parse().unwrap());
    let upload = name("HTTPS://Upload.Example:443/slice?signature=secret");
    assert_eq!(upload.as_deref(), Some("https://upload.example"));
    let plain = name("http://[::1]:8080/");
    assert_eq!(plain.as_deref(), Some("http://[::1]:8080"));
    assert_eq!(name("/api/v1/user/info"), None);
    assert_eq!(name("https://user:secret@upload.example/"), None);
}
