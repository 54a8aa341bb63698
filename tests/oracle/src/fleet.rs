//! Rules about all hosts together.

use crate::clock::At;
use crate::judged::Broken;
use crate::platform::TokenId;
use crate::world::{Event, World};

impl World {
    pub(crate) fn check_handed_out(&mut self, _: usize, _: TokenId) -> Result<(), Broken> {
        Ok(())
    }
    pub(crate) fn check_peace(&mut self, _: usize) -> Result<(), Broken> {
        Ok(())
    }
    pub(crate) fn check_fetch(&mut self, _: usize) -> Result<(), Broken> {
        Ok(())
    }
    pub(crate) fn check_alive(&mut self, _: usize) -> Result<(), Broken> {
        Ok(())
    }
    pub(crate) fn finish(&mut self) -> Result<(), Broken> {
        Ok(())
    }
    pub(crate) fn after_calm(&mut self, at: At, event: &Event) -> Option<At> {
        let idle = &self.scenario.idle;
        if !idle.contains(&at) {
            return None;
        }
        let every = match event {
            Event::Call(_) | Event::Wake(..) => self.scenario.call_every,
            Event::JobBegins(process) => self.processes[*process].job?.every,
            _ => return None,
        };
        let after = (at - idle.start).as_nanos() % every.as_nanos().max(1);
        Some(idle.end + std::time::Duration::from_nanos(u64::try_from(after).unwrap_or(0)))
    }
}
