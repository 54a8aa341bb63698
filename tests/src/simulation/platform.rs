//! The platform: who gets a token, which tokens are live, and what its replies look like.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

use http::Response;
use pan123_token::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::clock::{At, START};
use super::random::Random;
use super::scenario::{DateHeader, Eviction, Habits, Repeat};

/// What is true of a token, whatever a host believes.
#[derive(Clone, Debug)]
pub(crate) struct Truth {
    pub(crate) expires: At,
    pub(crate) evicted: bool,
    /// The reply told its lifetime truly.
    pub(crate) honest: bool,
}

/// A token's number. Its secret is made of nothing else, so that it can be read back cheaply.
pub(crate) type TokenId = usize;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
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

    /// Whether a business call with this token is served.
    pub(crate) fn accepts(&self, token: TokenId, now: At) -> bool {
        let truth = &self.tokens[token];
        !truth.evicted && now < truth.expires
    }

    /// Judges a request for a token. `faulty`: the time for faults isn't over.
    pub(crate) fn ask(&mut self, now: At, secret_is_right: bool, faulty: bool) -> Verdict {
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
        let habits = &self.habits;
        if faulty {
            if habits.outages.iter().any(|outage| outage.contains(&now)) {
                return Verdict::Unavailable;
            }
            if self.random.chance(habits.overload) {
                return self.rate_limited();
            }
            if self.random.chance(habits.unavailable) {
                return Verdict::Unavailable;
            }
        }
        if !secret_is_right {
            return Verdict::Refused;
        }
        if faulty && self.random.chance(self.habits.gateway_timeout) {
            if self.random.chance(500) {
                self.issue(now, faulty);
            }
            return Verdict::GatewayTimeout;
        }
        let (token, date) = self.issue(now, faulty);
        if faulty && self.random.chance(self.habits.garbage) {
            return Verdict::Garbage;
        }
        Verdict::Granted { token, date }
    }

    fn rate_limited(&mut self) -> Verdict {
        let retry_after = self
            .random
            .chance(self.habits.says_retry_after)
            .then(|| 1 + self.random.below(self.habits.longest_retry_after));
        Verdict::RateLimited { retry_after }
    }

    fn issue(&mut self, now: At, faulty: bool) -> (TokenId, DateHeader) {
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
                Repeat::Unchanged => return (newest, date),
                Repeat::Extended => {
                    let truth = &mut self.tokens[newest];
                    truth.expires = truth.expires.max(second + self.habits.lifetime);
                    truth.honest &= date == DateHeader::Right;
                    return (newest, date);
                }
            }
        }
        let born_over = faulty && self.random.chance(self.habits.born_over);
        let expires = if born_over {
            second.saturating_sub(Duration::from_secs(5))
        } else {
            second + self.habits.lifetime
        };
        self.tokens.push(Truth {
            expires,
            evicted: false,
            // What is over as it comes has no life to be told.
            honest: date == DateHeader::Right && !born_over,
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

    /// The reply as it goes over the wire at `now`.
    pub(crate) fn reply(&self, verdict: Verdict, now: At) -> Response<String> {
        let envelope = |code: u32| format!(r#"{{"code":{code},"message":"-","data":null}}"#);
        let (status, body) = match verdict {
            Verdict::Granted { token, .. } => {
                let expires = date(self.tokens[token].expires);
                (
                    200,
                    format!(
                        r#"{{"code":0,"message":"ok","data":{{"accessToken":"{}","expiredAt":"{expires}"}}}}"#,
                        secret(token)
                    ),
                )
            }
            Verdict::RateLimited { .. } => (200, envelope(429)),
            Verdict::Refused => (200, envelope(1)),
            Verdict::Unavailable => (503, String::new()),
            Verdict::GatewayTimeout => (504, String::new()),
            Verdict::Garbage => (200, "<html>".to_owned()),
        };
        let mut response = Response::builder().status(status);
        if let Verdict::Granted {
            date: DateHeader::Right | DateHeader::Wrong(_),
            ..
        } = verdict
        {
            let mut clock = SystemTime::UNIX_EPOCH + START + now;
            if let Verdict::Granted {
                date: DateHeader::Wrong(seconds),
                ..
            } = verdict
            {
                let step = Duration::from_secs(seconds.unsigned_abs());
                clock = if seconds < 0 {
                    clock - step
                } else {
                    clock + step
                };
            }
            response = response.header("date", httpdate::fmt_http_date(clock));
        }
        if let Verdict::RateLimited {
            retry_after: Some(seconds),
        } = verdict
        {
            response = response.header("retry-after", seconds);
        }
        response.body(body).unwrap()
    }
}

fn secret(token: TokenId) -> String {
    format!("t{token}")
}

/// Reads the number back out of a token.
pub(crate) fn token_id(token: &pan123_token::AccessToken) -> TokenId {
    token.secret()[1..].parse().unwrap()
}

fn date(at: At) -> String {
    (OffsetDateTime::UNIX_EPOCH + START + at)
        .format(&Rfc3339)
        .unwrap()
}
