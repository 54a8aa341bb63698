//! The platform's rules for clients and tokens: credentials, rate limit, life and eviction.
//!
//! Pure: no socket and no clock. Every question brings the time along, as a [`Duration`] since the Unix epoch.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::mint::Mint;

/// Tokens that are over or evicted and still known as such, per client; of older ones, the platform knows nothing.
const REMEMBERED: usize = 64;

/// The span over which requests are counted for the rate limit.
const RATE_SPAN: Duration = Duration::from_secs(1);

/// Lifetimes from here on end on a whole second, as the documented `expiredAt` does; shorter ones on a millisecond.
const WHOLE_SECONDS_FROM: Duration = Duration::from_secs(10);

/// Which live token is taken offline when a client gets one too many.
///
/// That one of them is, the platform documents; which one, it does not. The token just issued always stays (assumed).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Eviction {
    /// The one issued first (assumed).
    #[default]
    Oldest,
    /// The one issued just before the new one: the worst case for programs that take turns.
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
    /// A new one that was over an hour before it was issued. It takes nobody's place.
    IssuedExpired,
    /// The newest live one, unchanged; a new one if there is none.
    Same,
    /// The newest live one, which now lives as long as a new one would; a new one if there is none.
    Extended,
}

/// Why a business call's token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Unknown,
    Over,
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
    dead: VecDeque<(String, Verdict)>,
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

    /// Judges a request for a token. The rate limit comes before the secret is looked at, and counts no request that it
    /// refused.
    pub(crate) fn admit(&mut self, id: &str, secret: &str, now: Duration) -> Admission {
        let Some(client) = self.clients.get_mut(id) else {
            return Admission::BadCredentials;
        };
        if let Some(rate) = self.rules.rate {
            client
                .admitted
                .retain(|then| now.saturating_sub(*then) < RATE_SPAN);
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
        client.bury_the_dead(now);
        let expires_at = match issue {
            Issue::IssuedExpired => now.saturating_sub(Duration::from_secs(3_600)),
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
        client.bury_the_dead(now);
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
            client.remember(evicted.text, Verdict::Evicted);
        }
        Some(token)
    }

    /// How many tokens were ever made.
    pub(crate) fn minted(&self) -> usize {
        self.mint.tokens()
    }

    /// Judges a token that a business call carries.
    pub(crate) fn judge(&mut self, text: &str, now: Duration) -> Result<(), Verdict> {
        for client in self.clients.values_mut() {
            client.bury_the_dead(now);
            if client.live.iter().any(|token| token.text == text) {
                return Ok(());
            }
            if let Some((_, verdict)) = client.dead.iter().find(|(dead, _)| dead == text) {
                return Err(*verdict);
            }
        }
        Err(Verdict::Unknown)
    }

    /// A client's live tokens, the oldest first; none if there is no such client.
    pub(crate) fn live_tokens(&mut self, id: &str, now: Duration) -> Vec<String> {
        let Some(client) = self.clients.get_mut(id) else {
            return Vec::new();
        };
        client.bury_the_dead(now);
        client.live.iter().map(|token| token.text.clone()).collect()
    }
}

impl Client {
    /// A token is over at its `expiredAt`, not after it.
    fn bury_the_dead(&mut self, now: Duration) {
        let over = self.live.extract_if(.., |token| token.expires_at <= now);
        for token in over.collect::<Vec<_>>() {
            self.remember(token.text, Verdict::Over);
        }
    }

    fn remember(&mut self, text: String, verdict: Verdict) {
        if self.dead.len() >= REMEMBERED {
            self.dead.pop_front();
        }
        self.dead.push_back((text, verdict));
    }
}

/// The end of a life as `expiredAt` can say it, so that the emulator and its clients mean the same moment.
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
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);
    const NOW: Duration = Duration::from_millis(1_742_716_117_250);

    fn platform(rules: Rules) -> Platform {
        let clients = [("id", "secret"), ("other", "hidden")];
        let clients = clients.map(|(id, secret)| (id.to_owned(), secret.to_owned()));
        Platform::new(clients, rules, 42)
    }

    fn rules() -> Rules {
        Rules {
            lifetime: 90 * DAY,
            rate: None,
            max_tokens: 3,
            eviction: Eviction::Oldest,
        }
    }

    fn issue(platform: &mut Platform, now: Duration) -> Token {
        platform.issue("id", Issue::New, now).unwrap()
    }

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn only_a_known_client_with_its_own_secret_is_admitted() {
        let mut platform = platform(rules());
        assert_eq!(platform.admit("id", "secret", NOW), Admission::Granted);
        assert_eq!(platform.admit("other", "hidden", NOW), Admission::Granted);
        assert_eq!(
            platform.admit("id", "hidden", NOW),
            Admission::BadCredentials
        );
        assert_eq!(platform.admit("id", "", NOW), Admission::BadCredentials);
        assert_eq!(
            platform.admit("nobody", "secret", NOW),
            Admission::BadCredentials
        );
        assert!(platform.issue("nobody", Issue::New, NOW).is_none());
    }

    #[test]
    fn the_rate_limit_counts_any_second_not_the_calendars() {
        let mut platform = platform(Rules {
            rate: Some(2),
            ..rules()
        });
        let mut at = |ms| platform.admit("id", "secret", NOW + millis(ms));
        assert_eq!(at(0), Admission::Granted);
        assert_eq!(at(600), Admission::Granted);
        assert_eq!(at(999), Admission::TooManyRequests);
        // The first is a second old, and what was refused isn't counted.
        assert_eq!(at(1_000), Admission::Granted);
        assert_eq!(at(1_599), Admission::TooManyRequests);
        assert_eq!(at(1_600), Admission::Granted);
    }

    #[test]
    fn the_rate_limit_is_each_clients_own_and_counts_wrong_secrets() {
        let mut platform = platform(Rules {
            rate: Some(1),
            ..rules()
        });
        assert_eq!(
            platform.admit("id", "wrong", NOW),
            Admission::BadCredentials
        );
        assert_eq!(
            platform.admit("id", "secret", NOW),
            Admission::TooManyRequests
        );
        assert_eq!(platform.admit("other", "hidden", NOW), Admission::Granted);
    }

    #[test]
    fn a_rate_of_none_is_no_limit_and_of_zero_admits_nobody() {
        let mut unlimited = platform(rules());
        for _ in 0..1_000 {
            assert_eq!(unlimited.admit("id", "secret", NOW), Admission::Granted);
        }
        let mut closed = platform(Rules {
            rate: Some(0),
            ..rules()
        });
        assert_eq!(
            closed.admit("id", "secret", NOW),
            Admission::TooManyRequests
        );
    }

    #[test]
    fn a_fourth_token_takes_the_oldest_offline() {
        let mut platform = platform(rules());
        let tokens = [0, 1, 2, 3].map(|s| issue(&mut platform, NOW + millis(s)));
        assert_eq!(platform.judge(&tokens[0].text, NOW), Err(Verdict::Evicted));
        let rest: Vec<String> = tokens[1..].iter().map(|t| t.text.clone()).collect();
        assert_eq!(platform.live_tokens("id", NOW), rest);
        assert_eq!(platform.live_tokens("other", NOW), Vec::<String>::new());
        assert_eq!(platform.live_tokens("nobody", NOW), Vec::<String>::new());
    }

    #[test]
    fn a_client_evicts_only_its_own_tokens() {
        let mut platform = platform(Rules {
            max_tokens: 1,
            ..rules()
        });
        let mine = issue(&mut platform, NOW);
        platform.issue("other", Issue::New, NOW).unwrap();
        assert_eq!(platform.judge(&mine.text, NOW), Ok(()));
    }

    #[test]
    fn the_newest_but_one_can_be_the_one_that_goes() {
        let mut platform = platform(Rules {
            eviction: Eviction::NewestButOne,
            ..rules()
        });
        let tokens = [0; 5].map(|_| issue(&mut platform, NOW).text);
        let left = [0, 1, 4].map(|index| tokens[index].clone());
        assert_eq!(platform.live_tokens("id", NOW), left);
    }

    #[test]
    fn random_eviction_spares_the_new_token_and_repeats_with_its_seed() {
        let run = |seed| {
            let mut platform = platform(Rules {
                eviction: Eviction::Random(seed),
                ..rules()
            });
            (0..50)
                .map(|_| {
                    let token = issue(&mut platform, NOW).text;
                    let live = platform.live_tokens("id", NOW);
                    assert_eq!(live.last(), Some(&token));
                    assert!(live.len() <= 3);
                    live
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
    }

    #[test]
    fn one_token_at_most_leaves_only_the_new_one() {
        for eviction in [
            Eviction::Oldest,
            Eviction::NewestButOne,
            Eviction::Random(9),
        ] {
            let mut platform = platform(Rules {
                max_tokens: 1,
                eviction,
                ..rules()
            });
            issue(&mut platform, NOW);
            let second = issue(&mut platform, NOW);
            assert_eq!(platform.live_tokens("id", NOW), [second.text]);
        }
    }

    #[test]
    fn a_token_lives_until_its_expiry_and_not_at_it() {
        let mut platform = platform(rules());
        let token = issue(&mut platform, NOW);
        // Whole seconds: the quarter second of NOW is dropped.
        assert_eq!(
            token.expires_at,
            Duration::from_secs(1_742_716_117) + 90 * DAY
        );
        let end = token.expires_at;
        let last = end.checked_sub(millis(1)).unwrap();
        assert_eq!(platform.judge(&token.text, last), Ok(()));
        assert_eq!(platform.judge(&token.text, end), Err(Verdict::Over));
        assert_eq!(platform.live_tokens("id", end), Vec::<String>::new());
    }

    #[test]
    fn a_token_that_is_over_takes_nobodys_place() {
        let mut platform = platform(rules());
        issue(&mut platform, NOW);
        let later = NOW + 89 * DAY;
        let second = issue(&mut platform, later);
        let end = NOW + 90 * DAY;
        issue(&mut platform, end);
        issue(&mut platform, end);
        assert_eq!(platform.judge(&second.text, end), Ok(()));
        let born_over = platform.issue("id", Issue::IssuedExpired, end).unwrap();
        assert_eq!(platform.judge(&second.text, end), Ok(()));
        assert_eq!(platform.judge(&born_over.text, end), Err(Verdict::Over));
        assert!(born_over.expires_at < end);
    }

    #[test]
    fn short_lives_end_on_a_millisecond() {
        let mut platform = platform(Rules {
            lifetime: millis(50),
            ..rules()
        });
        let token = issue(&mut platform, NOW + Duration::from_micros(300));
        assert_eq!(token.expires_at, NOW + millis(50));
    }

    #[test]
    fn lives_from_ten_seconds_on_end_on_a_whole_second() {
        let end = |lifetime| {
            let mut platform = platform(Rules {
                lifetime,
                ..rules()
            });
            issue(&mut platform, NOW).expires_at
        };
        assert_eq!(end(millis(9_999)), millis(1_742_716_127_249));
        assert_eq!(end(millis(10_000)), millis(1_742_716_127_000));
    }

    #[test]
    fn no_lifetime_panics() {
        for lifetime in [Duration::ZERO, 400 * DAY, Duration::MAX] {
            let mut platform = platform(Rules {
                lifetime,
                ..rules()
            });
            let token = issue(&mut platform, NOW);
            let alive = platform.judge(&token.text, NOW).is_ok();
            assert_eq!(alive, lifetime > Duration::ZERO);
        }
    }

    #[test]
    fn the_same_token_is_repeated_and_an_extended_one_lives_on() {
        let mut platform = platform(rules());
        let first = platform.issue("id", Issue::Same, NOW).unwrap();
        let again = platform.issue("id", Issue::Same, NOW + DAY).unwrap();
        assert!(first == again);
        let extended = platform.issue("id", Issue::Extended, NOW + DAY).unwrap();
        assert_eq!(extended.text, first.text);
        assert_eq!(extended.expires_at, first.expires_at + DAY);
        assert_eq!(platform.judge(&first.text, first.expires_at), Ok(()));
        assert_eq!(platform.live_tokens("id", NOW).len(), 1);
    }

    #[test]
    fn the_dead_are_forgotten_in_the_end() {
        let mut platform = platform(Rules {
            max_tokens: 1,
            ..rules()
        });
        let first = issue(&mut platform, NOW);
        for _ in 0..REMEMBERED {
            issue(&mut platform, NOW);
        }
        assert_eq!(platform.judge(&first.text, NOW), Err(Verdict::Evicted));
        issue(&mut platform, NOW);
        assert_eq!(platform.judge(&first.text, NOW), Err(Verdict::Unknown));
    }
}
