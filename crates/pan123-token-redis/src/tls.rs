//! TLS by rustls, always given its provider: which one is the process's default is not for a library to assume.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WantsClientCert;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{
    AlertDescription, CertificateError, ClientConfig, ClientConnection, ConfigBuilder, Error,
    RootCertStore, StreamOwned,
};

use crate::connection::Stream;
use crate::failure::{Failure, Trouble};
use crate::socket::{Deadline, Socket, within};
use crate::target::Address;
use crate::url::RedisUrlError;

pub(crate) struct Tls {
    roots: Arc<RootCertStore>,
    certificate: Option<ClientCertificate>,
}

/// The files of a client certificate, which are read for each connection: they may be renewed meanwhile.
#[derive(Clone)]
struct ClientCertificate {
    certificates: PathBuf,
    key: PathBuf,
}

impl Tls {
    /// Trusts Mozilla's root certificates.
    pub(crate) fn new(
        addresses: &[Address],
        files: Option<(PathBuf, PathBuf)>,
    ) -> Result<Self, RedisUrlError> {
        for address in addresses {
            if let Address::Host { name, .. } = address {
                ServerName::try_from(&**name)
                    .map_err(|_| RedisUrlError::new("names a host that no certificate can name"))?;
            }
        }
        let roots = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
        Ok(Self {
            roots: Arc::new(roots),
            certificate: files.map(|(certificates, key)| ClientCertificate { certificates, key }),
        })
    }

    /// Trusts these roots, and no others.
    pub(crate) fn trust(&mut self, roots: RootCertStore) {
        self.roots = Arc::new(roots);
    }

    /// Shakes hands with the host of this name by the deadline.
    pub(crate) fn connect(
        &self,
        mut socket: Socket,
        name: &str,
        deadline: Deadline,
    ) -> Result<StreamOwned<ClientConnection, Socket>, Failure> {
        socket.deadline = deadline;
        let name = ServerName::try_from(name.to_owned()).map_err(|_| {
            failure(&Error::InvalidCertificate(
                CertificateError::NotValidForName,
            ))
        })?;
        let config = match &self.certificate {
            None => config(Arc::clone(&self.roots)).with_no_client_auth(),
            Some(certificate) => certificate.config(Arc::clone(&self.roots), deadline)?,
        };
        let tls = ClientConnection::new(Arc::new(config), name);
        let mut tls = tls.map_err(|error| failure(&error))?;
        while tls.is_handshaking() {
            if let Err(error) = tls.complete_io(&mut socket) {
                let last_word = last_word(&mut tls, &mut socket);
                return Err(last_word.unwrap_or(Failure::io(&error, deadline, Failure::Lost)));
            }
        }
        Ok(StreamOwned::new(tls, socket))
    }
}

impl ClientCertificate {
    fn config(
        &self,
        roots: Arc<RootCertStore>,
        deadline: Deadline,
    ) -> Result<ClientConfig, Failure> {
        let files = self.clone();
        // A file may be a pipe, say.
        let read = within(deadline, move || Ok(files.read()));
        let read = read.map_err(|error| Failure::io(&error, deadline, Failure::Certificate))?;
        let (certificates, key) = read.map_err(Failure::Certificate)?;
        config(roots)
            .with_client_auth_cert(certificates, key)
            .map_err(|error| Failure::Certificate(format!("its key doesn't fit: {error}")))
    }

    /// The certificate with those that lead to its authority, and its key. Or why not: in words that hold nothing of the
    /// files, which the parser's own might.
    fn read(&self) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), String> {
        let why = |path: &Path, error: &pem::Error| match error {
            pem::Error::Io(error) => format!("{}: {error}", path.display()),
            pem::Error::NoItemsFound => format!("{}: it isn't in there", path.display()),
            _ => format!("{}: it is no PEM", path.display()),
        };
        let path = &self.certificates;
        let certificates = CertificateDer::pem_file_iter(path)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| why(path, &error))?;
        let key =
            PrivateKeyDer::from_pem_file(&self.key).map_err(|error| why(&self.key, &error))?;
        Ok((certificates, key))
    }
}

/// Whether there is TLS behind this socket. No secret is sent.
pub(crate) fn is_spoken(mut socket: Socket) -> bool {
    let name = ServerName::from(IpAddr::from(Ipv4Addr::LOCALHOST));
    let config = config(Arc::new(RootCertStore::empty())).with_no_client_auth();
    let Ok(mut tls) = ClientConnection::new(Arc::new(config), name) else {
        return false;
    };
    while tls.is_handshaking() {
        if tls.complete_io(&mut socket).is_err() {
            break;
        }
    }
    // It got as far as a certificate, which isn't trusted here; or the server said in TLS what is wrong.
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
        // In TLS 1.3, a server judges our certificate after we have gone on.
        last_word(&mut self.conn, &mut self.sock)
    }
}

/// After something failed: what failed in TLS, if it was that. A server says why before it hangs up, and a write may be
/// what fails first.
fn last_word(tls: &mut ClientConnection, socket: &mut Socket) -> Option<Failure> {
    loop {
        // An error stays.
        if let Err(error) = tls.process_new_packets() {
            return Some(failure(&error));
        }
        if !matches!(tls.read_tls(socket), Ok(1..)) {
            return None;
        }
    }
}

fn failure(error: &Error) -> Failure {
    use AlertDescription::{
        AccessDenied, BadCertificate, CertificateExpired, CertificateRequired, CertificateRevoked,
        CertificateUnknown, DecryptError, HandshakeFailure, InsufficientSecurity, ProtocolVersion,
        UnknownCA, UnrecognisedName, UnsupportedCertificate,
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
            | DecryptError
            | HandshakeFailure
            | InsufficientSecurity
            | ProtocolVersion
            | UnknownCA
            | UnrecognisedName
            | UnsupportedCertificate,
        ) => Trouble::Misconfigured,
        _ => Trouble::Outage,
    };
    let advice = match error {
        Error::AlertReceived(_) => {
            "check its log, and the client certificate in the URL: ?cert=FILE&key=FILE"
        }
        _ => "check the URL and the trusted certificates",
    };
    let cause = error.to_string();
    Failure::Tls {
        cause,
        advice,
        trouble,
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
fn config(roots: Arc<RootCertStore>) -> ConfigBuilder<ClientConfig, WantsClientCert> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has suites for every version of TLS")
        .with_root_certificates(roots)
}
