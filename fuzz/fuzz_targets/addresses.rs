//! Whatever an address says: secrets go to the servers that were named, by TLS or to this host, and nowhere else.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| pan123_token_checks::addresses::check(data));
