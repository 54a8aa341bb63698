//! Runs the simulation of the token's life. See `--help`.

use std::process::ExitCode;
use std::time::Instant;

use pan123_token_tests::simulation::{Scenario, figures, run, run_seed};

const HELP: &str = "\
Simulates the token's life over virtual time and checks its thirteen rules after each step.

  simulate [--seeds FROM..TO] [--keep-going]   runs these seeds (default 0..1000)
      simulate --seeds FROM..TO --until-rule N     goes on until a seed breaks this rule
  simulate --seed N [--trace [LINES]]          runs one, and shows its last lines
  simulate --figures [--fleets 1,3,10]         what life costs, as Markdown (default 1,3,10,100,1000)
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1).cloned()
    };
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    if has("--help") {
        print!("{HELP}");
        return ExitCode::SUCCESS;
    }
    if let Some(seed) = value("--seed") {
        let Ok(seed) = seed.parse() else {
            eprint!("{HELP}");
            return ExitCode::from(64);
        };
        let lines = value("--trace").and_then(|lines| lines.parse().ok());
        return show(seed, has("--trace").then(|| lines.unwrap_or(60)));
    }
    if has("--figures") {
        let fleets = value("--fleets").unwrap_or_else(|| "1,3,10,100,1000".to_owned());
        let fleets: Vec<usize> = fleets.split(',').filter_map(|n| n.parse().ok()).collect();
        if !fleets.is_empty() {
            println!("{}", figures::table(&fleets));
        }
        println!("{}", figures::stories());
        return ExitCode::SUCCESS;
    }
    let range = value("--seeds").unwrap_or_else(|| "0..1000".to_owned());
    let Some((from, to)) = range
        .split_once("..")
        .and_then(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?)))
    else {
        eprint!("{HELP}");
        return ExitCode::from(64);
    };
    let until_rule = value("--until-rule").and_then(|rule| rule.parse().ok());
    sweep(from, to, has("--keep-going"), until_rule)
}

fn show(seed: u64, lines: Option<usize>) -> ExitCode {
    let scenario = Scenario::of(seed);
    println!("{scenario:#?}");
    let outcome = run(scenario, lines.is_some());
    let skipped = outcome.trace.len().saturating_sub(lines.unwrap_or(0));
    for line in outcome.trace.iter().skip(skipped) {
        println!("{line}");
    }
    println!("{:?}", outcome.tally);
    match outcome.broken {
        Some(broken) => {
            println!("seed {seed} breaks {broken}");
            ExitCode::FAILURE
        }
        None => ExitCode::SUCCESS,
    }
}

fn sweep(from: u64, to: u64, keep_going: bool, until_rule: Option<u8>) -> ExitCode {
    let started = Instant::now();
    let (mut steps, mut failed) = (0, 0_u64);
    for seed in from..to {
        let outcome = run_seed(seed);
        steps += outcome.tally.steps;
        if let Some(broken) = outcome.broken {
            println!("seed {seed} breaks {broken}");
            failed += 1;
            let found = until_rule.is_none_or(|rule| rule == broken.rule);
            if found && !keep_going {
                println!("see it with --seed {seed} --trace");
                return ExitCode::FAILURE;
            }
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a figure to read")]
    let rate = steps as f64 / seconds;
    println!(
        "{} seeds, {failed} broken, {steps} steps, {rate:.0} steps/s",
        to.saturating_sub(from)
    );
    ExitCode::from(u8::from(failed > 0))
}
