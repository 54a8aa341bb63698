//! An agent that is ready to use.

use std::sync::Arc;
use std::time::Duration;
use std::{env, io};

use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use ureq::Agent;
use ureq::config::ConfigBuilder;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, TlsProvider, parse_pem};
use ureq::typestate::AgentScope;

use crate::{BuildError, proxy};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Without a byte. A server may take its time before it replies: it puts a large upload together, say.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// An agent with rustls: with ring and Mozilla's root certificates, unless the [features](crate#features) say otherwise.
///
/// ```
/// # #[cfg(feature = "rustls")] {
/// use pan123_emulator::{CLIENT_ID, CLIENT_SECRET, Emulator};
/// use pan123_token_ureq::{Credentials, TokenProvider, agent, http::Request};
///
/// // Stands for the platform.
/// let emulator = Emulator::builder().start()?;
/// let provider = TokenProvider::builder(Credentials::new(CLIENT_ID, CLIENT_SECRET)?)
///     .base_url(emulator.url().parse()?)
///     .build()?;
/// let request = Request::get(format!("{}/api/v1/user/info", emulator.url())).body("")?;
/// let mut response = provider.call(&agent()?, request)?;
/// assert!(response.body_mut().read_to_string()?.contains(r#""code":0"#));
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Statuses are no errors, redirects are not followed. Connecting takes at most 10 seconds. 60 seconds without a byte end a
/// call, before the reply and amid it, and so do 60 seconds in which none can be sent. How long a call takes in all isn't
/// bounded: uploads and downloads go on as long as bytes do. Other figures, a bound on the whole among them, are set on the
/// [`config`](AgentBuilder::config) or for a single request.
///
/// For `https`, the proxy variables of the environment count as they do for curl: `HTTPS_PROXY`, or else `ALL_PROXY`, as
/// `http://`, `https://`, `socks4://` or `socks5://`; `NO_PROXY` lists hosts and domains that are reached without one (not
/// networks, though). Each may be in lower case. Plain `http`, which is for loopback and for test networks, goes to no proxy.
///
/// # Errors
///
/// When a proxy variable can't be read, or there is no cryptography for TLS.
pub fn agent() -> Result<Agent, BuildError> {
    AgentBuilder::default().build()
}

/// Makes an [`agent`] with other certificates, or without a proxy.
///
/// ```no_run
/// use std::time::Duration;
///
/// use pan123_token_ureq::AgentBuilder;
///
/// let pem = std::fs::read("company-ca.pem")?;
/// let config = AgentBuilder::default().ca_pem(&pem)?.no_proxy().config()?;
/// // What ureq has besides: a bound on each whole call, say.
/// let config = config.timeout_global(Some(Duration::from_secs(300)));
/// let agent = config.build().new_agent();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct AgentBuilder {
    root_certs: RootCerts,
    crypto: Option<Arc<CryptoProvider>>,
    proxy: bool,
}

impl Default for AgentBuilder {
    fn default() -> Self {
        Self {
            root_certs: if cfg!(feature = "platform-verifier") {
                RootCerts::PlatformVerifier
            } else {
                RootCerts::WebPki
            },
            crypto: None,
            proxy: true,
        }
    }
}

impl AgentBuilder {
    /// Ignores the proxy variables of the environment.
    #[must_use]
    pub fn no_proxy(self) -> Self {
        Self {
            proxy: false,
            ..self
        }
    }

    /// Trusts these certificates, and no others: one or more in PEM.
    ///
    /// # Errors
    ///
    /// `InvalidData` when there is no certificate in it, or one that can't be read.
    pub fn ca_pem(self, pem: &[u8]) -> io::Result<Self> {
        let invalid = |text| io::Error::new(io::ErrorKind::InvalidData, text);
        let mut certificates: Vec<Certificate<'static>> = Vec::new();
        for item in parse_pem(pem) {
            // What ureq says of it repeats the file.
            let item = item.map_err(|_| invalid("the PEM can't be read"))?;
            if let PemItem::Certificate(certificate) = item {
                // ureq itself would ignore one that is none.
                RootCertStore::empty()
                    .add(CertificateDer::from(certificate.der()))
                    .map_err(|_| invalid("the PEM holds something that is no certificate"))?;
                certificates.push(certificate);
            }
        }
        if certificates.is_empty() {
            return Err(invalid("there is no certificate in the PEM"));
        }
        Ok(Self {
            root_certs: RootCerts::Specific(Arc::new(certificates)),
            ..self
        })
    }

    /// The cryptography of rustls, by aws-lc-rs for example. Unless set, it is ring's, or, without the feature `rustls`, the
    /// one that is installed for the process.
    ///
    /// As the name says, the version of rustls is not part of what stays the same within a major version of this crate.
    #[must_use]
    pub fn unversioned_crypto_provider(self, provider: Arc<CryptoProvider>) -> Self {
        Self {
            crypto: Some(provider),
            ..self
        }
    }

    /// The agent.
    ///
    /// # Errors
    ///
    /// When a proxy variable can't be read, or there is no cryptography for TLS.
    pub fn build(self) -> Result<Agent, BuildError> {
        Ok(self.config()?.build().new_agent())
    }

    /// The agent's configuration, to which something can be added: a
    /// [provider](crate::TokenProvider#impl-Middleware-for-TokenProvider) that authorizes its calls, say.
    ///
    /// # Errors
    ///
    /// When a proxy variable can't be read, or there is no cryptography for TLS.
    pub fn config(self) -> Result<ConfigBuilder<AgentScope>, BuildError> {
        let proxy = if self.proxy {
            proxy::of_variables(|name| env::var_os(name))?
        } else {
            None
        };
        let crypto = self.crypto.or_else(usual_crypto);
        let crypto = crypto.ok_or(BuildError::Crypto)?;
        let tls_config = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            // Named, so that another crate's choice for the whole process doesn't matter.
            .unversioned_rustls_crypto_provider(crypto)
            .root_certs(self.root_certs)
            .build();
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_per_read(Some(IDLE_TIMEOUT))
            .timeout_per_write(Some(IDLE_TIMEOUT))
            .tls_config(tls_config);
        Ok(if proxy.is_some() {
            config
                .proxy(proxy)
                .middleware(proxy::plain_http_goes_straight)
        } else {
            config.proxy(None)
        })
    }
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
