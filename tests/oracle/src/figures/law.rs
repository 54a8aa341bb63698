//! The situations that the rules were made for, one row each: what a fleet pays, and for how long it is without a token.

use std::fmt::Write as _;

use super::rows::rows;
use super::{percent, readable};
use crate::scenario::Scenario;
use crate::tally::Tally;
use crate::{Outcome, run};

/// One situation.
pub struct Row {
    /// A short name without blanks, always the same.
    pub name: &'static str,
    pub(super) what: &'static str,
    pub(super) runs: u64,
    pub(super) scenario: fn() -> Scenario,
    /// What else is worth saying about a run.
    pub(super) note: fn(&Tally) -> String,
}

/// What came of a row's runs: of each figure, the worst.
#[derive(Clone, Debug, Default)]
pub struct Worst {
    /// The counts, each the largest of all runs.
    pub tally: Tally,
    /// A rule that a run broke.
    pub broken: Option<String>,
    notes: Vec<String>,
}

impl Row {
    /// With this seed.
    pub fn scenario(&self, seed: u64) -> Scenario {
        Scenario {
            seed,
            ..(self.scenario)()
        }
    }

    /// Runs it.
    pub fn run(&self) -> Worst {
        let mut worst = Worst::default();
        for seed in 1..=self.runs {
            let Outcome { tally, broken, .. } = run(self.scenario(seed), false);
            let note = (self.note)(&tally);
            if !note.is_empty() {
                worst.notes.push(note);
            }
            if let Some(broken) = broken {
                worst.broken.get_or_insert(broken.to_string());
            }
            worst.tally = worse(&worst.tally, &tally);
        }
        worst
    }
}

fn worse(one: &Tally, other: &Tally) -> Tally {
    let most = |field: fn(&Tally) -> u64| field(one).max(field(other));
    Tally {
        steps: one.steps + other.steps,
        calls: other.calls,
        rejected: most(|it| it.rejected),
        unserved: most(|it| it.unserved),
        requests: most(|it| it.requests),
        issued: most(|it| it.issued),
        issued_to_others: most(|it| it.issued_to_others),
        last_issued_at: one.last_issued_at.max(other.last_issued_at),
        longest_gap: one.longest_gap.max(other.longest_gap),
        served_again_at: one.served_again_at.max(other.served_again_at),
        jobs: other.jobs,
        jobs_failed: most(|it| it.jobs_failed),
    }
}

/// All rows as a table in Markdown.
pub fn law() -> String {
    let mut table = String::from(
        "| row | situation | issued | requests | longest without | answered 401 | without a token | jobs failed | |\n\
         |---|---|---:|---:|---:|---:|---:|---:|---|\n",
    );
    for row in rows() {
        let Worst {
            tally,
            broken,
            notes,
        } = row.run();
        let jobs = if tally.jobs == 0 {
            "–".to_owned()
        } else {
            percent(tally.jobs_failed, tally.jobs)
        };
        let broken = broken.map(|it| format!(" **{it}**")).unwrap_or_default();
        let _ = writeln!(
            table,
            "| {} | {} | {} | {} | {} | {} | {} | {jobs} | {}{broken} |",
            row.name,
            row.what,
            tally.issued,
            tally.requests,
            readable(tally.longest_gap),
            percent(tally.rejected, tally.calls),
            percent(tally.unserved, tally.calls),
            notes.join("; "),
        );
    }
    table
}
