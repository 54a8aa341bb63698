//! Whatever an API call is answered: the same verdict on its token whole and in any pieces, and no byte read in vain.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| pan123_token_checks::rejection::check(data));
