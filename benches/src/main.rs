//! What these crates cost, beside the bare parts and beside other crates: `benches/run`.
//!
//! Each group begins with its bare parts; ratios are to these. One round of a scene is counted in instructions by callgrind
//! and in allocations, and both counts are the same on every run. Times are the fastest of many samples, taken in turns.

mod calls;
mod calls_ureq;
mod hand_out;
mod measure;
mod operation;
mod waiting;

use std::env;

use measure::{Group, allocations, instructions};

fn groups() -> [Group; 9] {
    [
        operation::request(),
        operation::reply(),
        operation::error(),
        operation::api_reply(),
        calls::api_call(),
        calls::exchange(),
        calls_ureq::api_call(),
        calls_ureq::exchange(),
        hand_out::group(),
    ]
}

fn main() {
    let arguments: Vec<_> = env::args().collect();
    if let [_, group, scene, rounds] = &arguments[..] {
        let (group, scene): (usize, usize) = (group.parse().unwrap(), scene.parse().unwrap());
        return (groups()[group].scenes[scene].make)()(rounds.parse().unwrap());
    }
    println!("| one round of | instructions | ratio | allocations | bytes |");
    println!("|---|---:|---:|---:|---:|");
    for (index, group) in groups().iter().enumerate() {
        println!("| **{}** | | | | |", group.title);
        let mut bare = None;
        for (scene, it) in group.scenes.iter().enumerate() {
            let allocated = allocations(it);
            let counted = instructions(index, scene);
            bare = bare.or(counted);
            let ratio = counted
                .zip(bare)
                .map(|(count, bare)| count as f64 / bare as f64);
            println!(
                "| {} | {} | {} | {} | {} |",
                it.name,
                counted.map_or("no valgrind".to_owned(), |count| count.to_string()),
                ratio.map_or(String::new(), |ratio| format!("{ratio:.2}")),
                allocated.count_total,
                allocated.bytes_total,
            );
        }
    }
    println!();
    hand_out::times();
    println!();
    waiting::times();
}
