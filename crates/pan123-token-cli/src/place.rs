//! Whose token is meant, of which platform, and what is trusted: what the options that all commands have in common stand
//! for. Where the token is kept stands in `store`.

use std::io;
use std::path::Path;

use pan123_token_ureq::pan123_token::BaseUrlError;
use pan123_token_ureq::pan123_token::http::Uri;
use pan123_token_ureq::{AgentBuilder, BaseUrl};

use crate::arguments::Place;
use crate::environment::{flag_or_env, option_or_env, path_or_env};
use crate::failure::Failure;
use crate::files;

impl Place {
    pub(crate) fn client_id(&self) -> Result<String, Failure> {
        option_or_env(self.client_id.as_deref(), "PAN123_CLIENT_ID")?.ok_or_else(|| {
            Failure::credentials("no client ID: set PAN123_CLIENT_ID, or give --client-id")
        })
    }

    pub(crate) fn base_url(&self) -> Result<BaseUrl, Failure> {
        let Some(text) = option_or_env(self.base_url.as_deref(), "PAN123_BASE_URL")? else {
            return Ok(BaseUrl::default());
        };
        let strict = text.parse::<BaseUrl>();
        match strict {
            Err(BaseUrlError::NotHttps) if self.insecure_http()? => {
                text.parse::<Uri>().map_or(strict, BaseUrl::insecure)
            }
            strict => strict,
        }
        .map_err(|error| match error {
            BaseUrlError::NotHttps => Failure::usage(format_args!(
                "{error}; --insecure-http or PAN123_INSECURE_HTTP=1 allows it to any host"
            )),
            error => Failure::usage(error),
        })
    }

    fn insecure_http(&self) -> Result<bool, Failure> {
        flag_or_env(self.insecure_http, "PAN123_INSECURE_HTTP")
    }

    /// The client of the platform.
    pub(crate) fn agent(&self) -> Result<AgentBuilder, Failure> {
        let agent = AgentBuilder::default();
        self.trust(
            agent,
            self.ca_file.as_deref(),
            "PAN123_CA_FILE",
            AgentBuilder::ca_pem,
        )
    }

    /// Has a client trust the certificates of one's own, where there are any.
    pub(crate) fn trust<T>(
        &self,
        client: T,
        option: Option<&Path>,
        variable: &str,
        trust: impl FnOnce(T, &[u8]) -> io::Result<T>,
    ) -> Result<T, Failure> {
        // All of Mozilla's certificates have a quarter of this.
        const MAX_BYTES: usize = 1 << 20;
        let Some(path) = path_or_env(option, variable) else {
            return Ok(client);
        };
        let pem = files::read(&path, MAX_BYTES, self.timeout).and_then(|pem| {
            if pem.len() > MAX_BYTES {
                return Err(io::Error::other("it has more than 1 MiB"));
            }
            Ok(pem)
        });
        pem.and_then(|pem| trust(client, &pem)).map_err(|error| {
            Failure::usage(format_args!(
                "can't take certificates from {}: {error}",
                path.display()
            ))
        })
    }
}
