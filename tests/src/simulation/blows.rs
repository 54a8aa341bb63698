//! What befalls hosts, processes and the store.

use std::mem;

use super::rules::Check;
use super::scenario::Blow;
use super::watch::Watch;
use super::world::{Event, World};

impl World {
    pub(crate) fn strike(&mut self, blow: Blow) -> Check {
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{:>16.6} {blow:?}", self.now.as_secs_f64()));
        }
        match blow {
            Blow::Death { cache, restart } => {
                self.explained += 2;
                let node = &mut self.nodes[cache];
                node.life += 1;
                node.alive = false;
                node.waiting.clear();
                node.wake = None;
                node.watch = Watch::default();
                node.unserved_since = None;
                let life = node.life;
                if let Some(store) = &node.store {
                    store.died(cache);
                }
                self.fault(cache, self.now);
                self.queue
                    .put(self.now + restart, Event::Restarts(cache, life));
            }
            Blow::Jump { host, seconds } => {
                self.hosts[host].clock.jump(self.now, seconds);
                return self.disturb(host, true);
            }
            Blow::Sleep { host, time, frozen } => {
                let until = self.now + time;
                let host_there = &mut self.hosts[host];
                if host_there.asleep_until > self.now {
                    return Ok(());
                }
                host_there.asleep_until = until;
                host_there.clock.freeze(self.now, frozen);
                self.disturb(host, false)?;
                self.queue.put(until, Event::Wakes(host));
            }
            Blow::Flush | Blow::LeaseLost | Blow::LockStuck { .. } => {
                let now = self.now;
                for store in &self.stores {
                    let mut state = store.state();
                    state.now = now;
                    match blow {
                        Blow::Flush => state.flush(),
                        Blow::LeaseLost => state.lose_lease(),
                        Blow::LockStuck { time } => state.stick(now + time),
                        _ => {}
                    }
                }
                self.store_fault_at = self.now;
                if let Blow::LockStuck { time } = blow {
                    self.store_fault_at += time;
                }
            }
            Blow::SecretRight { host } => self.hosts[host].secret_is_right = true,
        }
        Ok(())
    }

    /// Notes a fault for all caches of a host, and lets their drivers look at the time.
    fn disturb(&mut self, host: usize, poll: bool) -> Check {
        let here: Vec<usize> = (0..self.nodes.len())
            .filter(|node| self.nodes[*node].host == host)
            .collect();
        for node in here {
            // What holds it back by its monotonic clock may do so for longer.
            let held_back = self.nodes[node]
                .watch
                .held_back(self.clock(node), &self.scenario.policy);
            self.fault(node, self.now + held_back);
            self.nodes[node].watch.without_since = None;
            if poll && self.hosts[host].asleep_until <= self.now {
                self.drive(node)?;
            }
        }
        Ok(())
    }

    pub(crate) fn host_wakes(&mut self, host: usize) -> Check {
        self.hosts[host].clock.freeze(self.now, false);
        self.disturb(host, true)
    }

    pub(crate) fn restart(&mut self, node: usize, life: u32) -> Check {
        if self.nodes[node].life != life {
            return Ok(());
        }
        let seed = self.random.next();
        let cache = self.empty_cache(seed);
        drop(mem::replace(&mut self.nodes[node].cache, cache));
        self.nodes[node].alive = true;
        self.fault(node, self.now);
        if self.scenario.eager {
            self.drive(node)?;
        }
        Ok(())
    }
}
