//! Runs the simulation of the token's life. See `--help`.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use pan123_token_oracle::{Broken, Scenario, figures, run, run_seed};

const HELP: &str = "\
Simulates the token's life over virtual time and checks its rules after each step.

  simulate [--seeds FROM..TO] [--keep-going]     runs these seeds (default 0..1000)
      simulate --seeds FROM..TO --until NAME,…   goes on until a seed breaks one of these rules
      simulate --provider …                      the same with providers, not the machine alone
      simulate --fallback …                      the same with a store of each host beside the shared one
  simulate --seed N [--trace [LINES]]            runs one, and shows its last lines
  simulate --figures [--fleets 1,3,10] [--rows]  what life costs, as Markdown (default 1,3,10,100,1000)
      simulate --figures --rows                  the rows of the fleet's law alone
      simulate --row NAME [--trace [LINES]]      one of them
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1).cloned()
    };
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    let lines = || {
        let lines = value("--trace").and_then(|lines| lines.parse().ok());
        has("--trace").then(|| lines.unwrap_or(60))
    };
    let kind = Kind {
        provider: has("--provider"),
        fallback: has("--fallback"),
    };
    if has("--help") {
        print!("{HELP}");
        return ExitCode::SUCCESS;
    }
    if let Some(seed) = value("--seed") {
        return match seed.parse() {
            Ok(seed) => show(kind.scenario_of(seed), lines()),
            Err(_) => usage(),
        };
    }
    if let Some(name) = value("--row") {
        return match figures::rows().into_iter().find(|row| row.name == name) {
            Some(row) => show(row.scenario(1), lines()),
            None => usage(),
        };
    }
    if has("--figures") {
        let fleets = value("--fleets").unwrap_or_else(|| "1,3,10,100,1000".to_owned());
        let fleets: Vec<usize> = fleets.split(',').filter_map(|n| n.parse().ok()).collect();
        println!("{}", figures::law());
        if !has("--rows") && !fleets.is_empty() {
            println!("{}", figures::fleets(&fleets));
        }
        return ExitCode::SUCCESS;
    }
    let range = value("--seeds").unwrap_or_else(|| "0..1000".to_owned());
    let Some((from, to)) = range
        .split_once("..")
        .and_then(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?)))
    else {
        return usage();
    };
    let how = How {
        kind,
        keep_going: has("--keep-going"),
        until: value("--until"),
    };
    sweep(from, to, &how)
}

/// How seeds are run.
struct How {
    kind: Kind,
    keep_going: bool,
    until: Option<String>,
}

/// What is made of a seed's scenario.
struct Kind {
    provider: bool,
    fallback: bool,
}

impl Kind {
    fn scenario_of(&self, seed: u64) -> Scenario {
        let mut scenario = Scenario::of(seed);
        if self.provider {
            scenario = scenario.with_providers();
        }
        if self.fallback {
            scenario = scenario.with_fallback();
        }
        scenario
    }
}

fn usage() -> ExitCode {
    eprint!("{HELP}");
    ExitCode::from(64)
}

fn show(scenario: Scenario, lines: Option<usize>) -> ExitCode {
    println!("{scenario:#?}");
    let outcome = run(scenario, lines.is_some());
    let skipped = outcome.trace.len().saturating_sub(lines.unwrap_or(0));
    for line in outcome.trace.iter().skip(skipped) {
        println!("{line}");
    }
    println!("{:?}", outcome.tally);
    match outcome.broken {
        Some(broken) => {
            println!("breaks {broken}");
            ExitCode::FAILURE
        }
        None => ExitCode::SUCCESS,
    }
}

/// What two threads found.
#[derive(Default)]
struct Found {
    broken: Mutex<BTreeMap<u64, Broken>>,
    next: AtomicU64,
    steps: AtomicU64,
    stop: AtomicBool,
}

fn sweep(from: u64, to: u64, how: &How) -> ExitCode {
    let started = Instant::now();
    let found = Found::default();
    found.next.store(from, Ordering::Relaxed);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| work(&found, to, how));
        }
    });
    let broken = found.broken.into_inner().unwrap_or_default();
    for (seed, broken) in &broken {
        println!("seed {seed} breaks {broken}");
    }
    if let (Some(seed), false) = (broken.keys().next(), how.keep_going) {
        println!("see it with --seed {seed} --trace");
    }
    let seconds = started.elapsed().as_secs_f64();
    let steps = found.steps.into_inner();
    #[expect(clippy::cast_precision_loss, reason = "a figure to read")]
    let rate = steps as f64 / seconds;
    println!(
        "{} seeds, {} broken, {steps} steps, {rate:.0} steps/s, {seconds:.1} s",
        to.saturating_sub(from),
        broken.len(),
    );
    ExitCode::from(u8::from(!broken.is_empty()))
}

fn work(found: &Found, to: u64, how: &How) {
    while !found.stop.load(Ordering::Relaxed) {
        let seed = found.next.fetch_add(1, Ordering::Relaxed);
        if seed >= to {
            return;
        }
        let outcome = run_seed(seed, &how.kind.scenario_of(seed));
        found
            .steps
            .fetch_add(outcome.tally.steps, Ordering::Relaxed);
        let Some(broken) = outcome.broken else {
            continue;
        };
        let until = how.until.as_deref();
        let wanted = until.is_none_or(|until| until.split(',').any(|name| name == broken.name));
        if wanted && !how.keep_going {
            found.stop.store(true, Ordering::Relaxed);
        }
        if let Ok(mut all) = found.broken.lock() {
            all.insert(seed, broken);
        }
    }
}
