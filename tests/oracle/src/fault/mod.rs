//! What can go wrong, one by one.

mod suffer;

/// One thing that can go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Wall clocks are off by up to 60 days.
    WrongClocks,
    /// Clocks run too fast or too slow.
    Drift,
    /// Wall clocks jump.
    Jumps,
    /// Hosts sleep, and drivers nap.
    Suspends,
    /// Two caches of a host began as one.
    Forks,
    /// Processes die and begin anew.
    Deaths,
    /// No connection now and then.
    NoConnection,
    /// Requests and replies get lost.
    Losses,
    /// Replies come after the timeout.
    Delays,
    /// Requests arrive twice.
    Duplicates,
    /// Drivers drop tickets and steps.
    Dropped,
    /// 429, with and without `Retry-After`.
    Overload,
    /// 503, 504, and pages that are no answer.
    Gateway,
    /// The platform is away for up to two hours.
    Outage,
    /// `Date` is missing.
    NoDate,
    /// `Date` is wrong.
    WrongDate,
    /// The same token comes again, with or without a later expiry.
    SameToken,
    /// Tokens have expired already on issue.
    IssuedExpired,
    /// Some hosts have a wrong secret.
    WrongSecret,
    /// A host calls an endpoint that always answers 401.
    Always401,
    /// Store calls fail.
    StoreFails,
    /// Store calls take too long.
    StoreSlow,
    /// The store is down for up to some hours.
    StoreDown,
    /// The store can't be written.
    StoreFull,
    /// The store is flushed, and loses leases.
    StoreForgets,
    /// A stopped process keeps the lock.
    StuckLock,
    /// Hosts write and read different versions.
    MixedVersions,
    /// Hosts write a version that others can't read.
    UnreadableVersions,
    /// Some hosts are of a version that counts no lost replies.
    OlderHosts,
    /// Loads are answered by a replica that lags behind.
    StaleReads,
    /// A host can't log in to the store.
    Misconfigured,
    /// Processes begin, ask for one token and end.
    Jobs,
    /// The same, and some are killed while they fetch.
    KilledJobs,
    /// Callers ask for another token.
    Refreshes,
    /// Some hosts can't reach the platform.
    DeadNetwork,
    /// For hours, the platform issues and its replies are lost.
    LostReplies,
    /// Another program on the same client ID asks for tokens, too.
    SecondProgram,
    /// Hosts have different policies.
    MixedPolicies,
    /// An API call is answered 401, once, though the token is good.
    StrayRejections,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 39] = [
        Self::WrongClocks,
        Self::Drift,
        Self::Jumps,
        Self::Suspends,
        Self::Forks,
        Self::Deaths,
        Self::NoConnection,
        Self::Losses,
        Self::Delays,
        Self::Duplicates,
        Self::Dropped,
        Self::Overload,
        Self::Gateway,
        Self::Outage,
        Self::NoDate,
        Self::WrongDate,
        Self::SameToken,
        Self::IssuedExpired,
        Self::WrongSecret,
        Self::Always401,
        Self::StoreFails,
        Self::StoreSlow,
        Self::StoreDown,
        Self::StoreFull,
        Self::StoreForgets,
        Self::StuckLock,
        Self::MixedVersions,
        Self::UnreadableVersions,
        Self::OlderHosts,
        Self::StaleReads,
        Self::Misconfigured,
        Self::Jobs,
        Self::KilledJobs,
        Self::Refreshes,
        Self::DeadNetwork,
        Self::LostReplies,
        Self::SecondProgram,
        Self::MixedPolicies,
        Self::StrayRejections,
    ];

    /// Whether it is about what is shared, so that there must be a store.
    pub fn needs_a_store(self) -> bool {
        matches!(
            self,
            Self::StoreFails
                | Self::StoreSlow
                | Self::StoreDown
                | Self::StoreFull
                | Self::StoreForgets
                | Self::StuckLock
                | Self::MixedVersions
                | Self::UnreadableVersions
                | Self::OlderHosts
                | Self::StaleReads
                | Self::Misconfigured
                | Self::Jobs
                | Self::KilledJobs
                | Self::DeadNetwork
                | Self::LostReplies
                | Self::MixedPolicies
        )
    }
}
