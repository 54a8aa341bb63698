//! What the examples share, and what the tests run beside the adapters.

pub mod http1;
pub mod smol_provider;
pub mod upload;
