//! What is left of the client secret and of the token in a process's memory once everything is dropped.
//!
//! The process is looked into from here, by way of `/proc/PID/mem`: Linux lets a parent do so unless Yama's `ptrace_scope`
//! is above 1 (proc(5), ptrace(2)).
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::FileExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use pan123_emulator::Emulator;
use pan123_token_tests::adapters::SECRET_BYTES;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

/// 40 bytes, of which no 8 stand anywhere else.
const SECRET: &str = "kQ7vX2mB9zR4wT6yJ3nH8cL5dF1gP0sAeUiOqNxC";
const PIECE: usize = 8;

/// How often something is in memory at the most: as often as the most frequent of its pieces. Whole copies alone would not
/// do, since the allocator writes into the beginning of what is free.
fn copies(memory: &[Vec<u8>], text: &str) -> usize {
    let pieces = text.as_bytes().chunks_exact(PIECE);
    let count = |piece: &[u8]| {
        let in_region = |region: &Vec<u8>| memchr::memmem::find_iter(region, piece).count();
        memory.iter().map(in_region).sum()
    };
    pieces.map(count).max().unwrap()
}

/// A process that makes one exchange.
struct Process {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Process {
    fn start(adapter: &str, emulator: &Emulator) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_one_exchange"));
        command.args([adapter, &emulator.url()]);
        let folder = tempfile::tempdir().unwrap();
        if let Some(pem) = emulator.ca_pem() {
            let path = folder.path().join("ca.pem");
            fs::write(&path, pem).unwrap();
            command.arg(path);
        }
        let mut child = command
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(SECRET.as_bytes()).unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let mut process = Self {
            child,
            stdin,
            stdout,
        };
        process.wait_for("held");
        process
    }

    fn wait_for(&mut self, what: &str) {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        assert_eq!(line.trim_end(), what);
    }

    fn drop_all(&mut self) {
        self.stdin.write_all(b"\n").unwrap();
        self.wait_for("dropped");
    }

    /// Everything that it can write to. The process is stopped for that time: a thread of it that ends, or memory that it
    /// gives back, would take a region away between the list of regions and the reading.
    fn memory(&self) -> Vec<Vec<u8>> {
        let process = Pid::from_child(&self.child);
        kill_process(process, Signal::STOP).unwrap();
        let stopped = waitpid(Some(process), WaitOptions::UNTRACED).unwrap();
        assert!(stopped.unwrap().1.stopped(), "the process ended");
        let regions = self.regions();
        kill_process(process, Signal::CONT).unwrap();
        regions
    }

    fn regions(&self) -> Vec<Vec<u8>> {
        let folder = format!("/proc/{}", self.child.id());
        let maps = fs::read_to_string(format!("{folder}/maps")).unwrap();
        let memory = File::open(format!("{folder}/mem")).unwrap();
        let mut regions = Vec::new();
        for line in maps.lines() {
            let mut columns = line.split_ascii_whitespace();
            let (range, mode) = (columns.next().unwrap(), columns.next().unwrap());
            if !mode.starts_with("rw") {
                continue;
            }
            let (start, end) = range.split_once('-').unwrap();
            let [start, end] = [start, end].map(|hex| u64::from_str_radix(hex, 16).unwrap());
            let mut bytes = vec![0; usize::try_from(end - start).unwrap()];
            memory.read_exact_at(&mut bytes, start).unwrap();
            regions.push(bytes);
        }
        regions
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Copies while everything is held, and after it was dropped: of the secret, and of the token.
fn after_one_exchange(adapter: &str, tls: bool) -> ([usize; 2], [usize; 2]) {
    assert_eq!(SECRET.len(), SECRET_BYTES);
    let emulator = Emulator::builder().client("one-exchange", SECRET);
    let emulator = if tls { emulator.tls() } else { emulator };
    let emulator = emulator.start().unwrap();
    let mut process = Process::start(adapter, &emulator);
    let token = emulator.live_tokens("one-exchange").pop().unwrap();
    // Its head is the same for all; what is secret is its signature.
    let (_, signature) = token.rsplit_once('.').unwrap();
    let count = |memory: &[Vec<u8>]| [copies(memory, SECRET), copies(memory, signature)];
    let held = count(&process.memory());
    process.drop_all();
    let dropped = count(&process.memory());
    println!("{adapter}, TLS {tls}: secret and token {held:?} while held, {dropped:?} after");
    (held, dropped)
}

#[test]
fn no_copy_of_the_client_secret_is_left_but_for_one_with_http_2() {
    // h2's write buffer holds the one. HTTP/1.1 is spoken by hyper and reqwest without TLS, and by ureq: its buffer isn't wiped
    // either, but given back, and here the allocator has used it again. In a process with more threads it may not have.
    for (adapter, tls, secrets) in [
        ("hyper", false, 0),
        ("hyper", true, 1),
        ("ureq", false, 0),
        ("ureq", true, 0),
        ("reqwest", false, 0),
    ] {
        let ([secret_held, token_held], [secret, token]) = after_one_exchange(adapter, tls);
        assert!(secret_held > 0 && token_held > 0, "nothing was looked at");
        assert!(
            secret <= secrets,
            "{adapter}, TLS {tls}: the secret {secret} times"
        );
        // The reply as it came, in buffers of the client and of TLS.
        assert!(token <= 3, "{adapter}, TLS {tls}: the token {token} times");
    }
}
