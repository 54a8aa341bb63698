//! Whose token is meant, of which platform, and where it is kept: what the options that all commands have in common
//! stand for.

use std::fmt::Display;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use pan123_token_cache::{
    FallbackStore, StoreError, StoreKey, StoreRole, StoreSession, TokenStore,
};
use pan123_token_file::FileStore;
use pan123_token_ureq::BaseUrl;
use pan123_token_ureq::pan123_token::BaseUrlError;
use pan123_token_ureq::pan123_token::http::Uri;

use crate::arguments::{Place, option_or_env};
use crate::failure::Failure;
use crate::output;

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
            Err(BaseUrlError::NotHttps) if self.insecure_http => {
                text.parse::<Uri>().map_or(strict, BaseUrl::insecure)
            }
            strict => strict,
        }
        .map_err(Failure::usage)
    }

    /// Has a client trust the certificates of one's own, where there are any.
    pub(crate) fn trust<T>(
        &self,
        client: T,
        trust: impl FnOnce(T, &[u8]) -> io::Result<T>,
    ) -> Result<T, Failure> {
        let Some(path) = &self.ca_file else {
            return Ok(client);
        };
        let trusted = read_pem(path).and_then(|pem| trust(client, &pem));
        trusted.map_err(|error| {
            Failure::usage(format_args!(
                "can't take certificates from {}: {error}",
                path.display()
            ))
        })
    }

    /// Where the token is kept.
    pub(crate) fn store(&self, warnings: &Warnings) -> Result<Store, Failure> {
        let text = option_or_env(self.store.as_deref(), "PAN123_TOKEN_STORE")?;
        let file = |store: FileStore| {
            let warnings = warnings.clone();
            Store::Usable(Arc::new(
                store.on_problem(move |problem| warnings.add(problem)),
            ))
        };
        Ok(match text.as_deref() {
            Some("none") => Store::None,
            None | Some("file") => FileStore::new().map_or_else(Store::Unusable, file),
            Some(text) => {
                if let Some(path) = text.strip_prefix("file:") {
                    file(FileStore::in_dir(folder(path)?))
                } else if let Some(path) = text.strip_prefix("file-group:") {
                    file(FileStore::shared_by_group(folder(path)?))
                } else {
                    let shared = self.redis(text)?;
                    // What one run on this host has taken serves the others while Redis is out.
                    Store::Usable(match FileStore::new() {
                        Ok(host) => Arc::new(FallbackStore::new(shared, Arc::new(host))),
                        Err(_) => shared,
                    })
                }
            }
        })
    }

    /// What a store is to `get`.
    pub(crate) fn store_role(&self) -> StoreRole {
        if self.store_optional {
            StoreRole::Optional
        } else {
            StoreRole::Preferred
        }
    }

    /// The same for a command that is about the store.
    pub(crate) fn session(&self, warnings: &Warnings) -> Result<StoreSession, Failure> {
        let key = StoreKey::new(&self.base_url()?, &self.client_id()?);
        match self.store(warnings)? {
            Store::None => Err(Failure::usage("the store `none` keeps nothing")),
            Store::Unusable(error) => Err(Failure::store(error)),
            Store::Usable(store) => Ok(StoreSession::new(store, key)),
        }
    }

    #[cfg(feature = "redis")]
    fn redis(&self, url: &str) -> Result<Arc<dyn TokenStore>, Failure> {
        use pan123_token_redis::RedisStore;

        if !RedisStore::is_url(url) {
            return Err(unknown_store());
        }
        let store = RedisStore::new(url).map_err(Failure::usage)?;
        let store = store.timeout(RedisStore::DEFAULT_TIMEOUT.min(self.timeout / 4));
        Ok(Arc::new(self.trust(store, RedisStore::ca_pem)?))
    }

    #[cfg(not(feature = "redis"))]
    #[expect(clippy::unused_self, reason = "the other one needs it")]
    fn redis(&self, _: &str) -> Result<Arc<dyn TokenStore>, Failure> {
        Err(unknown_store())
    }
}

pub(crate) enum Store {
    None,
    /// Here it can't be used, and why.
    Unusable(StoreError),
    Usable(Arc<dyn TokenStore>),
}

/// A folder as it was named: no shell has read it.
fn folder(path: &str) -> Result<PathBuf, Failure> {
    let flaw = match path {
        "" => "names no folder",
        _ if path.starts_with('~') => {
            "takes no ~: write the whole path, or $HOME where a shell reads it"
        }
        _ if path.starts_with("//") => {
            "takes a path and no URL: one slash, as in file:/var/lib/pan123"
        }
        _ => return Ok(PathBuf::from(path)),
    };
    Err(Failure::usage(format_args!("--store file: {flaw}")))
}

fn unknown_store() -> Failure {
    // What was given may hold a password.
    Failure::usage(if cfg!(feature = "redis") {
        "unknown token store: --store and PAN123_TOKEN_STORE take none, file, file:FOLDER, file-group:FOLDER, redis://… or rediss://…"
    } else {
        "unknown token store: --store and PAN123_TOKEN_STORE take none, file, file:FOLDER or file-group:FOLDER"
    })
}

fn read_pem(path: &Path) -> io::Result<Vec<u8>> {
    // All of Mozilla's certificates have a quarter of this.
    const MAX_BYTES: u64 = 1 << 20;
    let mut pem = Vec::new();
    File::open(path)?
        .take(MAX_BYTES + 1)
        .read_to_end(&mut pem)?;
    if pem.len() as u64 > MAX_BYTES {
        return Err(io::Error::other("it has more than 1 MiB"));
    }
    Ok(pem)
}

/// What went wrong beside what was asked for. Said at the end, if that went well; a failure is one line.
#[derive(Clone, Default)]
pub(crate) struct Warnings(Arc<Mutex<Vec<String>>>);

impl Warnings {
    pub(crate) fn add(&self, what: impl Display) {
        let line = what.to_string();
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A store that is tried again says the same again.
        if !lines.contains(&line) {
            lines.push(line);
        }
    }

    pub(crate) fn last(&self) -> Option<String> {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.last().cloned()
    }

    pub(crate) fn say(&self) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for line in lines.drain(..) {
            output::stderr(format_args!("warning: {line}"));
        }
    }
}
