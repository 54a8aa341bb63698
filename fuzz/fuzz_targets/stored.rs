//! Whatever a store holds: one record that is written back as it was read, or one short error without a secret in it.
#![no_main]

#[path = "../checks/stored.rs"]
mod stored;

libfuzzer_sys::fuzz_target!(|data: &[u8]| stored::check(data));
