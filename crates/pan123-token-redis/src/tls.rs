//! TLS by rustls, always given its provider: which one is the process's default is not for a library to assume.

use std::io;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::connection::Stream;
use crate::server::RedisUrlError;
use crate::socket::Socket;

pub(crate) struct Tls {
    /// Whose certificate is asked for.
    name: ServerName<'static>,
    config: Arc<ClientConfig>,
}

impl Tls {
    /// Trusts Mozilla's root certificates.
    pub(crate) fn new(host: &str) -> Result<Self, RedisUrlError> {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| RedisUrlError::new("names a host that no certificate can name"))?;
        let roots = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
        Ok(Self {
            name,
            config: config(roots),
        })
    }

    /// Trusts these roots, and no others.
    pub(crate) fn trust(&mut self, roots: RootCertStore) {
        self.config = config(roots);
    }

    /// Shakes hands, so that what comes later is no failure of TLS.
    pub(crate) fn connect(
        &self,
        mut socket: Socket,
    ) -> io::Result<StreamOwned<ClientConnection, Socket>> {
        let mut tls = ClientConnection::new(Arc::clone(&self.config), self.name.clone())
            .map_err(io::Error::other)?;
        while tls.is_handshaking() {
            tls.complete_io(&mut socket)?;
        }
        Ok(StreamOwned::new(tls, socket))
    }
}

impl Stream for StreamOwned<ClientConnection, Socket> {
    fn socket(&mut self) -> &mut Socket {
        &mut self.sock
    }
}

/// The certificates in a PEM, of which there is at least one.
pub(crate) fn roots(pem: &[u8]) -> io::Result<RootCertStore> {
    let invalid = |text| io::Error::new(io::ErrorKind::InvalidData, text);
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        // What the parser says of it repeats the file.
        let certificate = certificate.map_err(|_| invalid("the PEM can't be read"))?;
        roots
            .add(certificate)
            .map_err(|_| invalid("the PEM holds something that is no certificate"))?;
    }
    if roots.is_empty() {
        return Err(invalid("there is no certificate in the PEM"));
    }
    Ok(roots)
}

#[expect(
    clippy::expect_used,
    reason = "ring has suites for every version of TLS"
)]
fn config(roots: RootCertStore) -> Arc<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has suites for every version of TLS")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}
