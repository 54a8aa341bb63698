//! How scenes are measured.

use std::env;
use std::hint::black_box;
use std::process::Command;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use allocation_counter::{AllocationInfo, measure};

/// Carries out so many rounds.
pub type Rounds = Box<dyn FnMut(u32)>;

/// Something that is done over and over.
pub struct Scene {
    pub name: &'static str,
    pub make: fn() -> Rounds,
}

/// Scenes with the same result; the first has the bare parts.
pub struct Group {
    pub title: &'static str,
    pub scenes: Vec<Scene>,
}

/// The loop of a scene.
pub fn rounds<T>(mut round: impl FnMut() -> T + 'static) -> Rounds {
    Box::new(move |rounds| {
        for _ in 0..rounds {
            drop(black_box(round()));
        }
    })
}

/// Of one round, once all is warm.
pub fn allocations(scene: &Scene) -> AllocationInfo {
    let mut rounds = (scene.make)();
    rounds(3);
    measure(|| rounds(1))
}

/// Of one round: the difference between a process with 1,100 and one with 100 of them, under callgrind. What the kernel does
/// isn't counted. `None` where valgrind can't be run.
pub fn instructions(group: usize, scene: usize) -> Option<u64> {
    let counted = |rounds: u64| -> Option<u64> {
        let output = Command::new("valgrind")
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
            .arg(env::current_exe().unwrap())
            .args([group as u64, scene as u64, rounds].map(|it| it.to_string()))
            .output()
            .ok()?;
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        let (_, count) = log.split_once("Collected : ")?;
        count.split_whitespace().next()?.parse().ok()
    };
    Some((counted(1_100)? - counted(100)?) / 1_000)
}

/// What several threads do at once.
pub type Shared = Box<dyn Fn(u32) + Send + Sync>;

/// The loop of a scene that several threads share.
pub fn shared<T>(round: impl Fn() -> T + Send + Sync + 'static) -> Shared {
    Box::new(move |rounds| {
        for _ in 0..rounds {
            drop(black_box(round()));
        }
    })
}

/// How long one round of each scene takes with so many threads at once, all threads' rounds counted: the fastest of many
/// samples, which the scenes take in turns.
pub fn nanoseconds(scenes: &[Shared], threads: usize) -> Vec<f64> {
    const SAMPLES: usize = 60;
    const ROUNDS: u32 = 20_000;
    let mut fastest = vec![Duration::MAX; scenes.len()];
    for _ in 0..SAMPLES {
        for (scene, fastest) in scenes.iter().zip(&mut fastest) {
            *fastest = sample(scene, threads, ROUNDS).min(*fastest);
        }
    }
    let rounds = f64::from(ROUNDS) * threads as f64;
    let each = |fastest: Duration| fastest.as_secs_f64() * 1e9 / rounds;
    fastest.into_iter().map(each).collect()
}

/// From the first thread's beginning to the last one's end.
fn sample(scene: &Shared, threads: usize, rounds: u32) -> Duration {
    let barrier = Barrier::new(threads);
    let run = || {
        scene(10);
        barrier.wait();
        let begun = Instant::now();
        scene(rounds);
        (begun, Instant::now())
    };
    if threads == 1 {
        let (begun, ended) = run();
        return ended - begun;
    }
    thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
        let times: Vec<_> = threads.into_iter().map(|it| it.join().unwrap()).collect();
        let (begun, ended): (Vec<_>, Vec<_>) = times.into_iter().unzip();
        ended.into_iter().max().unwrap() - begun.into_iter().min().unwrap()
    })
}
