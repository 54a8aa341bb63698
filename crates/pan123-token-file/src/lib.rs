//! Keeps the access token of the 123pan open platform in a file, for all processes of a user on a host.
//!
//! # In scope
//!
//! [`FileStore`] is a [`TokenStore`](pan123_token_cache::TokenStore): give it to an adapter's provider, or to a driver of
//! your own. Processes that use the same folder share one token per base URL and client ID, take turns in fetching it, and
//! keep away from the platform together while it asks for that.
//!
//! # Out of scope
//!
//! What a stored token is good for, when to fetch, and what to do while the store is in trouble are decided by
//! `pan123-token-cache`. A file has no clock of its own, so [`Stored::left`](pan123_token_cache::Stored::left) is `None`:
//! the cache tells how much of the token's life has passed by this host's wall clock since the recorded sending of the
//! request. Nothing is encrypted; whoever can read the user's files can use the token. For several hosts there is
//! `pan123-token-redis`.
//!
//! # On disk
//!
//! The folder is the user's state directory ([`FileStore::new`]), or one that you name ([`FileStore::in_dir`]). It is
//! created with mode 0700, and the files with 0600. For each key there are, with `v1` for the format:
//!
//! | file | content |
//! |---|---|
//! | `KEY.v1.json` | the token, as [`Record`](pan123_token_cache::Record) describes it |
//! | `KEY.v1.gate` | one line: `held OWNER SINCE FOR` or `cool SINCE FOR`, in nanoseconds (SINCE 1970) |
//! | `KEY.v1.lease` | empty; whoever has the lease has an advisory lock on it. Never removed |
//! | `KEY.v1.save` | empty; locked for the moment between comparing and renaming. Never removed |
//! | `KEY.v1.damaged` | the last `KEY.v1.json` that couldn't be read, if there ever was one |
//! | `KEY.v1.….tmp` | a file that is being written. One that a killed process left is removed by a save, 10 minutes later |
//!
//! # What holds
//!
//! - *Whole or not at all.* A record is written to a file of its own, synced, and renamed into place; then the folder is
//!   synced. Readers need no lock and see the old record or the new one, after a crash and on a full disk, too.
//! - *Never backwards.* A save compares with what is stored and renames under a lock of its own, so that a process that
//!   slept in the middle of it replaces no newer token. That lock is waited for at most 2 s; then the save fails, and the
//!   cache offers the token again later.
//! - *Nothing is taken from strangers.* A record that is a link, no regular file, another user's, open to other users, or
//!   damaged counts as absent. The next save replaces it, or sets it aside if it is damaged or a directory. Each is
//!   reported once, by [`FileStore::on_problem`]. A folder that is another user's, or that others may write to, is refused.
//! - *A newer version's record stays.* If it says that this version can't read it, every call but giving back fails: the
//!   cache goes on alone, says so in an event, and nothing is overwritten.
//! - *One lease.* The kernel frees the lock of a process that ends, however it ends. It can't be taken from a process that
//!   was stopped, nor from a child that was forked by one that crashed: those who wait see the time that is left run out,
//!   and then go on alone. Within one process another owner takes the lease over after its term.
//! - *Clocks may jump.* Terms end by the wall clock or by the monotonic one, whichever is first. A time in the future
//!   counts as now, so that nobody is kept out for longer than a whole term or cool-down; and none is longer than 1 hour.
//! - *Quick.* No call waits for a lock longer than said above, and no file is read further than 64 KiB.
//!
//! A full disk, a folder that is read-only, an I/O error: each is a [`StoreError`](pan123_token_cache::StoreError) that
//! names the path and what to do. The record that was there stays as it was.
//!
//! # Network file systems
//!
//! On NFS, locks are the server's and reach across its clients, and a rename is atomic; then hosts share the token as long
//! as their wall clocks agree to a few seconds. Where a file system has no locks, every lease is granted and saves race.
//! Nothing worse comes of that than an extra request, or a stored token that is not the newest, which is good all the
//! same. The cool-down is kept there, too. A call may hang with its server; the cache waits for none longer than its
//! policy says.
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
//! Tested on Linux. Elsewhere than on Unix nothing is checked of owners and modes, and the folder is not synced.
//!
//! ```
//! use pan123_token_cache::{StoreKey, TokenStore};
//! use pan123_token_file::FileStore;
//!
//! let store = FileStore::in_dir("target/a-folder-that-is-not-there")
//!     .on_problem(|problem| eprintln!("{problem}"));
//! let key = StoreKey::new(&"https://open-api.123pan.com".parse()?, "my-client-id");
//! assert_eq!(store.load(key)?, None);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

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
