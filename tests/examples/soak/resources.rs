//! What this process holds of the system. From proc(5), so that it runs on Linux alone.

use std::fmt;
use std::fs;

use tokio::runtime::Runtime;

/// What is compared at the start and at the end, while nothing is under way.
pub(crate) struct Resources {
    /// Resident, in bytes.
    pub(crate) memory: u64,
    pub(crate) threads: u64,
    pub(crate) tasks: usize,
    pub(crate) descriptors: usize,
}

impl Resources {
    pub(crate) fn of(runtime: &Runtime) -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let number = line.unwrap().split_whitespace().next().unwrap();
            number.parse::<u64>().unwrap()
        };
        Self {
            memory: field("VmRSS:") * 1024,
            threads: field("Threads:"),
            tasks: runtime.metrics().num_alive_tasks(),
            descriptors: fs::read_dir("/proc/self/fd").unwrap().count(),
        }
    }
}

impl fmt::Display for Resources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kib = self.memory / 1024;
        let Self {
            threads,
            tasks,
            descriptors,
            ..
        } = self;
        write!(
            f,
            "{kib} KiB, {threads} threads, {tasks} tasks, {descriptors} descriptors"
        )
    }
}
