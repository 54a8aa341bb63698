//! Whatever happens in whatever order: no token that has expired is served, none is lost, no fetch comes too early or twice.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| pan123_token_oracle::script::check(data));
