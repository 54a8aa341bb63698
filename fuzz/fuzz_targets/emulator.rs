//! Whatever the emulator is sent: an answer of HTTP or none, no token without its secret, and normal service afterwards.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| pan123_token_checks::emulator::check(data));
