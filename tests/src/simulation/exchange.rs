//! The way to the platform and back, and what is reported of it.

use std::time::Duration;

use pan123_token::{Cause, ErrorKind, FetchError, Grant};
use pan123_token_cache::{FetchTicket, Moment};

use super::clock::At;
use super::platform::{Verdict, token_id};
use super::rules::{self, Check, Known};
use super::watch::Ended;
use super::world::{Event, Exchange, Fate, World};

impl World {
    pub(crate) fn send_request(&mut self, node: usize, ticket: FetchTicket, now: Moment) {
        let policy = self.scenario.policy.clone();
        let timeout = ticket.timeout();
        let watch = &mut self.nodes[node].watch;
        watch.began(now, timeout, &policy);
        let forced = watch.fetch.as_ref().map_or(0, |fetch| fetch.forced);
        self.say(node, || "fetch".to_owned());
        let number = self.exchanges.len();
        let faulty = self.is_faulty();
        let network = self.scenario.network.clone();
        let random = &mut self.random;
        let mut chance = |permille| faulty && random.chance(permille);
        let no_connection = chance(network.no_connection);
        let lost = chance(network.lost_request);
        let lost_reply = chance(network.lost_reply);
        let delayed = chance(network.delayed);
        let overdue = chance(network.overdue);
        let dropped = chance(network.ticket_dropped);
        let duplicated = chance(network.duplicated);
        let there = self
            .random
            .between(network.latency / 4, network.latency / 2);
        let fate = match (lost_reply, delayed || overdue) {
            (true, _) => Fate::LostReply,
            (_, true) => Fate::Delayed,
            _ => Fate::Well,
        };
        if dropped {
            self.say(node, || "the ticket is dropped".to_owned());
        }
        let ticket = (!dropped).then_some(ticket);
        let (life, sent) = (self.nodes[node].life, now);
        self.exchanges.push(Exchange {
            node,
            life,
            ticket,
            sent,
            timeout,
            forced,
            fate,
        });
        if no_connection {
            self.queue
                .put(self.now + there, Event::NoConnection(number));
            return;
        }
        if !lost {
            // A request may also be on its way for longer than anybody waits.
            let late = if delayed && self.random.chance(300) {
                timeout
            } else {
                Duration::ZERO
            };
            self.queue
                .put(self.now + there + late, Event::Arrives(number));
        }
        if duplicated {
            let again = self.random.between(Duration::ZERO, timeout);
            self.explained += 1;
            self.queue
                .put(self.now + there + again, Event::Arrives(number));
        }
        if !overdue {
            self.queue.put(self.now + timeout, Event::GivesUp(number));
        }
    }

    /// The request reaches the platform.
    pub(crate) fn arrives(&mut self, number: usize) {
        let Exchange {
            node,
            timeout,
            fate,
            ..
        } = self.exchanges[number];
        let host = self.nodes[node].host;
        let faulty = self.is_faulty();
        let right = self.hosts[host].secret_is_right;
        let before = self.platform.issued();
        let verdict = self.platform.ask(self.now, right, faulty);
        self.tally.requests += 1;
        self.tally.issued += (self.platform.issued() - before) as u64;
        self.say(node, || format!("the platform: {verdict:?}, {fate:?}"));
        let latency = self.scenario.network.latency;
        let mut back = self.random.between(latency / 4, latency / 2);
        match fate {
            Fate::LostReply => return,
            Fate::Delayed => back += self.random.between(timeout / 2, timeout * 4),
            Fate::Well => {}
        }
        self.queue
            .put(self.now + back, Event::Replied(number, verdict, self.now));
    }

    pub(crate) fn replied(&mut self, number: usize, verdict: Verdict, at: At) -> Check {
        let Some(ticket) = self.ticket_of(number) else {
            return Ok(());
        };
        let reply = self.platform.reply(verdict, at);
        let result = self.right.parse_response(&reply).map_err(FetchError::from);
        self.report(number, ticket, result)
    }

    pub(crate) fn no_connection(&mut self, number: usize) -> Check {
        let Some(ticket) = self.ticket_of(number) else {
            return Ok(());
        };
        let error = FetchError::Connect(Cause::from("no route"));
        self.report(number, ticket, Err(error))
    }

    /// The driver's own timeout, by the monotonic clock.
    pub(crate) fn gives_up(&mut self, number: usize) -> Check {
        let Exchange {
            node,
            life,
            sent,
            timeout,
            ..
        } = self.exchanges[number];
        if self.nodes[node].life == life && self.exchanges[number].ticket.is_some() {
            let until = sent.after(timeout).monotonic;
            let here = self.clock(node).monotonic;
            if here < until {
                let later = self.now + until.saturating_sub(here) + Duration::from_micros(1);
                self.queue.put(later, Event::GivesUp(number));
                return Ok(());
            }
        }
        let Some(ticket) = self.ticket_of(number) else {
            return Ok(());
        };
        self.report(number, ticket, Err(FetchError::Timeout(timeout)))
    }

    fn ticket_of(&mut self, number: usize) -> Option<FetchTicket> {
        let exchange = &mut self.exchanges[number];
        let here = self.nodes[exchange.node].life == exchange.life;
        exchange.ticket.take().filter(|_| here)
    }

    fn report(
        &mut self,
        number: usize,
        ticket: FetchTicket,
        result: Result<Grant, FetchError>,
    ) -> Check {
        let Exchange {
            node, sent, forced, ..
        } = self.exchanges[number];
        let now = self.clock(node);
        self.settle(node, now);
        let watch = &mut self.nodes[node].watch;
        let in_time = watch.fetch.is_some()
            && sent.monotonic + ticket.timeout()
                == watch
                    .fetch
                    .as_ref()
                    .map_or(Duration::ZERO, |fetch| fetch.ends);
        if in_time {
            watch.ended(now.monotonic, &self.scenario.policy);
        }
        let came = result
            .as_ref()
            .ok()
            .map(|grant| known_of(grant, sent, forced));
        let error = result.as_ref().err().cloned();
        self.say(node, || match (&came, &error) {
            (Some(known), _) => format!("received token {}, in time {in_time}", known.token),
            (_, Some(error)) => format!("failed, in time {in_time}: {error}"),
            _ => String::new(),
        });
        self.nodes[node].cache.fetched(ticket, result, now);
        self.drain(node);
        if let Some(known) = came {
            self.token_came(node, known, in_time, now)?;
        } else {
            if let Some(error) = error.filter(|_| in_time) {
                self.fetch_failed(node, &error, now);
            }
            self.observe(node, now, None)?;
        }
        self.hand_out_to_waiting(node)?;
        self.drive(node)
    }

    fn token_came(&mut self, node: usize, came: Known, in_time: bool, now: Moment) -> Check {
        let policy = self.scenario.policy.clone();
        let watch = &self.nodes[node].watch;
        let newer = match &watch.known {
            Some(known) if known.token == came.token => came.expires_at > known.expires_at,
            Some(known) if !in_time => {
                !known.is_served_at(now, &policy) || came.issued_at > known.issued_at
            }
            _ => true,
        };
        let rejected = watch.was_rejected(came.token);
        let good = newer && !rejected && came.is_usable_at(now, &policy);
        if good {
            if came.forced > 0 {
                self.explained += 1;
            }
            if self.checks {
                rules::taken(came.token, self.served(node))?;
            }
            let unsaved = (came.token, came.forced, self.now);
            if self.nodes[node].session.is_some() {
                self.nodes[node].watch.unsaved = Some(unsaved);
            }
            return self.observe(node, now, Some(came));
        }
        if in_time {
            // What it costs is the platform's doing.
            self.explained += 1;
            let over = !came.is_usable_at(now, &policy);
            let ended = if over {
                Ended::MaybeIssued
            } else {
                Ended::Otherwise
            };
            self.nodes[node].watch.failed(ended, now);
            self.fault(node, self.now);
        }
        self.observe(node, now, None)
    }

    fn fetch_failed(&mut self, node: usize, error: &FetchError, now: Moment) {
        self.explained += 1;
        let kind = error.response().map(pan123_token::ResponseError::kind);
        let ended = match kind {
            Some(ErrorKind::Refused) => Ended::Refused,
            Some(ErrorKind::RateLimited) => Ended::RateLimited(error.retry_after()),
            _ if may_have_issued(error) => Ended::MaybeIssued,
            Some(_) => Ended::Away,
            _ => Ended::Otherwise,
        };
        self.nodes[node].watch.failed(ended, now);
        match ended {
            // Its own: it must keep no one else.
            Ended::Refused => {
                let until = self.now + self.scenario.policy.backoff_cap_serving;
                self.own_fault(node, until);
            }
            Ended::Otherwise => self.own_fault(node, self.now),
            Ended::RateLimited(wait) => self.fault(node, self.now + wait.unwrap_or_default()),
            Ended::MaybeIssued | Ended::Away => self.fault(node, self.now),
        }
    }
}

/// As the design has it, not as the core says it.
fn may_have_issued(error: &FetchError) -> bool {
    match error {
        FetchError::Timeout(_) | FetchError::Body(_) => true,
        FetchError::Response(error) => match error.kind() {
            ErrorKind::Unavailable => matches!(error.status().as_u16(), 502 | 504),
            ErrorKind::TooLarge | ErrorKind::Malformed | ErrorKind::NotApi => {
                error.status().is_success()
            }
            _ => false,
        },
        _ => false,
    }
}

/// What a cache can know of a token that it received. Life is what the platform's own clock says, where it lies within
/// 400 days, and else what this host's clock says.
fn known_of(grant: &Grant, sent: Moment, forced: u32) -> Known {
    const MOST: Duration = Duration::from_secs(400 * 86_400);
    let since_1970 = |time: pan123_token::OffsetDateTime| {
        u64::try_from(time.unix_timestamp_nanos()).map_or(Duration::ZERO, Duration::from_nanos)
    };
    let expires = since_1970(grant.token.expires_at());
    let lifetime = grant
        .server_time
        .map(since_1970)
        .and_then(|date| expires.checked_sub(date))
        .filter(|lifetime| !lifetime.is_zero() && *lifetime <= MOST)
        .unwrap_or_else(|| expires.saturating_sub(sent.wall));
    let local = time::Duration::try_from(sent.wall).unwrap_or_default();
    Known {
        token: token_id(&grant.token),
        since: sent,
        left: lifetime,
        age: Duration::ZERO,
        lifetime,
        expires_at: grant.token.expires_at(),
        issued_at: grant
            .server_time
            .unwrap_or(pan123_token::OffsetDateTime::UNIX_EPOCH + local),
        forced,
        suspect: false,
        rejected: false,
    }
}
