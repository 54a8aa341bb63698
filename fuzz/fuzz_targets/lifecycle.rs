//! Whatever happens in whatever order: no token that is over is served, none is lost, no fetch comes too early or twice.
#![no_main]

#[path = "../checks/lifecycle.rs"]
mod lifecycle;

libfuzzer_sys::fuzz_target!(|data: &[u8]| lifecycle::check(data));
