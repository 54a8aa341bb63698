//! The rules of the platform, one by one.

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

/// The texts of a client's live tokens.
fn live(platform: &mut Platform, id: &str, now: Duration) -> Vec<String> {
    let tokens = platform.live_tokens(id, now);
    tokens.iter().map(|token| token.text.clone()).collect()
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
        platform.admit("unknown", "secret", NOW),
        Admission::BadCredentials
    );
    assert!(platform.issue("unknown", Issue::New, NOW).is_none());
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
fn a_rate_of_none_is_no_limit_and_of_zero_refuses_all() {
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
    assert_eq!(platform.check(&tokens[0].text, NOW), Err(Refusal::Evicted));
    let rest: Vec<String> = tokens[1..].iter().map(|t| t.text.clone()).collect();
    assert_eq!(live(&mut platform, "id", NOW), rest);
    assert_eq!(live(&mut platform, "other", NOW), Vec::<String>::new());
    assert_eq!(live(&mut platform, "unknown", NOW), Vec::<String>::new());
}

#[test]
fn a_client_evicts_only_its_own_tokens() {
    let mut platform = platform(Rules {
        max_tokens: 1,
        ..rules()
    });
    let mine = issue(&mut platform, NOW);
    platform.issue("other", Issue::New, NOW).unwrap();
    assert_eq!(platform.check(&mine.text, NOW), Ok(()));
}

#[test]
fn the_newest_but_one_can_be_the_one_that_goes() {
    let mut platform = platform(Rules {
        eviction: Eviction::NewestButOne,
        ..rules()
    });
    let tokens = [0; 5].map(|_| issue(&mut platform, NOW).text);
    let left = [0, 1, 4].map(|index| tokens[index].clone());
    assert_eq!(live(&mut platform, "id", NOW), left);
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
                let live = live(&mut platform, "id", NOW);
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
        assert_eq!(live(&mut platform, "id", NOW), [second.text]);
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
    assert_eq!(platform.check(&token.text, last), Ok(()));
    assert_eq!(platform.check(&token.text, end), Err(Refusal::Expired));
    assert_eq!(live(&mut platform, "id", end), Vec::<String>::new());
}

#[test]
fn an_expired_token_takes_no_place() {
    let mut platform = platform(rules());
    issue(&mut platform, NOW);
    let later = NOW + 89 * DAY;
    let second = issue(&mut platform, later);
    let end = NOW + 90 * DAY;
    issue(&mut platform, end);
    issue(&mut platform, end);
    assert_eq!(platform.check(&second.text, end), Ok(()));
    let already_expired = platform.issue("id", Issue::AlreadyExpired, end).unwrap();
    assert_eq!(platform.check(&second.text, end), Ok(()));
    assert_eq!(
        platform.check(&already_expired.text, end),
        Err(Refusal::Expired)
    );
    assert!(already_expired.expires_at < end);
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
        let alive = platform.check(&token.text, NOW).is_ok();
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
    assert_eq!(platform.check(&first.text, first.expires_at), Ok(()));
    assert_eq!(live(&mut platform, "id", NOW).len(), 1);
}

#[test]
fn dead_tokens_are_forgotten_in_the_end() {
    let mut platform = platform(Rules {
        max_tokens: 1,
        ..rules()
    });
    let first = issue(&mut platform, NOW);
    for _ in 0..REMEMBERED {
        issue(&mut platform, NOW);
    }
    assert_eq!(platform.check(&first.text, NOW), Err(Refusal::Evicted));
    issue(&mut platform, NOW);
    assert_eq!(platform.check(&first.text, NOW), Err(Refusal::Unknown));
}

#[test]
fn a_token_can_be_evicted_by_name() {
    let mut platform = platform(rules());
    let tokens = [0; 2].map(|_| issue(&mut platform, NOW).text);
    assert!(platform.evict(&tokens[0], NOW));
    assert_eq!(platform.check(&tokens[0], NOW), Err(Refusal::Evicted));
    assert_eq!(platform.check(&tokens[1], NOW), Ok(()));
    // It is no longer live, and this one never was.
    assert!(!platform.evict(&tokens[0], NOW));
    assert!(!platform.evict("eyJ", NOW));
    // An expired token stays expired.
    assert!(!platform.evict(&tokens[1], NOW + 90 * DAY));
    assert_eq!(
        platform.check(&tokens[1], NOW + 90 * DAY),
        Err(Refusal::Expired)
    );
}

#[test]
fn a_clock_that_was_set_back_blocks_no_client() {
    let mut platform = platform(Rules {
        rate: Some(1),
        ..rules()
    });
    assert_eq!(
        platform.admit("id", "secret", NOW + DAY),
        Admission::Granted
    );
    assert_eq!(platform.admit("id", "secret", NOW), Admission::Granted);
    assert_eq!(
        platform.admit("id", "secret", NOW),
        Admission::TooManyRequests
    );
}
