//! A certificate authority of the emulator's own, and one certificate from it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// The authority's certificate, for clients to trust.
pub(crate) struct Authority {
    pub(crate) pem: String,
    pub(crate) der: Vec<u8>,
}

/// Makes an authority and a server's side of TLS that it vouches for: for `localhost`, `127.0.0.1`, `::1`, the addresses
/// listened on, and the host's name, if it has one.
pub(crate) fn authority(
    addrs: [SocketAddr; 2],
    host: Option<&str>,
) -> io::Result<(Authority, TlsAcceptor)> {
    let addrs = addrs.map(|addr| addr.ip().to_string());
    let names = addrs.into_iter().chain(host.map(str::to_owned));
    let (authority, config) = make(names).map_err(io::Error::other)?;
    Ok((authority, TlsAcceptor::from(Arc::new(config))))
}

type Error = Box<dyn std::error::Error + Send + Sync>;

fn make(names_too: impl Iterator<Item = String>) -> Result<(Authority, ServerConfig), Error> {
    let mut params = CertificateParams::default();
    let name = "pan123-emulator's own authority";
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;

    let mut names = vec!["localhost".to_owned(), "127.0.0.1".into(), "::1".into()];
    for name in names_too {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let mut params = CertificateParams::new(names)?;
    params
        .distinguished_name
        .push(DnType::CommonName, "localhost");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    // Some clients insist on a way to find the issuer.
    params.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    let leaf = params.signed_by(&key, &ca)?;

    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    // The provider is given by name: which one is the process's default is not for a library to assume.
    let provider = Arc::new(ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let authority = Authority {
        pem: ca.pem(),
        der: ca.der().to_vec(),
    };
    Ok((authority, config))
}
