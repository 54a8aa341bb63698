//! Runs a target's check over files: `replay TARGET FOLDER…`. Names the first file whose check panics, and ends with 1.
#![allow(clippy::print_stdout, reason = "its output")]

use std::panic::catch_unwind;
use std::path::PathBuf;
use std::process::ExitCode;
use std::{env, fs, panic};

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    let target = arguments.next().unwrap_or_default();
    let Some(check) = pan123_token_checks::by_name(&target) else {
        println!("no target {target:?}");
        return ExitCode::from(64);
    };
    panic::set_hook(Box::new(|_| {}));
    let mut files: Vec<PathBuf> = arguments
        .filter_map(|folder| fs::read_dir(folder).ok())
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    files.sort();
    for path in &files {
        let Ok(input) = fs::read(path) else { continue };
        let Err(panic) = catch_unwind(|| check(&input)) else {
            continue;
        };
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or(panic.downcast_ref::<&str>().copied());
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        println!("{name}: {}", text.unwrap_or_default().replace('\n', " "));
        return ExitCode::FAILURE;
    }
    println!("{} files hold", files.len());
    ExitCode::SUCCESS
}
