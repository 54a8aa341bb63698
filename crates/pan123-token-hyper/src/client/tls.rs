//! Whom the client trusts, and with whose cryptography.

use std::io;
use std::sync::Arc;

use pan123_token_provider::BuildError;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// Nothing is installed for the process, and what is doesn't matter where ring comes along.
pub(super) fn config(
    roots: Option<RootCertStore>,
    crypto: Option<Arc<CryptoProvider>>,
) -> Result<ClientConfig, BuildError> {
    let crypto = crypto.or_else(usual_crypto).ok_or(BuildError::Crypto)?;
    let builder = ClientConfig::builder_with_provider(Arc::clone(&crypto))
        .with_safe_default_protocol_versions()
        .map_err(|_| BuildError::Crypto)?;
    let builder = match roots {
        Some(roots) => builder.with_root_certificates(roots),
        #[cfg(feature = "platform-verifier")]
        None => {
            let verifier = rustls_platform_verifier::Verifier::new(crypto);
            let verifier = verifier.map_err(|_| BuildError::RootCertificates)?;
            // It checks whatever rustls' own does.
            let builder = builder.dangerous();
            builder.with_custom_certificate_verifier(Arc::new(verifier))
        }
        #[cfg(not(feature = "platform-verifier"))]
        None => builder.with_root_certificates(RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
        }),
    };
    Ok(builder.with_no_client_auth())
}

#[cfg(feature = "rustls")]
#[expect(clippy::unnecessary_wraps, reason = "there may be none without ring")]
fn usual_crypto() -> Option<Arc<CryptoProvider>> {
    Some(Arc::new(rustls::crypto::ring::default_provider()))
}

#[cfg(not(feature = "rustls"))]
fn usual_crypto() -> Option<Arc<CryptoProvider>> {
    CryptoProvider::get_default().cloned()
}

/// The certificates in a PEM.
pub(super) fn roots(pem: &[u8]) -> io::Result<RootCertStore> {
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
