//! TLS by rustls, always given its provider: which one is the process's default is not for a library to assume.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{AlertDescription, ClientConfig, ClientConnection, Error, RootCertStore, StreamOwned};

use crate::connection::Stream;
use crate::failure::{Failure, Trouble};
use crate::server::RedisUrlError;
use crate::socket::{Deadline, Socket};

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

    /// Shakes hands by the deadline.
    pub(crate) fn connect(
        &self,
        mut socket: Socket,
        deadline: Deadline,
    ) -> Result<StreamOwned<ClientConnection, Socket>, Failure> {
        socket.deadline = deadline;
        let tls = ClientConnection::new(Arc::clone(&self.config), self.name.clone());
        let mut tls = tls.map_err(|error| failure(&error))?;
        while tls.is_handshaking() {
            if let Err(error) = tls.complete_io(&mut socket) {
                return Err(match tls.process_new_packets() {
                    Err(error) => failure(&error),
                    Ok(_) => Failure::io(&error, deadline, Failure::Lost),
                });
            }
        }
        Ok(StreamOwned::new(tls, socket))
    }
}

/// Whether there is TLS behind this socket. No secret is sent.
pub(crate) fn is_spoken(mut socket: Socket) -> bool {
    let name = ServerName::from(IpAddr::from(Ipv4Addr::LOCALHOST));
    let Ok(mut tls) = ClientConnection::new(config(RootCertStore::empty()), name) else {
        return false;
    };
    while tls.is_handshaking() {
        if tls.complete_io(&mut socket).is_err() {
            break;
        }
    }
    // It got as far as a certificate, which isn't trusted here; or was told in TLS what is wrong.
    matches!(
        tls.process_new_packets(),
        Err(Error::InvalidCertificate(_) | Error::AlertReceived(_))
    )
}

impl Stream for StreamOwned<ClientConnection, Socket> {
    fn socket(&mut self) -> &mut Socket {
        &mut self.sock
    }

    fn tls_failure(&mut self) -> Option<Failure> {
        // In TLS 1.3, a server judges our certificate after we have gone on. An error stays.
        let error = self.conn.process_new_packets().err()?;
        Some(failure(&error))
    }
}

fn failure(error: &Error) -> Failure {
    use AlertDescription::{
        AccessDenied, BadCertificate, CertificateExpired, CertificateRequired, CertificateRevoked,
        CertificateUnknown, HandshakeFailure, InsufficientSecurity, ProtocolVersion, UnknownCA,
        UnrecognisedName, UnsupportedCertificate,
    };
    let trouble = match error {
        Error::AlertReceived(CertificateRequired) => return Failure::NoCertificate,
        Error::InvalidCertificate(_)
        | Error::InvalidMessage(_)
        | Error::PeerIncompatible(_)
        | Error::NoCertificatesPresented
        | Error::AlertReceived(
            AccessDenied
            | BadCertificate
            | CertificateExpired
            | CertificateRevoked
            | CertificateUnknown
            | HandshakeFailure
            | InsufficientSecurity
            | ProtocolVersion
            | UnknownCA
            | UnrecognisedName
            | UnsupportedCertificate,
        ) => Trouble::Misconfigured,
        _ => Trouble::Outage,
    };
    let cause = error.to_string();
    Failure::Tls { cause, trouble }
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
