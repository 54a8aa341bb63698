//! What must hold whatever comes from outside. The fuzz targets run these checks on what the fuzzer makes up, the ordinary
//! tests on the committed corpora and on the vectors. Each compares with a reading of its own, and panics where a rule is
//! broken.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a panic is how a check reports"
)]

pub mod addresses;
pub mod emulator;
pub mod failures;
mod judge;
pub mod rejection;
pub mod response;
mod shown;
pub mod stores;

/// The check of the fuzz target with this name.
pub fn by_name(target: &str) -> Option<fn(&[u8])> {
    Some(match target {
        "addresses" => addresses::check,
        "emulator" => emulator::check,
        "failures" => failures::check,
        "rejection" => rejection::check,
        "response" => response::check,
        "stores" => stores::check,
        _ => return None,
    })
}
