//! TLS: which certificates are taken, and what a port says that speaks another language.
#![cfg(feature = "rustls")]

use std::fs;
use std::path::Path;

use pan123_token_cache::testing::conformance;
use pan123_token_cache::{StoreError, TokenStore};
use pan123_token_redis::RedisStore;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use crate::process::Server;
use crate::{key, line};

/// Options of a server that asks for no client certificate.
pub(crate) const PLAIN_CLIENTS: &[&str] = &["--tls-auth-clients", "no"];

pub(crate) struct Authority(pub(crate) CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        // OpenSSL takes a certificate whose authority has the same name for one that signed itself.
        let name = "authority of the tests";
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    pub(crate) fn pem(&self) -> Vec<u8> {
        self.0.pem().into_bytes()
    }

    /// A server with a certificate for this name, and without a plain port.
    pub(crate) fn server(&self, name: &str) -> Server {
        self.server_that(PLAIN_CLIENTS, name, |_| ())
    }

    /// With what is changed in its certificate.
    pub(crate) fn server_that(
        &self,
        options: &[&str],
        name: &str,
        change: impl Fn(&mut CertificateParams),
    ) -> Server {
        let tls = ["--port", "0", "--tls-port", "PORT"];
        let options = [&tls, options].concat();
        Server::prepared(&options, |folder| self.files(folder, name, &change))
    }

    /// The options for files in this folder: a certificate for this name, with what is changed in it.
    pub(crate) fn files(
        &self,
        folder: &Path,
        name: &str,
        change: impl Fn(&mut CertificateParams),
    ) -> Vec<String> {
        let write = |file: &str, text: String| {
            let path = folder.join(file);
            fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        change(&mut params);
        let leaf = params.signed_by(&key, &self.0).unwrap();
        vec![
            "--tls-cert-file".to_owned(),
            write("server.pem", leaf.pem()),
            "--tls-key-file".to_owned(),
            write("key.pem", key.serialize_pem()),
            "--tls-ca-cert-file".to_owned(),
            write("ca.pem", self.0.pem()),
        ]
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
    let server = authority.server_that(&options, "localhost", |_| ());
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
