//! A server that asks for a client certificate.

use std::fs;

use pan123_token_cache::TokenStore;
use pan123_token_redis::RedisStore;
use rcgen::{CertificateParams, KeyPair};

use crate::process::Server;
use crate::table::documented;
use crate::tls::Authority;
use crate::{key, line};

fn server(authority: &Authority) -> Server {
    authority.server_that(&["--tls-auth-clients", "yes"], "localhost", |_| ())
}

/// Files in the server's folder, with a certificate of this authority and its key.
fn write(server: &Server, authority: &Authority) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["client".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &authority.0).unwrap().pem();
    let path = |file| server.folder().join(file).to_str().unwrap().to_owned();
    let files = (path("client.pem"), path("client.key"));
    fs::write(&files.0, certificate).unwrap();
    fs::write(&files.1, key.serialize_pem()).unwrap();
    files
}

fn store(server: &Server, authority: &Authority, cert: &str, key: &str) -> RedisStore {
    let port = server.port;
    let url = format!("rediss://localhost:{port}?cert={cert}&key={key}");
    let store = RedisStore::new(&url).unwrap();
    store.ca_pem(&authority.pem()).unwrap()
}

#[test]
#[ignore = "needs redis-server; tests/run provides it"]
fn a_client_certificate_is_shown() {
    let authority = Authority::new();
    for version in ["TLSv1.2", "TLSv1.3"] {
        let options = ["--tls-auth-clients", "yes", "--tls-protocols", version];
        let server = authority.server_that(&options, "localhost", |_| ());
        let (cert, key_file) = write(&server, &authority);
        let store = store(&server, &authority, &cert, &key_file);
        assert_eq!(store.load(key()).unwrap(), None, "{version}");
    }
}

#[test]
#[ignore = "needs redis-server; tests/run provides it"]
fn a_renewed_client_certificate_is_used_from_the_next_connection_on() {
    let authority = Authority::new();
    let server = server(&authority);
    let (cert, key_file) = write(&server, &Authority::new());
    let store = store(&server, &authority, &cert, &key_file);
    let error = store.load(key()).unwrap_err();
    assert!(error.is_misconfigured(), "{error}");
    let line = line(&error, server.port);
    assert!(
        line.contains("TLS failed: received fatal alert: "),
        "{line}"
    );
    assert!(line.contains("the client certificate in the URL"), "{line}");
    write(&server, &authority);
    assert_eq!(store.load(key()).unwrap(), None);
}

#[test]
#[ignore = "needs redis-server; tests/run provides it"]
fn a_client_certificate_that_cannot_be_used_is_misconfigured() {
    let authority = Authority::new();
    let server = server(&authority);
    let (cert, key_file) = write(&server, &authority);
    let other = server.folder().join("SENTINEL-other").display().to_string();
    fs::write(&other, "SENTINEL").unwrap();
    let other_key = KeyPair::generate().unwrap().serialize_pem();
    let folder = server.folder().display().to_string();
    for (cert, key_file, why) in [
        ("/none", &*key_file, "/none: No such file or directory"),
        (&*cert, "/none", "/none: No such file or directory"),
        (&*folder, &*key_file, "Is a directory"),
        (&*key_file, &*key_file, "no certificates"),
        (&*cert, &*cert, "it isn't in there"),
    ] {
        let loaded = store(&server, &authority, cert, key_file).load(key());
        let error = loaded.unwrap_err();
        assert!(error.is_misconfigured(), "{error}");
        let line = line(&error, server.port);
        assert!(
            line.contains("the client certificate can't be used: "),
            "{line}"
        );
        assert!(line.contains(why), "{line}");
    }
    // No word of what is in a file.
    let loaded = store(&server, &authority, &cert, &other).load(key());
    let text = loaded.unwrap_err().to_string();
    assert_eq!(text.matches("SENTINEL").count(), 1, "{text}");

    fs::write(&key_file, other_key).unwrap();
    let loaded = store(&server, &authority, &cert, &key_file).load(key());
    let case = "a client certificate with another's key";
    documented(case, server.port, loaded);
}

#[test]
#[ignore = "needs redis-server; tests/run provides it"]
fn no_client_certificate_is_misconfigured_in_each_version_of_tls() {
    let authority = Authority::new();
    for version in ["TLSv1.2", "TLSv1.3"] {
        let options = ["--tls-auth-clients", "yes", "--tls-protocols", version];
        let server = authority.server_that(&options, "localhost", |_| ());
        let url = format!("rediss://localhost:{}", server.port);
        let store = RedisStore::new(&url).unwrap();
        let loaded = store.ca_pem(&authority.pem()).unwrap().load(key());
        let error = loaded.unwrap_err();
        assert!(error.is_misconfigured(), "{version}: {error}");
        let line = line(&error, server.port);
        assert!(line.contains("?cert=FILE&key=FILE"), "{version}: {line}");
    }
}
