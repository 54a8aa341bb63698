//! The layer that puts the token on business calls.

mod api;
mod bodies;
mod calls;
mod redirects;
mod repetition;
