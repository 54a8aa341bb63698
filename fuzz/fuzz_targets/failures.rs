//! Whatever went wrong: one line that says so without a secret, and what a program asks of it is right.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| pan123_token_checks::failures::check(data));
