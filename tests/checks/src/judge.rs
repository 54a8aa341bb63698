//! What a reply must be taken for, by rules of its own: no JSON library, no date library, nothing of the core. Slow and
//! simple, so that it shares no mistake with what it judges.

mod json;
mod times;

use json::{Member, Token, beginning, integer, json, members_of, text, twice, value};
use times::{DAY, days, expiry, http_date, wait};

/// What a server answered.
pub(crate) struct Reply<'a> {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<&'a [u8]>,
    pub(crate) date: Option<&'a [u8]>,
    /// Whether it says that its body is.
    pub(crate) compressed: bool,
    pub(crate) body: &'a [u8],
}

/// What the reply must be taken for.
#[derive(Debug, Default)]
pub(crate) struct Judgement {
    /// The error's name; empty for a grant.
    pub(crate) kind: &'static str,
    /// What the error must say is wrong; empty where the kind says it all.
    pub(crate) flaw: &'static str,
    pub(crate) code: Option<i64>,
    /// As the server wrote it.
    pub(crate) message: Option<String>,
    pub(crate) trace_id: Option<String>,
    /// The token, and its expiry in nanoseconds since 1970.
    pub(crate) grant: Option<(String, i128)>,
    /// In seconds since 1970.
    pub(crate) server_time: Option<i64>,
    /// In seconds.
    pub(crate) retry_after: Option<u64>,
    /// All strings that may be tokens, and so must not be shown.
    pub(crate) tokens: Vec<String>,
}

const MAX_BODY: usize = 65_536;

pub(crate) fn judge(reply: &Reply<'_>, client_secret: &str) -> Judgement {
    let mut judgement = Judgement {
        server_time: reply.date.and_then(http_date),
        retry_after: reply
            .retry_after
            .and_then(|value| wait(value, reply.date.and_then(http_date))),
        ..Judgement::default()
    };
    let too_large = reply.body.len() > MAX_BODY;
    let tokens = if too_large { None } else { json(reply.body) };
    let object = tokens.as_deref().filter(|it| it[0] == Token::Mark('{'));
    let members = object.map(members_of);
    let known = ["code", "message", "x-traceID", "data"];
    let ambiguous = members.as_ref().is_some_and(|it| twice(it, &known));
    let members = members.filter(|_| !ambiguous).unwrap_or_default();

    let digits = integer(value(&members, "code"));
    judgement.code = digits.and_then(|digits| digits.parse().ok());
    judgement.message = text(value(&members, "message"));
    judgement.trace_id = text(value(&members, "x-traceID"));
    judgement.tokens = may_be_tokens(&members);
    let (kind, flaw) = match reply.status {
        429 => ("rate_limited", ""),
        _ if judgement.code == Some(429) => ("rate_limited", ""),
        408 | 500 | 502..=504 | 506..=599 => ("unavailable", ""),
        ..=399 if too_large => ("too_large", ""),
        _ if ambiguous => ("malformed", "a key stands in it twice"),
        status if judgement.code == Some(0) => {
            match grant(status, value(&members, "data"), client_secret) {
                Ok(grant) => {
                    judgement.grant = Some(grant);
                    ("", "")
                }
                Err(flaw) => ("malformed", flaw),
            }
        }
        _ if digits.is_some() => ("refused", ""),
        300..=399 => ("not_api", "a redirect"),
        _ if too_large => ("not_api", "a body too large to be one"),
        _ if reply.body.is_empty() => ("not_api", "an empty body"),
        _ if tokens.is_none() && reply.compressed => {
            ("not_api", "compressed, which was not asked for")
        }
        _ if tokens.is_none() => ("not_api", "no JSON"),
        _ if object.is_none() => ("not_api", "JSON that is no object"),
        _ => ("not_api", "JSON without a code"),
    };
    Judgement {
        kind,
        flaw,
        ..judgement
    }
}

/// Whether an API call's reply rejects its token.
pub(crate) fn rejects(status: u16, body: &[u8]) -> bool {
    if body.is_empty() {
        return status == 401;
    }
    let tokens = json(body).unwrap_or_default();
    if tokens.first() != Some(&Token::Mark('{')) {
        return false;
    }
    let members = members_of(&tokens);
    !twice(&members, &["code", "message", "x-traceID", "data"])
        && integer(value(&members, "code")).and_then(|it| it.parse::<i64>().ok()) == Some(401)
}

/// Whether a body that begins like this may still come to reject the token, as far as that is plain to see.
pub(crate) fn may_yet_reject(start: &[u8]) -> bool {
    let text = match str::from_utf8(start) {
        Ok(text) => text,
        Err(error) => str::from_utf8(&start[..error.valid_up_to()]).unwrap_or_default(),
    };
    let (tokens, rest) = beginning(text);
    if tokens.first().is_some_and(|it| *it != Token::Mark('{')) {
        return false;
    }
    let (mut depth, mut code) = (0, None);
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Token::Mark('{' | '[') => depth += 1,
            Token::Mark('}' | ']') => depth -= 1,
            _ => {}
        }
        if depth == 0 && (at + 1 < tokens.len() || !rest.is_empty()) {
            return false;
        }
        let is_code = |it: &Token<'_>| *it == Token::Text(Some("code".to_owned()));
        // The key, the colon, the value, and what shows that it has ended.
        let Some([key, Token::Mark(':'), value, _]) = tokens.get(at..at + 4) else {
            continue;
        };
        if depth == 1 && is_code(key) && !matches!(value, Token::Mark(_)) {
            let number =
                integer(Some(&tokens[at + 2..at + 3])).and_then(|it| it.parse::<i64>().ok());
            if code.replace(number).is_some() || number != Some(401) {
                return false;
            }
        }
    }
    depth > 0 || tokens.is_empty() || code.is_some()
}

fn grant(
    status: u16,
    data: Option<&[Token<'_>]>,
    client_secret: &str,
) -> Result<(String, i128), &'static str> {
    if !(200..300).contains(&status) {
        return Err("code 0 under a status that is no success");
    }
    let data = match data {
        None => return Err("`data` is missing"),
        Some([Token::Bare("null")]) => return Err("`data` is null"),
        Some(data) if data[0] == Token::Mark('{') => members_of(data),
        Some(_) => return Err("`data` is no object"),
    };
    if twice(&data, &["accessToken", "expiredAt"]) {
        return Err("a key stands in `data` twice");
    }
    let token = match value(&data, "accessToken") {
        None => return Err("`accessToken` is missing"),
        Some([Token::Bare("null")]) => return Err("`accessToken` is null"),
        Some([Token::Text(Some(token))]) => token.clone(),
        Some(_) => return Err("`accessToken` is no string"),
    };
    if token == client_secret {
        return Err("`accessToken` is the client secret");
    }
    let expired_at = match value(&data, "expiredAt") {
        None => return Err("`expiredAt` is missing"),
        Some([Token::Bare("null")]) => return Err("`expiredAt` is null"),
        Some([Token::Text(Some(expired_at))]) => expired_at,
        Some(_) => return Err("`expiredAt` is no string"),
    };
    let expiry = expiry(expired_at).ok_or("`expiredAt` is no RFC 3339 time")?;
    if token.is_empty() {
        return Err("`accessToken` is empty");
    }
    if !token.bytes().all(|byte| (0x21..0x7f).contains(&byte)) {
        return Err("`accessToken` holds characters that no header can carry");
    }
    let calendar = i128::from(days(0, 1, 1)) * DAY..i128::from(days(10_000, 1, 1)) * DAY;
    if !calendar.contains(&expiry) {
        return Err("`expiredAt` lies outside the calendar");
    }
    Ok((token, expiry))
}

/// The last `accessToken` outside of `data` and the last within, and what is visible ASCII of 8 bytes or more of the strings in
/// each `accessToken` outside and in `data`.
fn may_be_tokens(members: &[Member<'_>]) -> Vec<String> {
    let data = value(members, "data").unwrap_or_default();
    let named = |members: &[Member<'_>]| {
        let last = members
            .iter()
            .rfind(|(name, _)| *name == Some("accessToken"));
        last.and_then(|(_, value)| text(Some(value)))
    };
    let mut found = Vec::from_iter(named(members));
    if data.first() == Some(&Token::Mark('{')) {
        found.extend(named(&members_of(data)));
    }
    let outside = members
        .iter()
        .filter(|(name, _)| *name == Some("accessToken"));
    for tokens in outside.map(|(_, value)| *value).chain([data]) {
        for (at, token) in tokens.iter().enumerate() {
            let is_key = tokens.get(at + 1) == Some(&Token::Mark(':'));
            if let Token::Text(Some(text)) = token
                && !is_key
                && text.len() >= 8
                && text.bytes().all(|byte| (0x21..0x7f).contains(&byte))
            {
                found.push(text.clone());
            }
        }
    }
    found
}
