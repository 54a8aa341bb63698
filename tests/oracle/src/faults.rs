//! Which faults happened, whom they may have cost a token, and until when.

use crate::clock::At;
use crate::judged::FetchEnd;
use crate::platform::TokenId;
use crate::scenario::Scenario;
use crate::store::Condition;

#[derive(Debug, Default)]
pub(crate) struct Faults {
    /// Tokens issued that failures, rejections and the like account for.
    pub(crate) explained: u64,
    pub(crate) flushes: u64,
    pub(crate) leases_lost: u64,
}

impl Faults {
    pub(crate) fn plan(&mut self, _: &Scenario, _: usize) {}
    pub(crate) fn of_process(&mut self, _: usize, _: At) {}
    pub(crate) fn of_host(&mut self, _: usize, _: At) {}
    pub(crate) fn of_store(&mut self, _: At) {}
    pub(crate) fn of_store_call(&mut self, _: usize, _: At, _: Condition) {}
    pub(crate) fn rejected(&mut self, _: usize, _: TokenId) {}
    pub(crate) fn fetch_ended(&mut self, _: usize, _: At, _: &FetchEnd, _: usize) {}
}
