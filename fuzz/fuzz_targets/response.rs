//! Whatever a server answers: one answer, as the rules say, without a panic and without a secret in it.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| pan123_token_checks::response::check(data));
