//! Certificates that clients refuse, and servers that want one from the client: the error says which it is.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a panic is how a test reports"
)]

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use pan123_token::{Credentials, FetchError, GetAccessToken, Grant};
use pan123_token_tests::adapters;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{
    RootCertStore, ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion,
};

const LONG: Duration = Duration::from_secs(10);

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        roots
    }

    fn certify(&self, params: &CertificateParams) -> Identity {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Identity(certificate.der().clone(), key.serialize_der())
    }
}

/// A server's certificate and its key.
struct Identity(CertificateDer<'static>, Vec<u8>);

fn params() -> CertificateParams {
    let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.use_authority_key_identifier_extension = true;
    params
}

fn self_signed(params: &CertificateParams) -> Identity {
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    Identity(certificate.der().clone(), key.serialize_der())
}

/// Its address, and how many requests came through its TLS.
struct Server {
    url: String,
    requests: Arc<AtomicUsize>,
}

impl Server {
    /// With `clients`, it wants a certificate from them.
    fn start(
        identity: Identity,
        version: &'static SupportedProtocolVersion,
        clients: Option<RootCertStore>,
    ) -> Self {
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[version])
            .unwrap();
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(roots) => {
                let roots = Arc::new(roots);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
                builder.with_client_cert_verifier(verifier.build().unwrap())
            }
        };
        let key = PrivatePkcs8KeyDer::from(identity.1).into();
        let config = Arc::new(builder.with_single_cert(vec![identity.0], key).unwrap());
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let url = format!(
            "https://localhost:{}",
            listener.local_addr().unwrap().port()
        );
        let requests = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&requests);
        // It ends with the test's process.
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                serve(connection, Arc::clone(&config), &counted);
            }
        });
        Self { url, requests }
    }
}

fn serve(connection: TcpStream, config: Arc<ServerConfig>, requests: &AtomicUsize) {
    connection.set_read_timeout(Some(LONG)).unwrap();
    let tls = ServerConnection::new(config).unwrap();
    let mut stream = StreamOwned::new(tls, connection);
    if matches!(stream.read(&mut [0; 4096]), Ok(1..)) {
        requests.fetch_add(1, Ordering::SeqCst);
        let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n");
        stream.conn.send_close_notify();
    }
    // An alert is still to go. A socket that is closed with unread bytes resets the connection, which may overtake it.
    let _ = stream.conn.write_tls(&mut stream.sock);
    let _ = stream.sock.shutdown(std::net::Shutdown::Write);
    while matches!(stream.sock.read(&mut [0; 4096]), Ok(1..)) {}
}

/// Through each bundled client that trusts this authority.
fn through_each(server: &Server, ca_pem: &str, check: impl Fn(&str, Result<Grant, FetchError>)) {
    let operation = GetAccessToken::new(Credentials::new("id", "SENTINEL-secret").unwrap())
        .with_base_url(server.url.parse().unwrap());
    for (adapter, fetch) in adapters::TRUSTING {
        check(adapter, fetch(&operation, LONG, ca_pem));
    }
}

/// Nothing was sent, and the line says this.
fn assert_refused(identity: Identity, ca_pem: &str, says: &[&str]) {
    let server = Server::start(identity, &TLS13, None);
    through_each(&server, ca_pem, |adapter, result| {
        let error = result.unwrap_err();
        println!("{adapter}: {error}");
        assert_eq!(error.kind(), "tls", "{adapter}: {error}");
        for says in says {
            assert!(error.to_string().contains(says), "{adapter}: {error}");
        }
    });
    assert_eq!(server.requests.load(Ordering::SeqCst), 0);
}

#[test]
fn a_good_certificate_is_trusted() {
    let authority = Authority::new("known");
    for version in [&TLS12, &TLS13] {
        let server = Server::start(authority.certify(&params()), version, None);
        through_each(&server, &authority.pem(), |adapter, result| {
            let error = result.unwrap_err();
            assert_eq!(error.kind(), "not_api", "{adapter}: {error}");
        });
        assert_eq!(server.requests.load(Ordering::SeqCst), 2);
    }
}

#[test]
fn an_expired_certificate() {
    let authority = Authority::new("known");
    let mut params = params();
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2020, 12, 31);
    let expired = authority.certify(&params);
    let says = ["certificate expired", "the clock of this host"];
    assert_refused(expired, &authority.pem(), &says);
}

#[test]
fn a_certificate_for_another_host() {
    let authority = Authority::new("known");
    let params = CertificateParams::new(["elsewhere.example".to_owned()]).unwrap();
    let says = ["localhost", "elsewhere.example", "is for another host"];
    assert_refused(authority.certify(&params), &authority.pem(), &says);
}

#[test]
fn a_certificate_of_an_unknown_authority() {
    let (known, unknown) = (Authority::new("known"), Authority::new("unknown"));
    let says = ["UnknownIssuer", "or its CA isn't trusted here"];
    assert_refused(unknown.certify(&params()), &known.pem(), &says);
}

#[test]
fn a_self_signed_certificate() {
    let known = Authority::new("known");
    // As `openssl req -x509` makes them, it is a CA's at the same time.
    let mut as_a_ca = params();
    as_a_ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    for params in [params(), as_a_ca] {
        assert_refused(self_signed(&params), &known.pem(), &["self-signed"]);
    }
}

#[test]
fn a_server_that_demands_a_client_certificate() {
    let authority = Authority::new("known");
    for version in [&TLS12, &TLS13] {
        let identity = authority.certify(&params());
        let server = Server::start(identity, version, Some(authority.roots()));
        through_each(&server, &authority.pem(), |adapter, result| {
            let error = result.unwrap_err();
            println!("{adapter}: {error}");
            assert_eq!(error.kind(), "tls", "{adapter}: {error}");
            let says = "the server demands a client certificate";
            assert!(error.to_string().contains(says), "{adapter}: {error}");
            assert!(!error.may_have_issued(), "{adapter}");
        });
        assert_eq!(server.requests.load(Ordering::SeqCst), 0);
    }
}
