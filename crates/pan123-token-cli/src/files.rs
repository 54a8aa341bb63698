//! Files that options name: read whole, up to a size, and no longer than all may take.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use zeroize::Zeroizing;

/// At most `limit` bytes of it, and one more where it has more. A pipe is waited for as long as `timeout`.
pub(crate) fn read(path: &Path, limit: usize, timeout: Duration) -> io::Result<Zeroizing<Vec<u8>>> {
    // What is no regular file may have no writer, and then even opening it takes for ever.
    if fs::metadata(path).is_ok_and(|metadata| metadata.is_file()) {
        return read_to_end(File::open(path)?, limit);
    }
    let (done, wait) = mpsc::sync_channel(1);
    let owned = path.to_owned();
    thread::Builder::new().spawn(move || {
        let bytes = File::open(owned).and_then(|file| read_to_end(file, limit));
        let _ = done.send(bytes);
    })?;
    wait.recv_timeout(timeout).unwrap_or_else(|_| {
        Err(io::Error::other(format!(
            "it hasn't come to its end within {timeout:?}"
        )))
    })
}

/// The same of what is open already.
pub(crate) fn read_to_end(file: impl Read, limit: usize) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::new());
    if limit < 1 << 20 {
        // One that grows leaves copies of a secret behind.
        bytes.reserve_exact(limit + 1);
    }
    file.take(limit as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
