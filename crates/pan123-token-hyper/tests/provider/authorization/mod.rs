//! The layer that puts the token on business calls.

mod api;
mod bodies;
mod calls;
mod permits;
mod redirects;
mod repetition;
mod without_layer;
