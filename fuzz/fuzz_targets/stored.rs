//! Whatever a store holds: one record that is written back as it was read, or one short error without a secret in it.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| pan123_token_oracle::stored::check(data));
