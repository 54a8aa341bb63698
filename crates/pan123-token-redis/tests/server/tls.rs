//! TLS: which certificates are taken, and what a port says that speaks another language.
#![cfg(feature = "rustls")]

use std::fs;
use std::path::Path;
use std::time::Duration;

use pan123_token_cache::testing::conformance;
use pan123_token_cache::{StoreError, TokenStore};
use pan123_token_redis::RedisStore;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use crate::process::Server;
use crate::{key, line};

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    fn pem(&self) -> Vec<u8> {
        self.0.pem().into_bytes()
    }

    /// A server with a certificate for this name, and without a plain port.
    fn server(&self, name: &str) -> Server {
        self.server_that(&["--tls-auth-clients", "no"], name)
    }

    fn server_that(&self, options: &[&str], name: &str) -> Server {
        let write = |folder: &Path, file: &str, text: String| {
            let path = folder.join(file);
            fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let tls = ["--port", "0", "--tls-port", "PORT"];
        let options = [&tls, options].concat();
        Server::prepared(&options, |folder| {
            let key = KeyPair::generate().unwrap();
            let params = CertificateParams::new([name.to_owned()]).unwrap();
            let leaf = params.signed_by(&key, &self.0).unwrap();
            vec![
                "--tls-cert-file".to_owned(),
                write(folder, "server.pem", leaf.pem()),
                "--tls-key-file".to_owned(),
                write(folder, "key.pem", key.serialize_pem()),
                "--tls-ca-cert-file".to_owned(),
                write(folder, "ca.pem", self.0.pem()),
            ]
        })
    }
}

fn store(host: &str, server: &Server) -> RedisStore {
    RedisStore::new(&format!("rediss://{host}:{}", server.port)).unwrap()
}

fn failure(server: &Server, result: Result<impl std::fmt::Debug, StoreError>) -> String {
    line(&result.unwrap_err(), server.port)
}

#[test]
#[ignore = "needs redis-server; tests/run provides it"]
fn a_server_is_trusted_by_its_authority() {
    let authority = Authority::new();
    for host in ["localhost", "127.0.0.1"] {
        let server = authority.server(host);
        let store = store(host, &server).ca_pem(&authority.pem()).unwrap();
        conformance(&store, &|time| std::thread::sleep(time));
    }
}

#[test]
#[ignore = "needs redis-server; tests/run provides it"]
fn a_login_goes_over_tls() {
    let authority = Authority::new();
    let options = ["--tls-auth-clients", "no", "--requirepass", "SENTINEL"];
    let server = authority.server_that(&options, "localhost");
    let host = |login| store(&format!("{login}@localhost"), &server).ca_pem(&authority.pem());
    let loaded = host("default:SENTINEL").unwrap().load(key());
    assert_eq!(loaded.unwrap(), None);
    let line = failure(&server, host(":SENTINEL-not").unwrap().load(key()));
    assert!(line.contains("the user or the password is wrong"), "{line}");
}

#[test]
#[ignore = "needs redis-server; tests/run provides it"]
fn a_connection_over_tls_that_was_closed_costs_no_failure() {
    let authority = Authority::new();
    let mut server = authority.server("localhost");
    let store = store("localhost", &server)
        .ca_pem(&authority.pem())
        .unwrap();
    for _ in 0..3 {
        assert_eq!(store.load(key()).unwrap(), None);
        server.restart();
    }
    assert_eq!(store.load(key()).unwrap(), None);
}

#[test]
#[ignore = "needs redis-server; tests/run provides it"]
fn a_certificate_that_isnt_trusted_is_refused() {
    let authority = Authority::new();
    let server = authority.server("localhost");
    // By Mozilla's, and by another authority.
    let line = failure(&server, store("localhost", &server).load(key()));
    assert!(
        line.contains("TLS failed: invalid peer certificate: UnknownIssuer"),
        "{line}"
    );
    let other = store("localhost", &server).ca_pem(&Authority::new().pem());
    let line = failure(&server, other.unwrap().load(key()));
    assert!(
        line.contains("TLS failed: invalid peer certificate"),
        "{line}"
    );
    assert!(
        line.ends_with("; check the URL and the trusted certificates"),
        "{line}"
    );

    // For another name.
    let named = store("127.0.0.1", &server).ca_pem(&authority.pem());
    let line = failure(&server, named.unwrap().load(key()));
    assert!(
        line.contains("TLS failed: invalid peer certificate"),
        "{line}"
    );
}

#[test]
#[ignore = "needs redis-server; tests/run provides it"]
fn the_wrong_scheme_is_told() {
    let authority = Authority::new();
    let server = authority.server("localhost");
    let line = failure(&server, server.store().load(key()));
    assert!(
        line.ends_with("; check its log, and the URL's port and scheme"),
        "{line}"
    );

    let server = Server::start();
    let tls = store("localhost", &server).timeout(Duration::from_millis(300));
    let line = failure(&server, tls.load(key()));
    assert!(line.contains("check"), "{line}");
}

#[test]
#[ignore = "needs redis-server; tests/run provides it"]
fn a_server_that_asks_for_a_certificate_of_ours_is_told() {
    let authority = Authority::new();
    let server = authority.server_that(&["--tls-auth-clients", "yes"], "localhost");
    let store = store("localhost", &server)
        .ca_pem(&authority.pem())
        .unwrap();
    let line = failure(&server, store.load(key()));
    assert!(line.contains("ertificate"), "{line}");
}
