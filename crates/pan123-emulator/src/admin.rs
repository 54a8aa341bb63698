//! The admin API: all that a test in Rust can do with an [`Emulator`](crate::Emulator), over HTTP and with JSON, for
//! tests in other languages. Nothing of the platform's is below [`PREFIX`].

mod faults;
mod requests;

use std::time::{Duration, SystemTime};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::clock::{Zone, timestamp};
use crate::duration::parse_duration;
use crate::platform::Issue;
use crate::received::Received;
use crate::reply::Reply;
use crate::service::{Reading, Service};

/// Below it is the admin API, on the API's port only.
pub(crate) const PREFIX: &str = "/__admin/";

/// What there is, for a person who asks.
const INDEX: [(&str, &str, &str); 14] = [
    ("GET", "counts", "how many requests, tokens and faults"),
    ("GET", "requests", "the requests received, without secrets"),
    ("GET", "clock", "what the emulator's clock shows"),
    (
        "POST",
        "clock",
        r#"{"advance": "90d"}, {"set": "2025-03-23T07:48:37Z"} or {"frozen": true}"#,
    ),
    ("GET", "faults", "the faults that are left"),
    (
        "POST",
        "faults",
        r#"{"faults": ["reset", "delay:500ms"]}, {"always": "status:503"} or both"#,
    ),
    ("DELETE", "faults", "no faults from now on"),
    ("GET", "tokens", "the live tokens of each client"),
    (
        "POST",
        "tokens/issue",
        r#"{"clientID": "…"}: as another program of this client"#,
    ),
    (
        "POST",
        "tokens/evict",
        r#"{"token": "…"}, {"clientID": "…"}, or {} for all"#,
    ),
    ("GET", "uploads", "the files announced, and what has come"),
    ("GET", "uploads/PREUPLOAD_ID", "the bytes that have come"),
    ("POST", "reset", "everything as it was at the start"),
    ("GET", "", "this list"),
];

/// What is wrong with an admin request.
enum Error {
    NotFound,
    /// In words.
    Bad(String),
}

impl Error {
    fn bad(message: impl Into<String>) -> Self {
        Self::Bad(message.into())
    }
}

/// Answers a request for a path that begins with [`PREFIX`]. Such requests are neither recorded nor counted.
pub(crate) fn answer(
    service: &mut Service,
    path: &str,
    request: &Received,
    reading: Reading,
) -> Reply {
    if reading != Reading::Complete {
        return error(413, "the body is larger than 1 MiB, or too slow");
    }
    let path = path.strip_prefix(PREFIX).unwrap_or_default();
    if let ("GET", Some(id)) = (request.method.as_str(), path.strip_prefix("uploads/")) {
        return match service.uploads.find(id).map(|upload| upload.content()) {
            Some(Some(content)) => Reply::new(200, "application/octet-stream", content),
            Some(None) => error(410, "some of the bytes are no longer kept"),
            None => error(404, "no such preuploadID"),
        };
    }
    let body = match body(request) {
        Ok(body) => body,
        Err(message) => return error(400, message),
    };
    match json_answer(service, &request.method, path, &body) {
        Ok(value) => Reply::json(200, format!("{value}\n").into_bytes()),
        Err(Error::Bad(message)) => error(400, &message),
        Err(Error::NotFound) if INDEX.iter().any(|(_, known, _)| *known == path) => {
            error(405, "this path has other methods; see GET /__admin/")
        }
        Err(Error::NotFound) => error(404, "no such path; see GET /__admin/"),
    }
}

fn error(status: u16, message: &str) -> Reply {
    Reply::json(status, format!("{}\n", json!({ "error": message })).into())
}

/// A body's fields; none is as good as `{}`. What it is called doesn't matter, so that `curl -d` will do.
fn body(request: &Received) -> Result<Map<String, Value>, &'static str> {
    if request.body.is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_slice(&request.body) {
        Ok(Value::Object(fields)) => Ok(fields),
        _ => Err("the body is not a JSON object"),
    }
}

fn json_answer(
    service: &mut Service,
    method: &str,
    path: &str,
    body: &Map<String, Value>,
) -> Result<Value, Error> {
    let known: &[&str] = match (method, path) {
        ("POST", "clock") => &["advance", "set", "frozen"],
        ("POST", "faults") => &["faults", "always"],
        ("POST", "tokens/issue") => &["clientID"],
        ("POST", "tokens/evict") => &["token", "clientID"],
        _ => &[],
    };
    let call: fn(&mut Service, &Map<String, Value>) -> Result<Value, Error> = match (method, path) {
        ("GET", "") => |_, _| Ok(index()),
        ("GET", "counts") => |service, _| Ok(counts(service)),
        ("GET", "requests") => |service, _| Ok(requests::list(service)),
        ("GET", "clock") => |service, _| Ok(clock(service)),
        ("POST", "clock") => set_clock,
        ("GET", "faults") => |service, _| Ok(faults::list(service)),
        ("POST", "faults") => faults::add,
        ("DELETE", "faults") => |service, _| {
            service.clear_faults();
            Ok(faults::list(service))
        },
        ("GET", "tokens") => |service, _| Ok(tokens(service)),
        ("POST", "tokens/issue") => issue,
        ("POST", "tokens/evict") => evict,
        ("GET", "uploads") => |service, _| Ok(uploads(service)),
        ("POST", "reset") => |service, _| {
            service.reset();
            Ok(counts(service))
        },
        _ => return Err(Error::NotFound),
    };
    // A misspelled field must not do nothing in silence.
    match body.keys().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(Error::bad(format!("unknown field {name:?}"))),
        None => call(service, body),
    }
}

fn index() -> Value {
    let paths = INDEX.map(
        |(method, path, does)| json!({ "method": method, "path": format!("{PREFIX}{path}"), "does": does }),
    );
    json!({ "paths": paths })
}

fn counts(service: &Service) -> Value {
    json!({
        "tokenRequests": service.token_requests,
        "issued": service.issued,
        "redirectsFollowed": service.redirects_followed,
        "faultsLeft": service.script.len(),
    })
}

fn clock(service: &Service) -> Value {
    let now = service.clock.now();
    json!({
        "now": timestamp(now, Zone::Utc),
        "unixMilliseconds": u64::try_from(now.as_millis()).unwrap_or(u64::MAX),
        "frozen": service.clock.is_frozen(),
    })
}

fn set_clock(service: &mut Service, body: &Map<String, Value>) -> Result<Value, Error> {
    let set = body.get("set").map(moment).transpose()?;
    let advance = body.get("advance").map(duration).transpose()?;
    let frozen = body.get("frozen").map(|value| {
        let frozen = value.as_bool();
        frozen.ok_or_else(|| Error::bad("frozen must be true or false"))
    });
    let frozen = frozen.transpose()?;
    if let Some(moment) = set {
        service.clock.set(moment);
    }
    if let Some(by) = advance {
        service.clock.advance(by);
    }
    if let Some(frozen) = frozen {
        service.clock.set_frozen(frozen);
    }
    Ok(clock(service))
}

fn moment(value: &Value) -> Result<SystemTime, Error> {
    let moment = value.as_str().map(|it| OffsetDateTime::parse(it, &Rfc3339));
    match moment {
        Some(Ok(moment)) => Ok(moment.into()),
        _ => Err(Error::bad(
            "set must be a time such as 2025-03-23T07:48:37Z",
        )),
    }
}

fn duration(value: &Value) -> Result<Duration, Error> {
    match value.as_str().map(parse_duration) {
        Some(Ok(duration)) => Ok(duration),
        Some(Err(error)) => Err(Error::bad(error.to_string())),
        None => Err(Error::bad("advance must be a string such as \"90d\"")),
    }
}

fn tokens(service: &mut Service) -> Value {
    let now = service.clock.now();
    let clients = service.platform.client_ids().into_iter().map(|id| {
        let live: Vec<Value> = service
            .platform
            .live_tokens(&id, now)
            .iter()
            .map(|token| {
                json!({
                    "token": token.text,
                    "expiredAt": timestamp(token.expires_at, Zone::China),
                })
            })
            .collect();
        json!({ "clientID": id, "live": live })
    });
    json!({ "clients": clients.collect::<Vec<_>>() })
}

/// The client that a request names; it need not, where there is one only.
fn client_id(service: &Service, body: &Map<String, Value>) -> Result<String, Error> {
    let ids = service.platform.client_ids();
    match (body.get("clientID"), &ids[..]) {
        (Some(Value::String(id)), _) if ids.contains(id) => Ok(id.clone()),
        (Some(_), _) => Err(Error::bad("unknown clientID")),
        (None, [id]) => Ok(id.clone()),
        (None, _) => Err(Error::bad("clientID is missing; there are several clients")),
    }
}

fn issue(service: &mut Service, body: &Map<String, Value>) -> Result<Value, Error> {
    let id = client_id(service, body)?;
    match service.issue(&id, Issue::New) {
        Some(token) => Ok(json!({ "token": token.text })),
        None => Err(Error::bad("unknown clientID")),
    }
}

fn evict(service: &mut Service, body: &Map<String, Value>) -> Result<Value, Error> {
    let now = service.clock.now();
    let named: Vec<String> = match body.get("token") {
        Some(Value::String(token)) => vec![token.clone()],
        Some(_) => return Err(Error::bad("token must be a string")),
        None => {
            let ids = if body.contains_key("clientID") {
                vec![client_id(service, body)?]
            } else {
                service.platform.client_ids()
            };
            let mut live = Vec::new();
            for id in ids {
                let tokens = service.platform.live_tokens(&id, now);
                live.extend(tokens.iter().map(|token| token.text.clone()));
            }
            live
        }
    };
    let evicted = named.iter().filter(|it| service.platform.evict(it, now));
    Ok(json!({ "evicted": evicted.count() }))
}

fn uploads(service: &Service) -> Value {
    let uploads = service.uploads.iter().map(|upload| {
        let slices = upload.slices.iter().map(|(number, slice)| {
            json!({
                "sliceNo": number,
                "sliceMD5": slice.md5,
                "length": slice.length,
                "contentBase64": slice.content.as_ref().map(|it| BASE64_STANDARD.encode(it)),
            })
        });
        json!({
            "preuploadID": upload.preupload_id,
            "filename": upload.file_name,
            "etag": upload.etag,
            "size": upload.size,
            "fileID": upload.file_id,
            "slices": slices.collect::<Vec<_>>(),
        })
    });
    json!({ "uploads": uploads.collect::<Vec<_>>() })
}
