//! `stores`: over its committed corpus, and over files and answers written by hand.

use std::fs;

use pan123_token_checks::stores::check;

use super::{replay, seeds};

/// A lease record and a record, or an answer of Redis.
const STORED: &[&str] = &[
    "f\n\n\u{1}",
    "f\n\n",
    "f\n\n{\"version\":2,\"readableBy\":2}",
    "f\nxheld 8 1740124117000000000 45000000000\n\u{1}",
    "f\nxtaken 8 1740124100000000000 45000000000\n\u{1}",
    "f\nxtaken 7 1740124100000000000 45000000000\n\u{1}",
    "f\nxcool 1740124117000000000 2000000000\n{}",
    "f\nxcool 1740124118000000000 99999000000000\n\u{1}\n",
    "f\nxcool 1740124115000000000 2000000000\n\u{1}x",
    "f\nxcool 18446744073709551616 1\n[",
    "f\nxcool +1740124117000000000 +2\n\u{1}",
    "f\nxwarm 1 2\nnull",
    "l\n*2\r\n\u{3}:1000\r\n",
    "l\n*2\r\n$0\r\n\r\n:-2\r\n",
    "l\n*2\r\n\u{3}:-1\r\n",
    "l\n*2\r\n$28\r\n{\"version\":9,\"readableBy\":9}\r\n:5\r\n",
    "l\n*1\r\n\u{3}",
    "l\n-ERR unknown command\r\n",
    "l\n-NOAUTH \u{1}\r\n",
    "l\n$-1\r\n",
    "l\n%1\r\n+a\r\n:1\r\n",
    "l\n*2\r\n$99999999999\r\n",
    "l\n*1000000000\r\n",
    "l\nHTTP/1.1 400 Bad Request\r\n\r\n",
    "e\n*4\r\n\u{4}:45000\r\n\u{3}:1000\r\n",
    "e\n*4\r\n$4\r\ncool\r\n:1500\r\n$0\r\n\r\n:-2\r\n",
    "e\n*4\r\n$16\r\n0000000000000008\r\n:0\r\n\u{3}:0\r\n",
    "s\n$-1\r\n",
    "s\n*3\r\n\u{3}:5\r\n:1740124117000\r\n",
    "s\n*3\r\n$0\r\n\r\n:-2\r\n:1740124117000\r\n",
    "s\n-OOM command not allowed\r\n",
    "s\n-READONLY You can't write\r\n",
    "r\n$-1\r\n",
    "r\n-MOVED 1 127.0.0.1:1\r\n",
    "r\n:1\r\n",
    "r\n",
    "s\n*3\r\n$28\r\n{\"version\":9,\"readableBy\":9}\r\n:5\r\n:1740124117000\r\n",
    "a\n-WRONGPASS x\r\n",
    "a\n-ERR x\r\n",
    "a\n-X x\r\n",
    "d\n-ERR x\r\n",
    "d\n-X x\r\n",
    "a\n*2\r\n\u{3}:1000\r\n",
    "n\n-NOAUTH x\r\n",
    "n\n-ERR unknown command 'SENTINEL'\r\n",
    "n\n-ERR x\r\n",
    "n\n-X x\r\n",
    // A record of the same token that says more than the one to be saved.
    concat!(
        "s\n*3\r\n$237\r\n",
        r#"{"version":1,"readableBy":1,"accessToken":"ISSUED-token-1","fingerprint":"722d271f3ad017f6","#,
        r#""expiresAt":"2025-03-23T07:48:37Z","issuedAt":"2025-02-21T07:48:37Z","lifetimeMs":2592000000,"#,
        r#""sentAtMs":1740124116750,"forced":1,"suspect":false}"#,
        "\r\n:5\r\n:1740124117000\r\n",
    ),
    "k\n*2\r\n$0\r\n\r\n:-2\r\n",
    "k\n*2\r\n$4\r\ncool\r\n:1500\r\n",
    "k\n*2\r\n\u{4}:0\r\n",
    "k\n*2\r\n\u{4}:-1\r\n",
    "k\n$-1\r\n",
    "l\n-MASTERDOWN Link with MASTER is down\r\n",
    "l\n-LOADING Redis is loading the dataset in memory\r\n",
    "l\n-BUSY Redis is busy running a script\r\n",
    "s\n-MISCONF Redis is configured to save RDB snapshots\r\n",
    "s\n-NOREPLICAS Not enough good replicas to write.\r\n",
    "e\n-CLUSTERDOWN Hash slot not served\r\n",
    "e\n-TRYAGAIN Multiple keys request during rehashing of slot\r\n",
    "e\n-ERR max number of clients reached\r\n",
    "e\n-ASK 1 127.0.0.1:1\r\n",
    "e\n-MOVED 1 :1\r\n",
    "l\n-NOPERM this user has no permissions\r\n",
    "l\n-WRONGPASS invalid username-password pair\r\n",
    "l\n-DENIED Redis is running in protected mode\r\n",
    "e\n-ERR The user executing the script can't run this command\r\n",
    "e\n-ERR Error running script (call to f_0): @user_script:1: @user_script: 1: -OOM command not allowed\r\n",
    "e\n-ERR Error running script (call to f_0): none\r\n",
    "e\n-ERR Unknown Redis command called from script\r\n",
    "s\n-ERR \u{1}\r\n",
    "s\n-\u{2}\r\n",
    "e\n*4\r\n\u{4}:-1\r\n$28\r\n{\"version\":9,\"readableBy\":9}\r\n:5\r\n",
    // A server that speaks TLS: its alert.
    "l\n\u{15}\u{3}\u{3}",
    "f\nx\n",
    "f\nxheld 7 1740124117000000000 45000000000\n\u{1}",
    "f\nxheld 8 1740124117000000000\n\u{1}",
    "f\nxtaken +8 +1740124118000000000 9223372036854775807\n{}",
];

#[test]
fn the_corpus_holds() {
    replay("stores", check);
}

#[test]
fn what_is_stored_holds() {
    for stored in STORED {
        println!("{stored:?}");
        check(stored.as_bytes());
    }
}

/// Writes them as inputs of the fuzz target. See `fuzz/README.md`.
#[test]
#[ignore = "writes fuzz/target/seeds/stores"]
fn write_seeds() {
    let folder = seeds("stores");
    for (at, stored) in STORED.iter().enumerate() {
        fs::write(folder.join(at.to_string()), stored).unwrap();
    }
}
