//! The emulator behind TLS.
#![allow(clippy::unwrap_used)]

mod common;

use std::net::SocketAddr;
use std::sync::Arc;

use common::{Reply, Request, credentials, raw};
use hyper_util::rt::{TokioExecutor, TokioIo};
use pan123_emulator::{CLIENT_ID, Emulator, Fault};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring};

fn emulator() -> Emulator {
    Emulator::builder().tls().start().unwrap()
}

async fn connect(
    addr: SocketAddr,
    trusted: Option<&[u8]>,
    name: &'static str,
    alpn: &[u8],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    if let Some(der) = trusted {
        roots.add(CertificateDer::from(der.to_vec())).unwrap();
    }
    let provider = Arc::new(ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![alpn.to_vec()];
    let stream = TcpStream::connect(addr).await?;
    let name = ServerName::try_from(name).unwrap();
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
}

async fn over_http1(emulator: &Emulator, name: &'static str) -> std::io::Result<Vec<u8>> {
    send(emulator, emulator.addr(), name, &Request::token()).await
}

async fn send(
    emulator: &Emulator,
    addr: SocketAddr,
    name: &'static str,
    request: &Request,
) -> std::io::Result<Vec<u8>> {
    let mut stream = connect(addr, emulator.ca_der(), name, b"http/1.1").await?;
    stream.write_all(&request.bytes()).await?;
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply).await?;
    Ok(reply)
}

#[tokio::test]
async fn its_certificate_is_for_every_name_of_the_loopback() {
    let emulator = emulator();
    let port = emulator.addr().port();
    assert_eq!(emulator.url(), format!("https://localhost:{port}"));
    for name in ["localhost", "127.0.0.1", "::1"] {
        let reply = over_http1(&emulator, name).await.unwrap();
        assert_eq!(Reply::parse(&reply).code(), 0, "{name}");
    }
    let requests = emulator.requests();
    assert!(requests.iter().all(|r| r.tls && r.version == "HTTP/1.1"));
}

#[tokio::test]
async fn the_upload_host_has_the_same_certificate() {
    let emulator = Emulator::builder().tls().host("emulator").start().unwrap();
    let addr = emulator.upload_addr();
    let url = format!("https://emulator:{}", addr.port());
    assert_eq!(emulator.upload_url(), url);
    let token = emulator.issue(CLIENT_ID).unwrap();
    let values = [("filename", "a"), ("etag", "e"), ("size", "2")];
    for name in ["emulator", "localhost"] {
        let request = Request::api("POST /upload/v2/file/single/create", &token);
        let request = request.form(&values, ("file", b"hi"));
        let reply = send(&emulator, addr, name, &request).await.unwrap();
        assert_eq!(Reply::parse(&reply).code(), 0, "{name}");
    }
    assert!(
        emulator
            .requests()
            .iter()
            .all(|it| it.tls && it.upload_host)
    );
}

#[tokio::test]
async fn its_certificate_is_good_for_nothing_else() {
    let emulator = emulator();
    assert!(over_http1(&emulator, "example.com").await.is_err());
    let untrusting = connect(emulator.addr(), None, "localhost", b"h2").await;
    assert!(untrusting.is_err());
    // Another emulator's authority is another one.
    let other = self::emulator();
    let crossed = connect(emulator.addr(), other.ca_der(), "localhost", b"h2").await;
    assert!(crossed.is_err());
}

#[tokio::test]
async fn http2_is_spoken_where_it_is_agreed_on() {
    let emulator = emulator();
    let stream = connect(emulator.addr(), emulator.ca_der(), "localhost", b"h2").await;
    let io = TokioIo::new(stream.unwrap());
    let builder = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
    let (mut sender, connection) = builder.handshake::<_, String>(io).await.unwrap();
    let connection = tokio::spawn(connection);
    let request = || {
        hyper::Request::post("https://localhost/api/v1/access_token?x=1")
            .header("platform", "open_platform")
            .header("content-type", "application/json")
            .body(credentials())
            .unwrap()
    };
    let reply = sender.send_request(request()).await.unwrap();
    assert_eq!(reply.status(), 200);
    assert!(reply.headers().contains_key("date"));
    let received = &emulator.requests()[0];
    assert!(received.tls);
    assert_eq!(received.version, "HTTP/2.0");
    assert_eq!(received.target, "/api/v1/access_token?x=1");
    assert_eq!(received.body, credentials().as_bytes());

    emulator.inject(Fault::Reset);
    assert!(sender.send_request(request()).await.is_err());
    assert!(connection.await.unwrap().is_err());
}

#[tokio::test]
async fn faults_work_here_too() {
    let emulator = emulator();
    emulator.inject(Fault::Reset);
    let error = over_http1(&emulator, "localhost").await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    emulator.inject(Fault::Truncate);
    // An end without TLS's own farewell is an error for rustls.
    assert!(over_http1(&emulator, "localhost").await.is_err());
    assert_eq!((emulator.token_requests(), emulator.issued()), (2, 1));
}

#[test]
fn plain_http_gets_nothing() {
    let emulator = emulator();
    let reply = raw(&emulator, &Request::token().bytes());
    assert!(!reply.unwrap_or_default().starts_with(b"HTTP"));
    assert_eq!(emulator.requests().len(), 0);
}

#[test]
fn the_authority_is_there_only_with_tls() {
    let plain = Emulator::builder().start().unwrap();
    assert_eq!((plain.ca_pem(), plain.ca_der()), (None, None));
    let emulator = emulator();
    let pem = emulator.ca_pem().unwrap();
    assert!(pem.starts_with("-----BEGIN CERTIFICATE-----"));
    assert_eq!(pem.matches("BEGIN").count(), 1);
}
