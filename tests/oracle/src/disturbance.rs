//! What happens once, at one time, to a host, a process or the store.

use std::time::Duration;

use pan123_token_provider::Wanted;

use crate::callers::CALLER;
use crate::clock::At;
use crate::judged::Judged;
use crate::provided::Crew;
use crate::rules::Broken;
use crate::world::{Event, World};

/// One of them.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Disturbance {
    Death {
        process: usize,
        restart: Duration,
    },
    Jump {
        host: usize,
        seconds: i64,
    },
    Sleep {
        host: usize,
        time: Duration,
        frozen: bool,
    },
    Flush,
    LeaseLost,
    LockStuck {
        time: Duration,
    },
    SecretRight {
        host: usize,
    },
    /// The store lets this host in from now on.
    StoreAccess {
        host: usize,
    },
    /// An API call with the token that is served is answered 401, though the platform takes it.
    StrayRejection {
        process: usize,
    },
    /// A caller wants another token, though the current one is good.
    Refresh {
        process: usize,
    },
}

impl World {
    pub(crate) fn disturb(&mut self, disturbance: Disturbance) -> Result<(), Broken> {
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{:>16.6} {disturbance:?}", self.now.as_secs_f64()));
        }
        match disturbance {
            Disturbance::Death { process, restart } => {
                self.end_process(process);
                self.faults.of_process(process, self.now + restart);
                let life = self.processes[process].life;
                self.queue
                    .put(self.now + restart, Event::Restarts(process, life));
            }
            Disturbance::Jump { host, seconds } => {
                self.hosts[host].clock.jump(self.now, seconds);
                return self.clocks_changed(host);
            }
            Disturbance::Sleep { host, time, frozen } => {
                let until = self.now + time;
                if self.hosts[host].asleep_until > self.now {
                    return Ok(());
                }
                self.hosts[host].asleep_until = until;
                self.hosts[host].clock.freeze(self.now, frozen);
                self.fault_of_host(host, until);
                self.queue.put(until, Event::HostWakes(host));
            }
            Disturbance::Flush => {
                self.stores.iter_mut().for_each(crate::store::Store::flush);
                self.faults.of_all_stores(self.now);
            }
            Disturbance::LeaseLost => {
                self.stores
                    .iter_mut()
                    .for_each(crate::store::Store::lose_lease);
                self.faults.of_all_stores(self.now);
            }
            Disturbance::LockStuck { time } => {
                let until = self.now + time;
                self.stores.iter_mut().for_each(|store| store.stick(until));
                self.faults.of_all_stores(until);
            }
            Disturbance::SecretRight { host } => self.hosts[host].secret_is_right = true,
            Disturbance::StoreAccess { host } => self.hosts[host].misconfigured = false,
            Disturbance::StrayRejection { process } => {
                if let Some(token) = self.served(process)? {
                    let life = self.processes[process].life;
                    return self.reject(process, life, &token);
                }
            }
            Disturbance::Refresh { process } => {
                if self.is_provided(process) {
                    return self.ask_provider(process, Wanted::Refreshed, CALLER);
                }
                if let Some(judged) = &mut self.processes[process].judged {
                    judged.refresh();
                    return self.drive(process);
                }
            }
        }
        Ok(())
    }

    /// Drivers read the time again.
    fn clocks_changed(&mut self, host: usize) -> Result<(), Broken> {
        self.fault_of_host(host, self.now);
        if self.hosts[host].asleep_until > self.now {
            return Ok(());
        }
        let here: Vec<usize> = (0..self.processes.len())
            .filter(|process| self.processes[*process].host == host)
            .collect();
        for process in here {
            let now = self.clock(process);
            if let Some(judged) = &mut self.processes[process].judged {
                judged.clocks_changed(now);
            }
            self.drive(process)?;
        }
        Ok(())
    }

    /// What holds a process back by its monotonic clock may do so for longer.
    fn fault_of_host(&mut self, host: usize, until: At) {
        for process in 0..self.processes.len() {
            if self.processes[process].host == host {
                let now = self.clock(process);
                let judged = self.processes[process].judged.as_ref();
                let held_back = judged.map_or(Duration::ZERO, |it| it.held_back(now));
                self.faults.of_process(process, until + held_back);
            }
        }
    }

    pub(crate) fn host_wakes(&mut self, host: usize) -> Result<(), Broken> {
        self.hosts[host].clock.freeze(self.now, false);
        self.clocks_changed(host)
    }

    /// A process ends, at once: its callers, its action under way and its locks are gone.
    ///
    /// Rule 13: where it held a lease that is not released now, or a token that is not saved, that explains one more token.
    /// Nothing else that ends with a process does.
    pub(crate) fn end_process(&mut self, number: usize) {
        let now = self.clock(number);
        let account = self.processes[number].judged.as_ref().map(Judged::account);
        let holds = account.is_some_and(|it| {
            it.holds_lease
                .is_some_and(|(_, until)| now.monotonic < until)
        });
        let unsaved = account.is_some_and(|it| it.unsaved.is_some());
        self.faults.explained += u64::from(holds || unsaved);
        if holds {
            self.faults.of_all_stores(self.now);
        }
        let process = &mut self.processes[number];
        process.life += 1;
        process.judged = None;
        process.waiting.clear();
        process.crew = Crew::default();
        process.wake = None;
        process.ending = false;
        self.faults.without_since[number] = None;
        if let Some(store) = process.store {
            self.stores[store].died(number);
        }
        let host = self.processes[number].host;
        if let Some(fallback) = self.fallbacks.get_mut(host) {
            fallback.died(number);
        }
    }

    pub(crate) fn restart(&mut self, number: usize, life: u32) -> Result<(), Broken> {
        if self.processes[number].life != life {
            return Ok(());
        }
        let seed = self.random.next();
        self.begin_process(number, seed);
        if self.scenario.eager {
            self.drive(number)?;
        }
        Ok(())
    }
}
