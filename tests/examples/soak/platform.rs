//! The platform, in a process of its own, so that its memory isn't counted. It is told what to do on stdin.

use std::env;
use std::io::{BufRead, BufReader, Write, stdin};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use pan123_emulator::{Emulator, Fault};
use pan123_token_tests::fleet::LIFETIME;

/// In turn: lost before, amid and after the reply, refused, throttled, pages, no token, late. Each may cost a request.
const FAULTS: [&str; 12] = [
    "reset",
    "close",
    "truncate",
    "status:502",
    "echo",
    "retry-after:1",
    "gateway:503",
    "no-token",
    "code:1",
    "delay:1500ms",
    "redirect:302",
    "same-token",
];

/// The client ID that a store is for, so that two stores don't take each other's places.
pub(crate) const CLIENTS: [&str; 2] = ["soak-file", "soak-redis"];
pub(crate) const SECRET: &str = "soak-secret";

pub(crate) fn serve() {
    let [first, second] = CLIENTS;
    let emulator = Emulator::builder()
        .client(first, SECRET)
        .client(second, SECRET)
        .lifetime(LIFETIME)
        .start()
        .unwrap();
    println!("{}", emulator.url());
    for line in stdin().lines() {
        match line.unwrap().as_str() {
            "count" => println!("{} {}", emulator.token_requests(), emulator.issued()),
            fault => emulator.inject(fault.parse::<Fault>().unwrap()),
        }
    }
}

pub(crate) struct Platform {
    pub(crate) url: String,
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Platform {
    pub(crate) fn start() -> Self {
        let mut command = Command::new(env::current_exe().unwrap());
        command
            .arg("platform")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stdin = child.stdin.take().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut url = String::new();
        stdout.read_line(&mut url).unwrap();
        Self {
            url: url.trim_end().to_owned(),
            child,
            stdin,
            stdout,
        }
    }

    /// The next request for a token gets this fault of the list.
    pub(crate) fn fail(&mut self, number: u64) {
        let number = usize::try_from(number).unwrap();
        writeln!(self.stdin, "{}", FAULTS[number % FAULTS.len()]).unwrap();
    }

    /// Requests for tokens, and tokens issued.
    pub(crate) fn count(&mut self) -> [u64; 2] {
        writeln!(self.stdin, "count").unwrap();
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        let mut numbers = line.split_whitespace().map(|it| it.parse().unwrap());
        [numbers.next().unwrap(), numbers.next().unwrap()]
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
