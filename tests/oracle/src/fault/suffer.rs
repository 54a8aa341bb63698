//! What each fault does to a scenario.

use std::ops::Range;
use std::time::Duration;

use crate::clock::At;
use crate::disturbance::Disturbance;
use crate::fault::Fault;
use crate::platform::{DateHeader, Repeat};
use crate::random::Random;
use crate::scenario::{DAY, HOUR, Host, MINUTE, SECOND, Scenario};
use crate::seeds::other_policy;
use crate::store::Version;

impl Scenario {
    /// For how long a burst of trouble lasts, and when it begins.
    fn stretch(&self, random: &mut Random, longest: Duration) -> Range<At> {
        let longest = longest.min(self.faults_end / 2);
        let lasts = random.between(longest / 20, longest);
        // Renewals are what trouble meets; half of it comes when the first token's window opens.
        let window = self.hosts[0]
            .policy
            .renewal_window
            .min(self.habits.lifetime / 5);
        let begins = if random.chance(500) && self.habits.lifetime < self.faults_end {
            random.between(
                self.habits.lifetime.saturating_sub(window + longest),
                self.habits.lifetime,
            )
        } else {
            random.between(At::ZERO, self.faults_end)
        };
        begins..(begins + lasts).min(self.faults_end)
    }

    fn moments(&self, random: &mut Random, most: u64) -> Vec<At> {
        let number = 1 + random.below(most);
        (0..number)
            .map(|_| {
                let at = if random.chance(500) {
                    // In the first minutes, when caches look for their first token.
                    random.between(At::ZERO, self.faults_end.min(2 * MINUTE))
                } else {
                    self.stretch(random, MINUTE).start
                };
                at.min(self.faults_end)
            })
            .collect()
    }

    /// Adds a fault.
    #[expect(clippy::too_many_lines, reason = "a table, one row per fault")]
    pub(crate) fn suffer(&mut self, fault: Fault, random: &mut Random) {
        self.faults.push(fault);
        let some = random.pick(&[30, 150, 500]);
        let hosts = self.hosts.len();
        let services: usize = self.hosts.iter().map(|host| host.services).sum();
        match fault {
            Fault::WrongClocks => {
                for host in &mut self.hosts {
                    let most = random.pick(&[600, 8 * 3600, 60 * 86_400]);
                    host.clock_ahead = signed(random, most);
                }
            }
            Fault::Drift => {
                for host in &mut self.hosts {
                    let mut ppm = || i32::try_from(signed(random, 200)).unwrap_or(0);
                    host.drift = (ppm(), ppm());
                }
            }
            Fault::Jumps => {
                for at in self.moments(random, 6) {
                    let most = random.pick(&[5, 600, 8 * 3600, 60 * 86_400]);
                    let (host, seconds) = (random.index(hosts), signed(random, most));
                    self.disturbances
                        .push((at, Disturbance::Jump { host, seconds }));
                }
            }
            Fault::Suspends => {
                self.store.driver_naps = some / 3;
                for at in self.moments(random, 6) {
                    let longest = random.pick(&[5 * SECOND, MINUTE, HOUR, 3 * DAY]);
                    let disturbance = Disturbance::Sleep {
                        host: random.index(hosts),
                        time: random.between(SECOND, longest.min(self.faults_end / 4)),
                        frozen: random.chance(500),
                    };
                    self.disturbances.push((at, disturbance));
                }
            }
            Fault::Forks => {
                for host in &mut self.hosts {
                    host.forks = true;
                    host.services = host.services.max(2);
                }
            }
            Fault::Deaths => {
                for at in self.moments(random, 12) {
                    let process = random.index(services);
                    let restart = random.between(Duration::ZERO, MINUTE);
                    let death = Disturbance::Death { process, restart };
                    self.disturbances.push((at, death));
                }
            }
            Fault::NoConnection => self.network.no_connection = some,
            Fault::Losses => {
                self.network.lost_request = some;
                self.network.lost_reply = some;
            }
            Fault::Delays => {
                self.network.delayed = some;
                self.network.overdue = some / 2;
            }
            Fault::Duplicates => self.network.duplicated = some,
            Fault::Dropped => {
                self.network.ticket_dropped = some;
                self.network.superseded = some / 2;
                self.store.step_dropped = some / 3;
            }
            Fault::Overload => {
                self.habits.overload = some;
                self.habits.says_retry_after = random.pick(&[0, 500, 1000]);
                self.habits.longest_retry_after = random.pick(&[3, 60, 1200]);
            }
            Fault::Gateway => {
                self.habits.unavailable = some;
                self.habits.gateway_timeout = some / 2;
                self.habits.garbage = some / 2;
            }
            Fault::Outage => {
                let outage = self.stretch(random, 2 * HOUR);
                self.habits.outages.push(outage);
            }
            Fault::NoDate => self.habits.date = DateHeader::Missing,
            Fault::WrongDate => {
                let most = random.pick(&[30, 8 * 3600, 60 * 86_400]);
                self.habits.date = DateHeader::Wrong(signed(random, most));
            }
            Fault::SameToken => {
                self.habits.repeat = random.pick(&[Repeat::Unchanged, Repeat::Extended]);
            }
            Fault::IssuedExpired => self.habits.issued_expired = some,
            Fault::WrongSecret => {
                for host in 0..hosts {
                    if random.chance(400) {
                        self.hosts[host].wrong_secret = true;
                        let at = self.faults_end;
                        self.disturbances
                            .push((at, Disturbance::SecretRight { host }));
                    }
                }
            }
            Fault::Always401 => {
                let host = random.index(hosts);
                self.hosts[host].always_401 = true;
            }
            Fault::StoreFails => {
                self.store.down = some;
                self.store.answer_lost = some / 2;
            }
            Fault::StoreSlow => self.store.slow = some,
            Fault::StoreDown => {
                let outage = self.stretch(random, 4 * HOUR);
                self.store.outages.push(outage);
            }
            Fault::StoreFull => {
                self.store.full = some;
                let full = self.stretch(random, 4 * HOUR);
                self.store.full_times.push(full);
                self.store.read_only = random.chance(500);
            }
            Fault::StoreForgets => {
                for at in self.moments(random, 6) {
                    let disturbance = random.pick(&[Disturbance::Flush, Disturbance::LeaseLost]);
                    self.disturbances.push((at, disturbance));
                }
            }
            Fault::StuckLock => {
                for at in self.moments(random, 2) {
                    let time = random.between(MINUTE, 20 * MINUTE).min(self.faults_end / 4);
                    self.disturbances
                        .push((at, Disturbance::LockStuck { time }));
                }
            }
            Fault::MixedVersions => {
                self.forms = true;
                for host in &mut self.hosts {
                    host.version = random.pick(&[Version::Ours, Version::Later]);
                }
            }
            Fault::UnreadableVersions => {
                for host in &mut self.hosts {
                    host.version = random.pick(&[Version::Ours, Version::Unreadable]);
                }
            }
            Fault::OlderHosts => {
                for host in &mut self.hosts {
                    host.version = random.pick(&[Version::Ours, Version::Older]);
                }
            }
            Fault::StaleReads => self.store.stale = some,
            Fault::Misconfigured => {
                let host = random.index(hosts);
                self.hosts[host].misconfigured = true;
                let at = self.faults_end;
                self.disturbances
                    .push((at, Disturbance::StoreAccess { host }));
            }
            Fault::Jobs | Fault::KilledJobs => {
                let every = (self.ends / 200).clamp(MINUTE, 6 * HOUR);
                for _ in 0..=random.below(5) {
                    let first = random.between(At::ZERO, every);
                    let mut host = Host::with_job(every, first);
                    if fault == Fault::KilledJobs {
                        host.jobs[0].killed = some;
                    }
                    self.hosts.push(host);
                }
            }
            Fault::Refreshes => {
                for at in self.moments(random, 8) {
                    let process = random.index(services);
                    self.disturbances
                        .push((at, Disturbance::Refresh { process }));
                }
            }
            Fault::DeadNetwork => {
                for host in 0..hosts.saturating_sub(1) {
                    if random.chance(500) {
                        let dead = self.stretch(random, 4 * HOUR);
                        self.hosts[host].dead_network.push(dead);
                    }
                }
            }
            Fault::LostReplies => {
                let lost = self.stretch(random, 6 * HOUR);
                self.network.lost_replies.push(lost);
            }
            Fault::SecondProgram => {
                let often = (self.habits.lifetime / 20).max(MINUTE);
                self.second_program = Some(random.between(often, often * 10));
            }
            Fault::MixedPolicies => {
                for host in &mut self.hosts {
                    if random.chance(500) && self.habits.lifetime >= 5 * MINUTE {
                        host.policy = other_policy(random);
                    }
                }
            }
            Fault::StrayRejections => {
                for at in self.moments(random, 4) {
                    let process = random.index(services);
                    self.disturbances
                        .push((at, Disturbance::StrayRejection { process }));
                }
            }
        }
    }
}

/// Anything up to `most` in either direction.
fn signed(random: &mut Random, most: u64) -> i64 {
    let size = i64::try_from(random.below(most + 1)).unwrap_or(0);
    if random.chance(500) { size } else { -size }
}
