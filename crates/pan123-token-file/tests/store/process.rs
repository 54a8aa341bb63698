//! Another process, which does what the test asks it for.

use std::env;
use std::fmt::Display;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use pan123_token_cache::{Lease, Owner, Saved, StoreError, Stored, TokenStore as _};
use pan123_token_file::FileStore;

use crate::record::{LIFE, key, record};

/// What a [`Process`] does. Run as a test like any other, it does nothing.
pub(crate) fn run_task() {
    let Ok(task) = env::var("PAN123_TEST_TASK") else {
        return;
    };
    // It ends with the test that started it, even if it was stopped.
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL)).unwrap();
    let words: Vec<_> = task.split(' ').collect();
    match words[..] {
        ["store-in", dir] => answer_calls(&FileStore::in_dir(dir)),
        #[cfg(unix)]
        ["store-shared-in", dir, umask] => {
            let umask = u32::from_str_radix(umask, 8).unwrap();
            rustix::process::umask(rustix::fs::Mode::from(umask));
            answer_calls(&FileStore::shared_by_group(dir));
        }
        ["store-at-home"] => match FileStore::new() {
            Ok(store) => answer_calls(&store),
            Err(error) => say(failure(&error)),
        },
        ["save", dir, first] => {
            save_share(Path::new(dir), first.parse().unwrap());
            say("saved");
        }
        #[cfg(target_os = "linux")]
        ["full-disk"] => crate::full_disk::on_a_full_disk(),
        #[cfg(target_os = "linux")]
        ["read-only"] => crate::full_disk::on_a_read_only_file_system(),
        _ => panic!("no such task: {task}"),
    }
}

/// Saves every eighth of 0 to 79, from this one on.
pub(crate) fn save_share(dir: &Path, first: i64) {
    let store = FileStore::in_dir(dir);
    for nth in 0..10 {
        let record = record(first + 8 * nth);
        store.save(key(), &record, None, LIFE).unwrap();
    }
}

fn answer_calls(store: &FileStore) {
    // Others draw their owners at random, too.
    let owner = Owner(std::process::id().into());
    for call in std::io::stdin().lines() {
        let answer = answer(store, owner, &call.unwrap());
        say(answer.unwrap_or_else(|error| failure(&error)));
    }
}

fn answer(store: &FileStore, owner: Owner, call: &str) -> Result<String, StoreError> {
    let words: Vec<_> = call.split(' ').collect();
    Ok(match words[..] {
        ["dir"] => store.dir().display().to_string(),
        ["load"] => seconds(store.load(key())?),
        ["lease", millis] => {
            let term = Duration::from_millis(millis.parse().unwrap());
            match store.lease(key(), owner, term)? {
                Lease::Granted(stored) => format!("granted, {}", seconds(stored)),
                Lease::Held(_, stored) => format!("held, {}", seconds(stored)),
                other => format!("{other:?}"),
            }
        }
        ["save", seconds] => {
            let record = record(seconds.parse().unwrap());
            match store.save(key(), &record, None, LIFE)? {
                Saved::Kept => "kept".to_owned(),
                Saved::Newer(_) => "newer".to_owned(),
            }
        }
        ["release", millis] => {
            let cooldown = Duration::from_millis(millis.parse().unwrap());
            store.release(key(), owner, cooldown)?;
            "released".to_owned()
        }
        _ => panic!("no such call: {call}"),
    })
}

/// Which record it is.
fn seconds(stored: Option<Stored>) -> String {
    stored.map_or("nothing".to_owned(), |stored| {
        let since = stored.record.issued_at - record(0).issued_at;
        since.whole_seconds().to_string()
    })
}

fn failure(error: &StoreError) -> String {
    if error.is_misconfigured() {
        format!("misconfigured: {error}")
    } else {
        format!("outage: {error}")
    }
}

fn say(what: impl Display) {
    // The harness left its line open.
    println!("\n> {what}");
}

/// A command line that carries out a task.
pub(crate) fn command(task: &str) -> Command {
    command_of(&env::current_exe().unwrap(), &[], task)
}

/// A command line by which a copy of this program carries out a task, started by another program.
pub(crate) fn command_of(this: &Path, starter: &[&str], task: &str) -> Command {
    let mut words = starter.iter().map(AsRef::as_ref).chain([this.as_os_str()]);
    let mut command = Command::new(words.next().unwrap());
    command
        .args(words)
        .args(["--exact", "in_another_process", "--ignored", "--nocapture"])
        .env("PAN123_TEST_TASK", task);
    command
}

/// Another process with a task. It is killed in the end.
pub(crate) struct Process {
    pub(crate) child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Process {
    /// One with a store in this folder.
    pub(crate) fn with_store_in(dir: &Path) -> Self {
        Self::start(&mut command(&format!("store-in {}", dir.display())))
    }

    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            input: child.stdin.take().unwrap(),
            output: BufReader::new(child.stdout.take().unwrap()),
            child,
        }
    }

    /// One that has been granted the lease for this long.
    pub(crate) fn holder(dir: &Path, term: Duration) -> Self {
        let mut holder = Self::with_store_in(dir);
        let answer = holder.ask(&format!("lease {}", term.as_millis()));
        assert!(answer.starts_with("granted, "), "{answer}");
        holder
    }

    /// Has it make a call.
    pub(crate) fn send(&mut self, call: &str) {
        writeln!(self.input, "{call}").unwrap();
    }

    /// What it says next.
    pub(crate) fn answer(&mut self) -> String {
        (&mut self.output)
            .lines()
            .find_map(|line| Some(line.ok()?.strip_prefix("> ")?.to_owned()))
            .unwrap_or_else(|| "(it ended)".to_owned())
    }

    /// What it answers to a call.
    pub(crate) fn ask(&mut self, call: &str) -> String {
        self.send(call);
        self.answer()
    }

    /// Ends it as a crash would.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
