//! The platform's rules for clients and tokens: credentials, rate limit, life and eviction.
//!
//! Pure: no socket and no clock. Every question brings the time along, as a [`Duration`] since the Unix epoch.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::mint::Mint;

/// Expired and evicted tokens that are remembered as such, per client. Older ones are unknown to the platform.
const REMEMBERED: usize = 64;

/// The span over which requests are counted for the rate limit.
const RATE_SPAN: Duration = Duration::from_secs(1);

/// Lifetimes from here on end on a whole second, as the documented `expiredAt` does; shorter ones on a millisecond.
const WHOLE_SECONDS_FROM: Duration = Duration::from_secs(10);

/// Which live token is taken offline when a client gets one too many. An example is with [`Builder`](crate::Builder).
///
/// That one of them is, the platform documents; which one, it does not. The token just issued always stays (assumed).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Eviction {
    /// The one issued first (assumed).
    #[default]
    Oldest,
    /// The one issued just before the new one: the worst case for programs that fetch tokens by turns.
    NewestButOne,
    /// Any but the new one, drawn from this seed.
    Random(u64),
}

/// The rules that the builder sets.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) lifetime: Duration,
    /// Requests per client and second; `None` is no limit.
    pub(crate) rate: Option<u32>,
    /// At least 1.
    pub(crate) max_tokens: usize,
    pub(crate) eviction: Eviction,
}

/// Whether a client may have a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    Granted,
    TooManyRequests,
    BadCredentials,
}

/// What token a client gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Issue {
    /// A new one.
    New,
    /// A new one that expired an hour before it was issued. It takes no place.
    AlreadyExpired,
    /// The newest live one, unchanged; a new one if there is none.
    Same,
    /// The newest live one, which now lives as long as a new one would; a new one if there is none.
    Extended,
}

/// Why an API call's token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Unknown,
    Expired,
    Evicted,
}

#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) expires_at: Duration,
}

struct Client {
    secret: String,
    /// When the requests of the last [`RATE_SPAN`] were admitted.
    admitted: VecDeque<Duration>,
    /// The oldest first.
    live: Vec<Token>,
    /// The longest dead first.
    dead: VecDeque<(String, Refusal)>,
}

pub(crate) struct Platform {
    rules: Rules,
    clients: BTreeMap<String, Client>,
    mint: Mint,
    lots: Mint,
}

impl Platform {
    pub(crate) fn new(
        clients: impl IntoIterator<Item = (String, String)>,
        rules: Rules,
        seed: u64,
    ) -> Self {
        let clients = clients.into_iter().map(|(id, secret)| {
            let client = Client {
                secret,
                admitted: VecDeque::new(),
                live: Vec::new(),
                dead: VecDeque::new(),
            };
            (id, client)
        });
        Self {
            clients: clients.collect(),
            lots: Mint::new(match rules.eviction {
                Eviction::Random(seed) => seed,
                Eviction::Oldest | Eviction::NewestButOne => 0,
            }),
            rules,
            mint: Mint::new(seed),
        }
    }

    /// Decides about a request for a token. The rate limit is checked before the secret, and counts no request that it
    /// refused.
    pub(crate) fn admit(&mut self, id: &str, secret: &str, now: Duration) -> Admission {
        let Some(client) = self.clients.get_mut(id) else {
            return Admission::BadCredentials;
        };
        if let Some(rate) = self.rules.rate {
            client
                .admitted
                // A time to come is from before the clock was set back.
                .retain(|then| *then <= now && now.saturating_sub(*then) < RATE_SPAN);
            if client.admitted.len() >= usize::try_from(rate).unwrap_or(usize::MAX) {
                return Admission::TooManyRequests;
            }
            client.admitted.push_back(now);
        }
        if client.secret == secret {
            Admission::Granted
        } else {
            Admission::BadCredentials
        }
    }

    /// Gives a client a token; `None` if there is no such client.
    pub(crate) fn issue(&mut self, id: &str, issue: Issue, now: Duration) -> Option<Token> {
        let client = self.clients.get_mut(id)?;
        client.drop_expired(now);
        let expires_at = match issue {
            Issue::AlreadyExpired => now.saturating_sub(Duration::from_secs(3_600)),
            _ => now.saturating_add(self.rules.lifetime),
        };
        let expires_at = rounded(expires_at, self.rules.lifetime);
        match (issue, client.live.last_mut()) {
            (Issue::Same, Some(token)) => return Some(token.clone()),
            (Issue::Extended, Some(token)) => {
                token.expires_at = expires_at;
                return Some(token.clone());
            }
            _ => {}
        }
        let token = Token {
            text: self.mint.token(now.as_secs()),
            expires_at,
        };
        client.live.push(token.clone());
        client.drop_expired(now);
        if client.live.len() > self.rules.max_tokens {
            let others = client.live.len() - 1;
            let index = match self.rules.eviction {
                Eviction::Oldest => 0,
                Eviction::NewestButOne => others - 1,
                Eviction::Random(_) => {
                    usize::try_from(self.lots.number() % others as u64).unwrap_or(0)
                }
            };
            let evicted = client.live.remove(index);
            client.remember(evicted.text, Refusal::Evicted);
        }
        Some(token)
    }

    /// Takes a live token offline. Whether there was one.
    pub(crate) fn evict(&mut self, text: &str, now: Duration) -> bool {
        self.clients.values_mut().any(|client| {
            client.drop_expired(now);
            let index = client.live.iter().position(|token| token.text == text);
            index.is_some_and(|index| {
                let evicted = client.live.remove(index);
                client.remember(evicted.text, Refusal::Evicted);
                true
            })
        })
    }

    /// Whether this is a token of its own, live or remembered as dead.
    pub(crate) fn has_issued(&self, text: &str) -> bool {
        self.clients.values().any(|client| {
            client.live.iter().any(|token| token.text == text)
                || client.dead.iter().any(|(dead, _)| dead == text)
        })
    }

    /// The client IDs, in the order of the alphabet.
    pub(crate) fn client_ids(&self) -> Vec<String> {
        self.clients.keys().cloned().collect()
    }

    /// How many tokens were ever made.
    pub(crate) fn minted(&self) -> usize {
        self.mint.tokens()
    }

    /// Checks a token that an API call carries.
    pub(crate) fn check(&mut self, text: &str, now: Duration) -> Result<(), Refusal> {
        for client in self.clients.values_mut() {
            client.drop_expired(now);
            if client.live.iter().any(|token| token.text == text) {
                return Ok(());
            }
            if let Some((_, refusal)) = client.dead.iter().find(|(dead, _)| dead == text) {
                return Err(*refusal);
            }
        }
        Err(Refusal::Unknown)
    }

    /// A client's live tokens, the oldest first; none if there is no such client.
    pub(crate) fn live_tokens(&mut self, id: &str, now: Duration) -> &[Token] {
        let Some(client) = self.clients.get_mut(id) else {
            return &[];
        };
        client.drop_expired(now);
        &client.live
    }
}

impl Client {
    /// A token expires at its `expiredAt`, not after it.
    fn drop_expired(&mut self, now: Duration) {
        let expired = self.live.extract_if(.., |token| token.expires_at <= now);
        for token in expired.collect::<Vec<_>>() {
            self.remember(token.text, Refusal::Expired);
        }
    }

    fn remember(&mut self, text: String, refusal: Refusal) {
        if self.dead.len() >= REMEMBERED {
            self.dead.pop_front();
        }
        self.dead.push_back((text, refusal));
    }
}

/// An expiry as `expiredAt` can write it, so that the emulator and its clients mean the same moment.
fn rounded(expires_at: Duration, lifetime: Duration) -> Duration {
    if lifetime >= WHOLE_SECONDS_FROM {
        Duration::from_secs(expires_at.as_secs())
    } else {
        expires_at.saturating_sub(Duration::from_nanos(u64::from(
            expires_at.subsec_nanos() % 1_000_000,
        )))
    }
}

#[cfg(test)]
mod tests;
