//! Addresses at the door.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use pan123_token::http::Uri;
use pan123_token::{BaseUrl, BaseUrlError, Credentials, GetAccessToken};

fn target(base_url: BaseUrl) -> String {
    let credentials = Credentials::new("id", "secret").unwrap();
    let operation = GetAccessToken::new(credentials).with_base_url(base_url);
    operation.request().uri().to_string()
}

#[test]
fn the_default_is_the_official_address() {
    let default = BaseUrl::default();
    assert_eq!(default.to_string(), "https://open-api.123pan.com");
    assert_eq!(default, "https://open-api.123pan.com/".parse().unwrap());
    assert_eq!(
        target(default),
        "https://open-api.123pan.com/api/v1/access_token"
    );
}

#[test]
fn an_address_is_kept_in_one_normal_form() {
    for (text, normal) in [
        ("https://example.com", "https://example.com"),
        ("https://example.com/", "https://example.com"),
        ("HTTPS://Example.COM:443/Pan//", "https://example.com/Pan"),
        (
            "https://example.com:8443/a/b",
            "https://example.com:8443/a/b",
        ),
        ("http://127.0.0.1:1234/pan", "http://127.0.0.1:1234/pan"),
        ("http://127.255.0.9", "http://127.255.0.9"),
        ("http://LOCALHOST:80", "http://localhost"),
        ("http://localhost:443", "http://localhost:443"),
        ("http://[::1]:8080/", "http://[::1]:8080"),
        ("https://[2001:DB8::1]", "https://[2001:db8::1]"),
        ("https://[2001:0DB8:0::0001]:0443", "https://[2001:db8::1]"),
    ] {
        let base_url: BaseUrl = text.parse().unwrap();
        assert_eq!(base_url.to_string(), normal);
        assert_eq!(base_url.as_str(), normal);
        assert_eq!(format!("{base_url:?}"), format!("BaseUrl({normal:?})"));
        assert_eq!(
            target(base_url.clone()),
            format!("{normal}/api/v1/access_token")
        );
        // The normal form stands for itself.
        assert_eq!(normal.parse::<BaseUrl>().unwrap(), base_url);
        assert_eq!(
            BaseUrl::try_from(text.parse::<Uri>().unwrap()).unwrap(),
            base_url
        );
    }
}

#[test]
fn what_cannot_be_a_base_url_is_refused_by_its_reason() {
    let too_long = format!("https://example.com/{}", "x".repeat(65_510));
    for (text, reason) in [
        ("", BaseUrlError::NotAUrl),
        ("https://exa mple.com", BaseUrlError::NotAUrl),
        ("https://例子.com", BaseUrlError::NotAUrl),
        (&too_long, BaseUrlError::NotAUrl),
        ("example.com", BaseUrlError::NotAbsolute),
        ("example.com:443", BaseUrlError::NotAbsolute),
        ("/pan", BaseUrlError::NotAbsolute),
        ("*", BaseUrlError::NotAbsolute),
        ("ftp://example.com", BaseUrlError::Scheme),
        ("ws://localhost", BaseUrlError::Scheme),
        ("http://example.com", BaseUrlError::NotHttps),
        ("http://127.0.0.1.example.com", BaseUrlError::NotHttps),
        ("http://localhost.example.com", BaseUrlError::NotHttps),
        ("http://evil-localhost", BaseUrlError::NotHttps),
        ("http://evil.localhost:8080", BaseUrlError::NotHttps),
        ("http://10.0.0.1", BaseUrlError::NotHttps),
        ("http://0.0.0.0", BaseUrlError::NotHttps),
        ("http://[::2]", BaseUrlError::NotHttps),
        ("http://[::ffff:8.8.8.8]", BaseUrlError::NotHttps),
        ("https://user@example.com", BaseUrlError::UserInfo),
        ("https://user:password@example.com", BaseUrlError::UserInfo),
        (
            "https://user:password@example.com:443",
            BaseUrlError::UserInfo,
        ),
        ("http://127.0.0.1@example.com", BaseUrlError::UserInfo),
        ("https://:443", BaseUrlError::Host),
        ("https://[::zz]", BaseUrlError::Host),
        ("https://example.com:0", BaseUrlError::Port),
        ("https://example.com:", BaseUrlError::Port),
        ("https://example.com:65536", BaseUrlError::Port),
        ("https://example.com:+443", BaseUrlError::Port),
        ("http://[::1]x80", BaseUrlError::Port),
        ("https://example.com/\u{9b}31m", BaseUrlError::NotAUrl),
        ("https://example.com/\u{202e}", BaseUrlError::NotAUrl),
        ("https://example.com/a\\b", BaseUrlError::NotAUrl),
        ("https://example.com/\"", BaseUrlError::NotAUrl),
        ("https://example.com?x", BaseUrlError::Query),
        ("https://example.com/pan?", BaseUrlError::Query),
        ("https://example.com#x", BaseUrlError::Fragment),
        ("https://example.com/#", BaseUrlError::Fragment),
    ] {
        assert_eq!(text.parse::<BaseUrl>(), Err(reason), "{text}");
    }
}

#[test]
fn http_to_any_host_takes_insistence_and_nothing_else_does() {
    let insecure = |text: &str| BaseUrl::insecure(text.parse().unwrap());
    let base_url = insecure("http://10.0.0.1:8080/pan/").unwrap();
    assert_eq!(base_url.to_string(), "http://10.0.0.1:8080/pan");
    assert_eq!(
        insecure("https://example.com").unwrap().as_str(),
        "https://example.com"
    );
    assert_eq!(insecure("ftp://example.com"), Err(BaseUrlError::Scheme));
    assert_eq!(
        insecure("http://u:p@example.com"),
        Err(BaseUrlError::UserInfo)
    );
    assert_eq!(insecure("http://example.com?x"), Err(BaseUrlError::Query));
}

#[test]
fn an_error_says_what_is_wrong_and_repeats_nothing() {
    for text in [
        "https://SENTINEL:SENTINEL@example.com",
        "https://example.com?SENTINEL",
        "https://SENTINEL\u{1b}",
        "SENTINEL",
    ] {
        let error = text.parse::<BaseUrl>().unwrap_err();
        assert!(!format!("{error} {error:?}").contains("SENTINEL"));
        assert!(error.to_string().starts_with("the base URL"));
    }
}
