//! Other users of this host, without accounts: processes with another user ID, which root alone can start.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use crate::process::command_of;
use crate::scene::{set_mode, skipped};

/// A way to start processes as other users.
pub(crate) struct Users {
    /// Holds the test's program, where everyone may run it.
    folder: TempDir,
}

impl Users {
    /// `None`, and a word about it, where there is no way.
    pub(crate) fn try_new() -> Option<Self> {
        let can = Command::new("setpriv")
            .args(["--reuid=12001", "--clear-groups", "true"])
            .output();
        if !can.is_ok_and(|output| output.status.success()) {
            skipped("it takes root, and setpriv, to become another user");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        set_mode(folder.path(), 0o755);
        let users = Self { folder };
        fs::copy(env::current_exe().unwrap(), users.program()).unwrap();
        set_mode(&users.program(), 0o755);
        Some(users)
    }

    fn program(&self) -> PathBuf {
        self.folder.path().join("program")
    }

    /// The command line of a task that is carried out by this user, who is in a group of the same number and in this one.
    pub(crate) fn command(&self, user: u32, group: u32, task: &str) -> Command {
        let setpriv = [
            "setpriv".to_owned(),
            format!("--reuid={user}"),
            format!("--regid={user}"),
            format!("--groups={group}"),
        ];
        let setpriv: Vec<_> = setpriv.iter().map(String::as_str).collect();
        let mut command = command_of(&self.program(), &setpriv, task);
        command.env_remove("XDG_STATE_HOME");
        command
    }
}
