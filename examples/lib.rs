//! What the examples share, and what the tests run beside the adapters.

pub mod async_store;
pub mod http1;
pub mod smol_provider;
pub mod sqlite_store;
pub mod upload;
