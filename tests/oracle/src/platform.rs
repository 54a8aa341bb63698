//! The platform: which tokens it issued, which of them are live, and what it replies.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

use pan123_token::{FetchError, Grant, time};

use crate::clock::{At, START};
use crate::random::Random;
use crate::wire::{access_token, date_of, reply_of, template_grant};

/// A token's number. Its secret is made of nothing else, so that it can be read back cheaply.
pub(crate) type TokenId = usize;

/// Which of more than three live tokens is dropped. The platform doesn't say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Eviction {
    Oldest,
    NewestButOne,
    Random,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DateHeader {
    Right,
    Missing,
    /// By so many seconds.
    Wrong(i64),
}

/// Whether the platform hands out the newest live token again instead of a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    Never,
    Unchanged,
    Extended,
}

/// How the platform behaves. Chances are in a thousand.
#[derive(Clone, Debug)]
pub(crate) struct Habits {
    pub(crate) lifetime: Duration,
    /// Requests for tokens that it takes per second.
    pub(crate) rate: usize,
    pub(crate) eviction: Eviction,
    pub(crate) says_retry_after: u32,
    /// In seconds.
    pub(crate) longest_retry_after: u64,
    pub(crate) overload: u32,
    pub(crate) unavailable: u32,
    pub(crate) gateway_timeout: u32,
    pub(crate) garbage: u32,
    /// Tokens that have expired already on issue.
    pub(crate) issued_expired: u32,
    pub(crate) date: DateHeader,
    pub(crate) repeat: Repeat,
    pub(crate) outages: Vec<Range<At>>,
    /// When it refuses every request.
    pub(crate) refusals: Vec<Range<At>>,
    /// `expiredAt` lies so much before the real expiry.
    pub(crate) expiry_behind: Duration,
    /// `expiredAt` lies in the year 9900, and the token lives until then.
    pub(crate) year_9900: bool,
    /// From a time on, so many requests are answered like this.
    pub(crate) next_replies: Vec<(At, u32, Reply)>,
}

/// What is true of a token, whatever a host believes.
#[derive(Clone, Debug)]
pub(crate) struct Truth {
    pub(crate) expires: At,
    pub(crate) evicted: bool,
    /// The reply told its lifetime truly.
    pub(crate) honest: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    Granted {
        token: TokenId,
        date: DateHeader,
    },
    RateLimited {
        retry_after: Option<u64>,
    },
    Refused,
    Unavailable,
    /// The gateway gave up; a token may have been issued behind it.
    GatewayTimeout,
    /// A 2xx that can't be used, though a token was issued.
    Garbage,
}

pub(crate) struct Platform {
    habits: Habits,
    random: Random,
    tokens: Vec<Truth>,
    /// At most three, the oldest first.
    live: Vec<TokenId>,
    requests: VecDeque<At>,
}

const MAX_LIVE: usize = 3;

/// 9900-01-01T00:00:00Z, after the simulation's start.
const YEAR_9900: At = Duration::from_secs(250_245_849_600 - START.as_secs());

impl Platform {
    pub(crate) fn new(habits: Habits, random: Random) -> Self {
        Self {
            habits,
            random,
            tokens: Vec::new(),
            live: Vec::new(),
            requests: VecDeque::new(),
        }
    }

    pub(crate) fn issued(&self) -> usize {
        self.tokens.len()
    }

    pub(crate) fn truth(&self, token: TokenId) -> &Truth {
        &self.tokens[token]
    }

    /// Whether an API call with this token is served.
    pub(crate) fn accepts(&self, token: TokenId, now: At) -> bool {
        let truth = &self.tokens[token];
        !truth.evicted && now < truth.expires
    }

    /// Answers a request for a token. `faulty`: the time for faults has not ended.
    pub(crate) fn ask(&mut self, now: At, secret_is_right: bool, faulty: bool) -> Reply {
        while self
            .requests
            .front()
            .is_some_and(|&at| at + Duration::from_secs(1) <= now)
        {
            self.requests.pop_front();
        }
        if self.requests.len() >= self.habits.rate {
            return self.rate_limited();
        }
        self.requests.push_back(now);
        for (from, left, reply) in &mut self.habits.next_replies {
            if *from <= now && *left > 0 {
                *left -= 1;
                return *reply;
            }
        }
        let habits = &self.habits;
        let within = |times: &[Range<At>]| times.iter().any(|time| time.contains(&now));
        if faulty {
            if within(&habits.outages) {
                return Reply::Unavailable;
            }
            if self.random.chance(habits.overload) {
                return self.rate_limited();
            }
            if self.random.chance(habits.unavailable) {
                return Reply::Unavailable;
            }
        }
        if !secret_is_right || within(&habits.refusals) {
            return Reply::Refused;
        }
        if faulty && self.random.chance(self.habits.gateway_timeout) {
            if self.random.chance(500) {
                self.issue(now, faulty);
            }
            return Reply::GatewayTimeout;
        }
        let (token, date) = self.issue(now, faulty);
        if faulty && self.random.chance(self.habits.garbage) {
            return Reply::Garbage;
        }
        Reply::Granted { token, date }
    }

    fn rate_limited(&mut self) -> Reply {
        let retry_after = self
            .random
            .chance(self.habits.says_retry_after)
            .then(|| 1 + self.random.below(self.habits.longest_retry_after));
        Reply::RateLimited { retry_after }
    }

    /// A token for the process that asks next: ours, or another program on the same client ID.
    pub(crate) fn issue(&mut self, now: At, faulty: bool) -> (TokenId, DateHeader) {
        self.live
            .retain(|&token| now < self.tokens[token].expires && !self.tokens[token].evicted);
        let date = if faulty {
            self.habits.date
        } else {
            DateHeader::Right
        };
        let second = Duration::from_secs(now.as_secs());
        if faulty && let Some(&newest) = self.live.last() {
            match self.habits.repeat {
                Repeat::Never => {}
                Repeat::Unchanged => {
                    // Another program may have got it with a right one.
                    self.tokens[newest].honest &= date == DateHeader::Right;
                    return (newest, date);
                }
                Repeat::Extended => {
                    let truth = &mut self.tokens[newest];
                    truth.expires = truth.expires.max(second + self.habits.lifetime);
                    truth.honest &= date == DateHeader::Right;
                    return (newest, date);
                }
            }
        }
        let issued_expired = faulty && self.random.chance(self.habits.issued_expired);
        let expires = if issued_expired {
            second.saturating_sub(Duration::from_secs(5))
        } else if self.habits.year_9900 {
            YEAR_9900
        } else {
            second + self.habits.lifetime
        };
        self.tokens.push(Truth {
            expires,
            evicted: false,
            honest: date == DateHeader::Right
                && !issued_expired
                && self.habits.expiry_behind.is_zero(),
        });
        let token = self.tokens.len() - 1;
        self.live.push(token);
        if self.live.len() > MAX_LIVE {
            let dropped = match self.habits.eviction {
                Eviction::Oldest => 0,
                Eviction::NewestButOne => self.live.len() - 2,
                Eviction::Random => self.random.index(self.live.len() - 1),
            };
            let dropped = self.live.remove(dropped);
            self.tokens[dropped].evicted = true;
        }
        (token, date)
    }

    /// What a client makes of the reply that was sent at `at`.
    pub(crate) fn result(&self, reply: Reply, at: At) -> Result<Grant, FetchError> {
        let envelope = |code: u32| format!(r#"{{"code":{code},"message":"-","data":null}}"#);
        let (status, retry_after, body) = match reply {
            Reply::Granted { token, date } => return Ok(self.grant(token, date, at)),
            Reply::RateLimited { retry_after } => (200, retry_after, envelope(429)),
            Reply::Refused => (200, None, envelope(1)),
            Reply::Unavailable => (503, None, String::new()),
            Reply::GatewayTimeout => (504, None, String::new()),
            Reply::Garbage => (200, None, "<html>".to_owned()),
        };
        let retry_after = retry_after.map_or_else(String::new, |it| it.to_string());
        reply_of(status, &retry_after, &body)
    }

    fn grant(&self, token: TokenId, date: DateHeader, at: At) -> Grant {
        let expires =
            (START + self.tokens[token].expires).saturating_sub(self.habits.expiry_behind);
        let mut grant = template_grant();
        grant.token = access_token(token, date_of(expires));
        let sent = Duration::from_secs((START + at).as_secs());
        grant.server_time = match date {
            DateHeader::Missing => None,
            DateHeader::Right => Some(date_of(sent)),
            DateHeader::Wrong(seconds) => Some(date_of(sent) + time::Duration::seconds(seconds)),
        };
        grant
    }
}
