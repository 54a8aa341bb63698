//! Whatever lies in a file or comes from Redis: the record or the lease that it says, or one short error without a secret.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| pan123_token_checks::stores::check(data));
