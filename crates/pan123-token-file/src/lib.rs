//! Keeps the access token of the 123pan open platform in a file, for all processes of a host.
//!
//! ```no_run
//! use std::error::Error;
//! use std::sync::Arc;
//!
//! use pan123_token_file::FileStore;
//! use pan123_token_ureq::{TokenProvider, credentials_from_env};
//!
//! /// One for the whole program; its clones share the token.
//! fn provider() -> Result<TokenProvider, Box<dyn Error>> {
//!     // A file that can't be used counts as absent, and is reported once.
//!     let store = FileStore::new()?.on_problem(|problem| eprintln!("{problem}"));
//!     Ok(TokenProvider::builder(credentials_from_env()?)
//!         .store(Arc::new(store))
//!         .build()?)
//! }
//! ```
//!
//! [`FileStore`] is a [`TokenStore`](pan123_token_cache::TokenStore): give it to an adapter's provider, or to a driver of
//! your own. Processes that use the same folder share one token per base URL and client ID, fetch it one at a time, and
//! keep to the platform's cooldowns together.
//!
//! # Which folder
//!
//! | constructor | folder | who uses it | files |
//! |---|---|---|---|
//! | [`FileStore::new`] | the user's state directory; made, 0700 | this user | 0600 |
//! | [`FileStore::in_dir`] | yours; made, 0700 | this user | 0600 |
//! | [`FileStore::shared_by_group`] | yours, of root or this user, writable for its group; must be there | that group | 0660 |
//!
//! The path is taken as it is: `~` and variables are a shell's to expand. Root makes no folder in another user's place, which
//! would shut that user out.
//!
//! # On disk
//!
//! For each key there are, with `v1` for the format:
//!
//! | file | content |
//! |---|---|
//! | `KEY.v1.json` | the token, as [`Record`](pan123_token_cache::Record) describes it |
//! | `KEY.v1.gate` | the lease record, one line: `held OWNER SINCE FOR`, `taken OWNER SINCE FOR` or `cool SINCE FOR`, in nanoseconds (SINCE 1970) |
//! | `KEY.v1.lease` | empty; the holder of the lease has an advisory lock on it |
//! | `KEY.v1.save` | empty; locked for the moment in which one of the first two is compared and replaced |
//! | `KEY.v1.damaged` | the last `KEY.v1.json` that couldn't be read, if there ever was one |
//! | `KEY.v1.….tmp` | a file that is being written, for a moment |
//!
//! A save sweeps the folder: it removes `.tmp` files that are older than 10 minutes, and all files of a key whose token
//! expired a week ago and more, if none of them was touched since, both by this host's clock and by the platform's date of
//! the token that is saved.
//!
//! # What holds
//!
//! - *Whole or not at all.* A record is written to a file of its own, synced, and renamed into place; then the folder is
//!   synced. Readers need no lock and see the old record or the new one, after a crash and on a full disk, too.
//! - *Never backwards.* A save compares with what is stored and renames under a lock, so that a slow process replaces no newer
//!   token. That lock is waited for at most 2 s. Its holder was stopped in the middle then, and it is passed by: the token is
//!   kept, and at the worst that process replaces it by its older one, which is good all the same, once it wakes.
//! - *Nothing is taken from strangers.* A record that is a link, no regular file, another user's (another group's, where a
//!   group shares the folder), open to other users, or damaged counts as absent. The next save replaces it, or sets it aside
//!   if it is damaged or a directory. Each is reported once, by [`FileStore::on_problem`].
//! - *One lease.* The kernel frees the lock of a process that ends, however it ends, and the lease with it. A process that
//!   was stopped keeps its lock, and so may a child that was forked by one that crashed, or a stranger's `flock`. After the
//!   term the lease is taken over from them, by one process, through the lease record alone. What the old holder does when
//!   it wakes ends no lease of another.
//! - *Clocks may jump.* Terms end by the wall clock or by the monotonic one, whichever is first. A lease record from the
//!   future is dated anew, so that no process is kept out for longer than one term or cooldown; and none is longer than
//!   1 hour.
//! - *Quick.* No call waits for a lock longer than said above, and no file is read further than 64 KiB. Loading takes no lock
//!   and syncs nothing.
//! - *A newer version's record stays.* If it says that this version can't read it, load, lease and save fail, and nothing is
//!   overwritten.
//!
//! # Errors
//!
//! Each is a [`StoreError`](pan123_token_cache::StoreError): one line that names the path and says what to do. The record
//! that was there stays as it was.
//!
//! - *Misconfigured* ([`is_misconfigured`](pan123_token_cache::StoreError::is_misconfigured)), the same on each attempt: no
//!   home directory; a path that is no folder, or that none can be made at; a folder of another user, with a wrong mode, or
//!   that this user can't write to; a read-only file system; a directory in the place of a file; a record that only a newer
//!   version can read.
//! - *Outages*, which pass: a full disk, an I/O error, too many open files, a server that doesn't answer.
//!
//! # Out of scope
//!
//! What a stored token is good for, when to fetch, and what to do while the store is in trouble are decided by
//! `pan123-token-cache`. A file has no clock of its own, so [`Stored::left`](pan123_token_cache::Stored::left) is `None`:
//! the cache counts the token's elapsed life by this host's wall clock since the recorded sending of the request. Nothing is
//! encrypted unless `pan123-token-sealed` does it: all who can read the files can use the token. For several hosts there is `pan123-token-redis`.
//!
//! # Network file systems
//!
//! On NFS, locks are the server's and reach across its clients, and a rename is atomic; then hosts share the token as long
//! as their wall clocks agree to a few seconds. Where a file system has no locks, the lease record alone decides: two
//! processes that ask in the same moment may both be granted, and the lease of one that crashed runs to the end of its term.
//! Nothing worse comes of that than an extra request, or a stored token that is not the newest, which is good all the same.
//! A call may hang with its server; the cache waits for none longer than its policy says.
//!
//! # Copies
//!
//! A copy or a backup of the folder holds a live token: keep it as you keep a password. Copy with modes and owner
//! (`cp -a`), or the copy counts as absent. Two hosts that each have a copy use the same token until the first of them
//! renews it; from then on each has its own, of the 3 that the platform keeps alive per client ID. After an older folder was
//! restored, its token may have been replaced by the platform: the cache notices when it is rejected. The folder may be
//! removed while no process uses it; that costs one request.
//!
//! # Systems
//!
//! Tested on Linux; what needs no Unix also as a Windows program under wine. Elsewhere than on Unix nothing is checked of
//! owners and modes, a folder isn't shared by a group, and folders are not synced. A file that another program has open is
//! replaced within a second, or the call fails.

mod disk;
#[cfg(test)]
#[cfg(unix)]
mod faults;
mod files;
mod folder;
#[cfg(test)]
#[cfg(unix)]
mod interleavings;
mod lease;
mod lease_record;
mod lock;
mod problem;
mod store;
mod sweep;
mod system;

pub use problem::FileProblem;
pub use store::FileStore;

// The crate whose types our signatures name.
pub use pan123_token_cache;

/// Compiles the README's program.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
