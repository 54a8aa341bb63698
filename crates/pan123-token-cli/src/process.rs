//! What this process may not leave behind: a core dump holds the client secret and the token.

/// Neither a crash nor another process of the user gets at this one's memory. To be called before a secret is read.
#[cfg(unix)]
pub(crate) fn keep_memory_private() {
    use rustix::process::{Resource, Rlimit, setrlimit};

    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    // Lowering a limit is always allowed.
    let _ = setrlimit(Resource::Core, none);
    // Where dumps are piped to a program, the limit doesn't count; and this keeps debuggers of the same user out.
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}

#[cfg(not(unix))]
pub(crate) fn keep_memory_private() {}
