//! Where the token is kept.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use pan123_token_cache::{
    FallbackStore, RenewalPolicy, StoreError, StoreKey, StoreRole, StoreSession, TokenStore,
};
use pan123_token_file::FileStore;

use crate::arguments::Place;
use crate::environment::option_or_env;
use crate::failure::Failure;
use crate::warnings::Warnings;

pub(crate) enum Store {
    None,
    /// Here it can't be used, and why.
    Unusable(StoreError),
    Usable(Arc<dyn TokenStore>),
    /// In this folder.
    File(Arc<FileStore>),
}

impl Place {
    pub(crate) fn store(&self, warnings: &Warnings) -> Result<Store, Failure> {
        let text = option_or_env(self.store.as_deref(), "PAN123_TOKEN_STORE")?;
        let file = |store: FileStore| {
            let warnings = warnings.clone();
            Store::File(Arc::new(
                store.on_problem(move |problem| warnings.add(problem)),
            ))
        };
        Ok(match text.as_deref() {
            Some("none") => Store::None,
            None | Some("file") => FileStore::new().map_or_else(Store::Unusable, file),
            Some(text) => {
                if let Some(path) = text.strip_prefix("file:") {
                    file(FileStore::in_dir(folder("file:", path)?))
                } else if let Some(path) = text.strip_prefix("file-group:") {
                    file(FileStore::shared_by_group(folder("file-group:", path)?))
                } else {
                    let shared = self.redis(text, warnings)?;
                    // What one run on this host has taken serves the others while Redis is out.
                    Store::Usable(match FileStore::new() {
                        Ok(host) => Arc::new(FallbackStore::new(shared, Arc::new(host))),
                        Err(_) => shared,
                    })
                }
            }
        })
    }

    /// For a command that is about the store: under the key of what is meant, and with the folder if it has one.
    pub(crate) fn session(
        &self,
        warnings: &Warnings,
    ) -> Result<(StoreSession, Option<PathBuf>), Failure> {
        let key = StoreKey::new(&self.base_url()?, &self.client_id()?);
        match self.store(warnings)? {
            Store::None => Err(Failure::usage("the store `none` keeps nothing")),
            Store::Unusable(error) => Err(Failure::store(error)),
            Store::Usable(store) => Ok((StoreSession::new(store, key), None)),
            Store::File(store) => {
                let folder = store.dir().to_owned();
                Ok((StoreSession::new(store, key), Some(folder)))
            }
        }
    }

    /// How long a call to the store may take.
    pub(crate) fn store_timeout(&self) -> Duration {
        // Several of them, and an exchange, are to fit into the whole.
        RenewalPolicy::default()
            .store_timeout
            .min(self.timeout / 10)
    }

    /// What a store is to `get`.
    pub(crate) fn store_role(&self) -> StoreRole {
        if self.store_optional {
            StoreRole::Optional
        } else {
            StoreRole::Preferred
        }
    }

    #[cfg(feature = "redis")]
    fn redis(&self, url: &str, warnings: &Warnings) -> Result<Arc<dyn TokenStore>, Failure> {
        use pan123_token_redis::RedisStore;

        if !RedisStore::is_url(url) {
            return Err(unknown_store());
        }
        if self.store.is_some() && RedisStore::url_has_password(url) {
            warnings.add(
                "other users of this host see the password in --store (ps shows arguments); set PAN123_TOKEN_STORE instead",
            );
        }
        let store = RedisStore::new(url).map_err(Failure::usage)?;
        let store = store.timeout(RedisStore::DEFAULT_TIMEOUT.min(self.store_timeout()));
        let ca_file = self.store_ca_file.as_deref();
        let store = self.trust(store, ca_file, "PAN123_STORE_CA_FILE", RedisStore::ca_pem)?;
        Ok(Arc::new(store))
    }

    #[cfg(not(feature = "redis"))]
    #[expect(clippy::unused_self, reason = "the other one needs it")]
    fn redis(&self, _: &str, _: &Warnings) -> Result<Arc<dyn TokenStore>, Failure> {
        Err(unknown_store())
    }
}

/// A folder as it was named: no shell has read it.
fn folder(kind: &str, path: &str) -> Result<PathBuf, Failure> {
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
    Err(Failure::usage(format_args!("the store {kind} {flaw}")))
}

fn unknown_store() -> Failure {
    // What was given may hold a password.
    Failure::usage(if cfg!(feature = "redis") {
        "unknown token store: --store and PAN123_TOKEN_STORE take none, file, file:FOLDER, file-group:FOLDER, redis://… or rediss://…"
    } else {
        "unknown token store: --store and PAN123_TOKEN_STORE take none, file, file:FOLDER or file-group:FOLDER"
    })
}

/// Why no token could be kept in this folder, or in the one where it would be made.
#[cfg(unix)]
pub(crate) fn not_writable(folder: &Path) -> Option<String> {
    use rustix::fs::{Access, access};

    let there = folder.ancestors().find(|path| path.exists())?;
    let error = access(there, Access::WRITE_OK | Access::EXEC_OK).err()?;
    let error = std::io::Error::from(error);
    Some(format!(
        "no token can be kept: can't write to {}: {error}",
        there.display()
    ))
}

#[cfg(not(unix))]
pub(crate) fn not_writable(_: &Path) -> Option<String> {
    None
}
