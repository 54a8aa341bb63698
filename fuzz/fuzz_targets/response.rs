//! Whatever a server answers: one verdict, as the rules say, without a panic and without a secret in it.
#![no_main]

#[path = "../checks/response.rs"]
mod response;

libfuzzer_sys::fuzz_target!(|data: &[u8]| response::check(data));
