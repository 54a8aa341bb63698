//! Handing out a current token allocates nothing. A program of its own, since the allocator is the whole program's.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

mod common;

use std::hint::black_box;

use common::{Platform, SECOND, clock};
use pan123_token_ureq::TokenProvider;

#[test]
fn a_current_token_costs_no_allocation() {
    let platform = Platform::new(&clock());
    let provider = TokenProvider::builder(common::credentials())
        .agent(platform.agent())
        .build()
        .unwrap();
    let fixed = TokenProvider::fixed(provider.token().unwrap());
    assert!(provider.flush(20 * SECOND));
    // The first read on a thread registers it.
    provider.token().unwrap();
    for provider in [provider, fixed] {
        let info = allocation_counter::measure(|| {
            for _ in 0..1_000 {
                black_box(provider.token().unwrap());
                black_box(provider.current().unwrap());
                provider
                    .with_token(|token| {
                        black_box(token.fingerprint());
                    })
                    .unwrap();
            }
        });
        assert_eq!(info.count_total, 0);
    }
}
