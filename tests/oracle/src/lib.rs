//! The token's life in a simulated world, and the rules that its visible history must keep.
#![allow(
    clippy::unwrap_used,
    clippy::struct_excessive_bools,
    reason = "a panic is how a test reports, and what goes wrong is listed in flags"
)]

mod account;
mod alive;
mod answer;
mod callers;
mod calm;
mod clock;
mod disturbance;
mod driver;
mod ending;
mod exchange;
mod fault;
mod faults;
pub mod figures;
mod fleet;
mod judged;
mod life;
mod platform;
mod provided;
mod queue;
mod random;
mod rules;
mod scenario;
pub mod script;
mod seeds;
mod setup;
mod store;
pub mod stored;
mod storing;
mod tally;
mod wire;
mod world;

use std::hash::Hasher;
use std::panic::{AssertUnwindSafe, catch_unwind};

pub use account::FetchEnd;
pub use answer::Answer;
pub use fault::Fault;
pub use judged::{Asked, Drawn, Judged, Ticket};
pub use rules::Broken;
pub use scenario::{Scenario, Sharing};
pub use tally::Tally;
pub use world::OpenStore;

use world::World;

/// How a run ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The rule that was broken, if one was.
    pub broken: Option<Broken>,
    /// What was counted.
    pub tally: Tally,
    /// The same for equal actions.
    pub hash: u64,
    /// What happened, if that was asked for.
    pub trace: Vec<String>,
}

/// Runs a scenario to its end, or to the first broken rule.
pub fn run(scenario: Scenario, traced: bool) -> Outcome {
    carry_out(World::new(scenario, traced, None))
}

/// Runs a scenario in real time, with real stores. What happened comes with it.
pub fn run_over(scenario: Scenario, open: &OpenStore) -> Outcome {
    carry_out(World::new(scenario, true, Some(open)))
}

fn carry_out(mut world: World) -> Outcome {
    // Rule 10: nothing panics.
    let result = catch_unwind(AssertUnwindSafe(|| world.run()));
    let broken = match result {
        Ok(result) => result.err(),
        Err(panic) => {
            let what = panic
                .downcast_ref::<String>()
                .cloned()
                .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
                .unwrap_or_default();
            Some(Broken {
                rule: 10,
                name: "no-panic",
                what,
            })
        }
    };
    Outcome {
        broken,
        tally: world.tally,
        hash: world.hash.finish(),
        trace: world.trace.unwrap_or_default(),
    }
}

/// Runs a seed's scenario. One in eight is run twice, and must do the same (rule 10).
pub fn run_seed(seed: u64, scenario: &Scenario) -> Outcome {
    let mut outcome = run(scenario.clone(), false);
    if seed.is_multiple_of(8) && outcome.broken.is_none() {
        let again = run(scenario.clone(), false);
        if again.hash != outcome.hash {
            outcome.broken = Some(Broken {
                rule: 10,
                name: "deterministic",
                what: "the same seed led to other actions".to_owned(),
            });
        }
    }
    outcome
}
