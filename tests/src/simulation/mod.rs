//! A simulation of the token's life: hosts, processes, clocks, the network, the platform and the store, over virtual time.
//!
//! In scope: whether the state machine of `pan123-token-cache` keeps the thirteen rules of its life (`rules`), whatever
//! goes wrong around it (`fault`); and what that costs, in tokens and in failing calls ([`figures`]). A short form of it
//! goes on in real time, with real stores in place of their model ([`run_over`]). Out of scope: the adapters, which have
//! tests of their own.
//!
//! A seed picks a scenario and all that happens in it. Nothing else does: no clock, no thread, no hash's key. So a seed that
//! breaks a rule can be run again, with a trace: `cargo run --release -p pan123-token-tests --bin simulate -- --seed N --trace`.

mod blows;
mod clock;
mod driver;
mod exchange;
mod fault;
pub mod figures;
mod observe;
mod platform;
mod queue;
mod random;
mod rules;
mod scenario;
mod store;
mod tally;
mod watch;
mod world;

use std::hash::Hasher;
use std::panic::{AssertUnwindSafe, catch_unwind};

pub use fault::Fault;
pub use rules::Broken;
pub use scenario::{Scenario, Sharing};
pub use store::OpenStore;
pub use tally::Tally;

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
                what: format!("a panic: {what}"),
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

/// Runs a seed. One in eight is run twice, and must do the same (rule 10).
pub fn run_seed(seed: u64) -> Outcome {
    let mut outcome = run(Scenario::of(seed), false);
    if seed.is_multiple_of(8) && outcome.broken.is_none() {
        let again = run(Scenario::of(seed), false);
        if again.hash != outcome.hash {
            outcome.broken = Some(Broken {
                rule: 10,
                what: "the same seed led to other actions".to_owned(),
            });
        }
    }
    outcome
}
