//! What the adapters on tokio have in common: where jobs run, how callers wait, and one exchange with any async client.
//!
//! An adapter brings an [`Exchanger`] for its client, wraps a [`TokioProvider`] in a provider of its own, and collects its
//! settings in [`TokioSettings`].

mod clock;
mod driver;
mod exchange;
mod methods;
mod provider;
mod settings;

pub use clock::TokioClock;
pub use driver::{Exchanger, Exchanging, Runs};
pub use exchange::exchange_within;
pub use provider::TokioProvider;
pub use settings::TokioSettings;
