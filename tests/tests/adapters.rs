//! The vectors once more, over a real connection: both adapters must say what the core says.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::time::Duration;

use pan123_token::FetchError;
use pan123_token_support::scripted_server::ScriptedServer;
use pan123_token_tests::{adapters, vector};

const TIMEOUT: Duration = Duration::from_secs(10);

#[test]
fn every_vector_gets_the_same_verdict_over_the_wire() {
    let mut replayed = 0;
    for vector in vector::all() {
        if vector.unsendable.is_some() {
            continue;
        }
        for (adapter, fetch) in adapters::ALL {
            let server = ScriptedServer::reply(vector.wire());
            let operation = vector::operation().with_base_url(server.base_url());
            let verdict = match fetch(&operation, TIMEOUT) {
                Ok(grant) => Ok(grant),
                Err(FetchError::Response(error)) => Err(error),
                Err(other) => panic!("{adapter}: {}: {other}", vector.name),
            };
            if let Err(difference) = vector.compare(&verdict) {
                panic!("{adapter}: {}: {difference}", vector.name);
            }
            // One request, whatever came back: no redirect followed, nothing repeated.
            assert_eq!(server.received().len(), 1, "{adapter}: {}", vector.name);
            replayed += 1;
        }
    }
    assert!(replayed > 3 * 100, "only {replayed} exchanges");
}
