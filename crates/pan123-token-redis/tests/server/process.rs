//! A `redis-server` of the test's own.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use pan123_token_redis::RedisStore;

/// Killed on drop.
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
    folder: PathBuf,
    options: Vec<String>,
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    /// With these options of the command line.
    pub(crate) fn with(options: &[&str]) -> Self {
        Self::prepared(options, |_| Vec::new())
    }

    /// With more of them before these, which are made once there is a folder.
    pub(crate) fn prepared(options: &[&str], prepare: impl Fn(&Path) -> Vec<String>) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("redis-{}-{count}", process::id());
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&folder).unwrap();
        let mut all = prepare(&folder);
        all.extend(options.iter().map(|&it| it.to_owned()));
        let options = all;
        for _ in 0..10 {
            let port = free_port();
            if let Some(child) = spawn(port, &folder, &options) {
                return Self {
                    child,
                    port,
                    folder,
                    options,
                };
            }
        }
        panic!("redis-server doesn't start with {options:?}");
    }

    /// Kills it and starts it anew, empty, at the same port.
    pub(crate) fn restart(&mut self) {
        self.kill();
        // Another test's connection may have come to use the port, for a moment.
        for _ in 0..100 {
            if let Some(child) = spawn(self.port, &self.folder, &self.options) {
                self.child = child;
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
        panic!("the port {} isn't free any more", self.port);
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Where it keeps its files.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Stops it with `STOP`, or lets it go on with `CONT`.
    pub(crate) fn signal(&self, signal: &str) {
        // The shell's own `kill`: not every machine has another.
        let kill = format!("kill -{signal} {}", self.child.id());
        let status = Command::new("sh").args(["-c", &kill]).status();
        assert!(status.unwrap().success());
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) fn store(&self) -> RedisStore {
        RedisStore::new(&self.url()).unwrap()
    }

    /// Runs a command of the test's own.
    pub(crate) fn run<T: redis::FromRedisValue>(&self, command: &[&str]) -> T {
        run_at(&self.url(), command)
    }

    /// The same where it may fail.
    pub(crate) fn try_run(&self, command: &[&str]) -> redis::RedisResult<redis::Value> {
        try_run_at(&self.url(), command)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

pub(crate) fn run_at<T: redis::FromRedisValue>(url: &str, command: &[&str]) -> T {
    try_run_at(url, command).unwrap()
}

fn try_run_at<T: redis::FromRedisValue>(url: &str, command: &[&str]) -> redis::RedisResult<T> {
    let mut connection = redis::Client::open(url)?.get_connection()?;
    let mut packed = redis::Cmd::new();
    packed.arg(command);
    packed.query(&mut connection)
}

pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// `None` if it ended at once, since another took the port, say.
fn spawn(port: u16, folder: &Path, options: &[String]) -> Option<Child> {
    let mut command = Command::new("redis-server");
    // A file of settings comes before all options.
    let file = options.iter().take_while(|it| !it.starts_with("--"));
    let file = file.count();
    command
        .args(&options[..file])
        .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
        .args(["--dir", folder.to_str().unwrap()])
        // An option that stands twice counts as it stands last.
        .args(["--port", &port.to_string()])
        .args(
            options[file..]
                .iter()
                .map(|it| it.replace("PORT", &port.to_string())),
        )
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| {
        panic!("this test was asked for and needs redis-server, which can't be run: {error}")
    });
    let log = BufReader::new(child.stdout.take().unwrap());
    for line in log.lines() {
        let line = line.unwrap();
        // A server, or a sentinel.
        if ["Ready to accept connections", "+monitor master"]
            .iter()
            .any(|ready| line.contains(ready))
        {
            return Some(child);
        }
    }
    child.wait().unwrap();
    None
}
