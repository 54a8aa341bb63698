//! The life of tokens at high speed, for as long as one likes. Run by `tests/soak`.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a panic is how a test reports"
)]

mod hosts;
mod platform;
mod resources;

use std::env;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use hosts::{Host, Place, Tally};
use pan123_token_support::redis_server::RedisServer;
use platform::Platform;
use resources::Resources;

const WARM_UP: Duration = Duration::from_secs(30);
/// From one fault of the platform to the next.
const FAULT_EVERY: Duration = Duration::from_secs(2);
/// From one short-lived process to the next; each eighth is killed.
const PROCESS_EVERY: Duration = Duration::from_secs(1);
/// What the resident memory may vary by: the allocator keeps what it was given.
const MEMORY_SLACK: u64 = 2 << 20;

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["platform"] => platform::serve(),
        ["process", adapter, url, place] => hosts::short_lived(adapter, url, place),
        [minutes] => soak(Duration::from_secs_f64(
            60.0 * minutes.parse::<f64>().unwrap(),
        )),
        _ => panic!("soak MINUTES"),
    }
}

fn soak(time: Duration) {
    assert!(time > 2 * WARM_UP, "it takes more than a minute");
    let redis = RedisServer::start();
    let folder = tempfile::tempdir().unwrap();
    let places = [
        Place::File(folder.path().to_owned()),
        Place::Redis(redis.url()),
    ];
    let mut platform = Platform::start();
    let runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = Arc::new({ runtime }.worker_threads(2).enable_all().build().unwrap());
    let hosts: Vec<Arc<dyn Host>> = places
        .iter()
        .flat_map(|place| hosts::all(&runtime, &platform.url, place))
        .collect();

    let mut tally = Tally::default();
    let mut troubles = Troubles::default();
    run(
        WARM_UP,
        &hosts,
        &places,
        &mut platform,
        &mut tally,
        &mut troubles,
    );
    let before = Resources::of(&runtime);
    run(
        time.saturating_sub(WARM_UP),
        &hosts,
        &places,
        &mut platform,
        &mut tally,
        &mut troubles,
    );
    let after = Resources::of(&runtime);

    let [requests, issued] = platform.count();
    tally.forced += hosts.iter().map(|host| host.forced()).sum::<u64>();
    // The first of each store, one per shortest stretch between renewals, one for each that is lost on the way, that is
    // forced or whose process was killed.
    let renewals = 2 * (1 + time.as_secs() * 10 / hosts::SHORTEST_STRETCH_TENTHS);
    let allowed = renewals + troubles.faults + tally.forced + troubles.killed;
    println!(
        "{:.1} minutes: {} calls, {} without a token, {} with one that was expired, {} refused for good",
        time.as_secs_f64() / 60.0,
        tally.calls,
        tally.without,
        tally.expired,
        tally.refused,
    );
    println!(
        "{} short-lived processes, {} failed, {} killed; {} faults, {} forced renewals",
        troubles.processes, troubles.failed, troubles.killed, troubles.faults, tally.forced
    );
    println!("{requests} requests for a token, {allowed} allowed; {issued} issued");
    println!("at the start {before}; at the end {after}");
    assert_eq!(tally.expired, 0, "an expired token was handed out");
    assert!(requests <= allowed, "more requests than the policy allows");
    assert!(
        after.memory <= before.memory + before.memory / 20 + MEMORY_SLACK,
        "memory grew"
    );
    assert!(after.threads <= before.threads, "a thread was gained");
    assert!(after.tasks <= before.tasks, "a task was gained");
    assert!(
        after.descriptors <= before.descriptors,
        "a descriptor was gained"
    );
}

/// What was done to the hosts.
#[derive(Default)]
struct Troubles {
    faults: u64,
    processes: u64,
    failed: u64,
    killed: u64,
}

/// Lets all hosts live for so long; then waits until nothing is under way.
fn run(
    time: Duration,
    hosts: &[Arc<dyn Host>],
    places: &[Place],
    platform: &mut Platform,
    tally: &mut Tally,
    troubles: &mut Troubles,
) {
    let end = Instant::now() + time;
    let living: Vec<_> = hosts
        .iter()
        .map(|host| {
            let host = Arc::clone(host);
            thread::spawn(move || hosts::live(&*host, end))
        })
        .collect();
    let (mut next_fault, mut next_process) = (Instant::now(), Instant::now());
    let mut running: Option<Child> = None;
    while Instant::now() < end {
        thread::sleep(Duration::from_millis(20));
        if Instant::now() >= next_fault {
            platform.fail(troubles.faults);
            troubles.faults += 1;
            next_fault += FAULT_EVERY;
        }
        if Instant::now() < next_process {
            continue;
        }
        next_process += PROCESS_EVERY;
        wait_for(running.take(), troubles);
        let number = usize::try_from(troubles.processes).unwrap();
        let adapter = hosts::ADAPTERS[number % hosts::ADAPTERS.len()];
        let place = &places[number / hosts::ADAPTERS.len() % places.len()];
        let mut process = Command::new(env::current_exe().unwrap());
        process.args(["process", adapter, &platform.url, &place.to_string()]);
        let mut child = process.stderr(Stdio::null()).spawn().unwrap();
        troubles.processes += 1;
        if troubles.processes.is_multiple_of(8) {
            thread::sleep(Duration::from_millis(5 * (troubles.processes / 8 % 10)));
            let _ = child.kill();
            let _ = child.wait();
            troubles.killed += 1;
        } else {
            running = Some(child);
        }
    }
    wait_for(running, troubles);
    for living in living {
        *tally += living.join().unwrap();
    }
    // Threads of jobs end a moment after what they did.
    thread::sleep(Duration::from_secs(1));
}

fn wait_for(child: Option<Child>, troubles: &mut Troubles) {
    if let Some(mut child) = child
        && !child.wait().unwrap().success()
    {
        troubles.failed += 1;
    }
}
