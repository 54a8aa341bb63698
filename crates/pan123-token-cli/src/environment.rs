//! What the environment says where options don't.

use std::env::{self, VarError};
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// The option's value, or else the environment's; empty is as good as none.
pub(crate) fn option_or_env(option: Option<&str>, name: &str) -> Result<Option<String>, Failure> {
    let value = match option {
        Some(value) => value.to_owned(),
        None => match env::var(name) {
            Ok(value) => value,
            Err(VarError::NotPresent) => return Ok(None),
            Err(VarError::NotUnicode(_)) => {
                return Err(Failure::usage(format_args!("{name} is not UTF-8")));
            }
        },
    };
    Ok(Some(value).filter(|value| !value.is_empty()))
}

/// The same for a path, which need not be UTF-8.
pub(crate) fn path_or_env(option: Option<&Path>, name: &str) -> Option<PathBuf> {
    let path = option.map(Path::to_owned);
    path.or_else(|| env::var_os(name).map(PathBuf::from))
        .filter(|path| !path.as_os_str().is_empty())
}

/// The same for an option without a value.
pub(crate) fn flag_or_env(option: bool, name: &str) -> Result<bool, Failure> {
    if option {
        return Ok(true);
    }
    match option_or_env(None, name)?.as_deref() {
        None | Some("0") => Ok(false),
        Some("1") => Ok(true),
        Some(_) => Err(Failure::usage(format_args!("{name} takes 1, or nothing"))),
    }
}
