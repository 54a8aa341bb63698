//! The token call: normal service, and the faults of the script.

use serde_json::{Value, json};

use crate::api_call::{check_platform, no_platform};
use crate::clock::{Zone, http_date, timestamp};
use crate::fault::{Fault, WrongDate};
use crate::gzip::gzip;
use crate::platform::{Admission, Issue, Token};
use crate::received::Received;
use crate::reply::{Envelope, PAD_FIELD, Reply, Sending};
use crate::service::{
    ASSUMED_CODE_BAD_CREDENTIALS, Answer, Service, TRAP_PATH, Throttling, assumed, gateway,
};

impl Service {
    /// A request on the token's path: the script's next fault, or normal service.
    pub(crate) fn token_call(&mut self, request: &Received) -> Answer {
        let fault = self.script.pop_front();
        let fault = fault.unwrap_or_else(|| self.always.clone());
        let reply = match fault {
            Fault::Reset => return Answer::Reset,
            Fault::Close => return Answer::Close,
            Fault::Delay(by) => return Answer::Reply(by, self.serve(request, &Fault::Normal)),
            Fault::Status(status) => html(status),
            Fault::Gateway(status) => gateway(status, kong_message(status)),
            Fault::Code(code) => self.refuse(200, code, code_message(code)),
            Fault::RetryAfter(value) => self
                .refuse(429, 429, code_message(429))
                .with("retry-after", value),
            Fault::Redirect { status, location } => html(status).with(
                "location",
                location.unwrap_or_else(|| format!("{}{TRAP_PATH}", self.settings.prefix)),
            ),
            Fault::Echo => {
                let body = String::from_utf8_lossy(&request.body);
                self.refuse(200, 1, &format!("bad request: {body}"))
            }
            Fault::NoPlatform => no_platform(),
            Fault::StringCode => fixed(
                r#"{"code":"403","message":"123pan-global-slb forbidden client ip 192.0.2.1"}"#,
            ),
            Fault::Realc => fixed(r#"{"message":"forbidden realc:192.0.2.1","code":1010}"#),
            Fault::Raw {
                status,
                headers,
                body,
            } => Reply::raw(status, headers, body),
            altering => self.serve(request, &altering),
        };
        reply.into()
    }

    /// Normal service, its reply altered by a fault.
    fn serve(&mut self, request: &Received, fault: &Fault) -> Reply {
        let issue = match fault {
            Fault::Expired => Issue::AlreadyExpired,
            Fault::SameToken => Issue::Same,
            Fault::ExtendedToken => Issue::Extended,
            _ => Issue::New,
        };
        let mut reply = match self.grant(request, issue) {
            Err(refusal) => refusal,
            Ok(token) => {
                let data = json!({
                    "accessToken": token.text,
                    "expiredAt": timestamp(token.expires_at, Zone::China),
                });
                let mut envelope = Envelope::granted(data, &self.trace_id());
                alter(&mut envelope, fault, &token);
                let json = envelope.to_json();
                let length = json.len() as u64;
                let mut reply = Reply::json(200, json);
                if let Fault::Oversize(bytes) = fault {
                    reply.sending = Sending::Padded(bytes.saturating_sub(length));
                }
                reply
            }
        };
        match fault {
            Fault::Drip(every) => reply.sending = Sending::Dripping(*every),
            Fault::Truncate => reply.sending = Sending::HalfOnly,
            Fault::Gzip => {
                reply.body = gzip(&reply.body);
                reply = reply.with("content-encoding", "gzip");
            }
            Fault::Date(wrong) => {
                let now = self.clock.now();
                let date = match wrong {
                    WrongDate::Ahead(by) => Some(http_date(now.saturating_add(*by))),
                    WrongDate::Behind(by) => Some(http_date(now.saturating_sub(*by))),
                    WrongDate::Missing => None,
                    WrongDate::Garbage => Some("yesterday, about noon".to_owned()),
                };
                reply.dated = true;
                reply
                    .headers
                    .extend(date.map(|date| ("date".to_owned(), date)));
            }
            _ => {}
        }
        reply
    }

    /// The platform's checks of a token request, in the order that costs it least; the order is assumed.
    fn grant(&mut self, request: &Received, issue: Issue) -> Result<Token, Reply> {
        check_platform(request)?;
        if !is_json(request) {
            return Err(self.bad_request("Content-Type is not application/json"));
        }
        let Ok(Value::Object(body)) = serde_json::from_slice(&request.body) else {
            return Err(self.bad_request("the body is not a JSON object"));
        };
        let field = |name| body.get(name).and_then(Value::as_str);
        let (Some(id), Some(secret)) = (field("clientID"), field("clientSecret")) else {
            return Err(self.bad_request("clientID and clientSecret must be strings"));
        };
        let now = self.clock.now();
        match self.platform.admit(id, secret, now) {
            Admission::Granted => {}
            Admission::TooManyRequests => {
                let status = match self.settings.throttling {
                    Throttling::Http200 => 200,
                    Throttling::Http429 => 429,
                };
                return Err(self.refuse(status, 429, code_message(429)));
            }
            Admission::BadCredentials => {
                let message = assumed("unknown clientID or wrong clientSecret");
                return Err(self.refuse(200, ASSUMED_CODE_BAD_CREDENTIALS, &message));
            }
        }
        self.issue(id, issue)
            .ok_or_else(|| gateway(500, "the emulator lost a client"))
    }
}

/// Makes the envelope of a grant what a fault wants it to be.
fn alter(envelope: &mut Envelope, fault: &Fault, token: &Token) {
    let expiry = |zone| json!(timestamp(token.expires_at, zone));
    let data = match fault {
        Fault::EmptyToken => Some(("accessToken", Some(json!("")))),
        Fault::NullToken => Some(("accessToken", Some(Value::Null))),
        Fault::NoToken => Some(("accessToken", None)),
        Fault::NoExpiry => Some(("expiredAt", None)),
        Fault::BadExpiry => Some(("expiredAt", Some(json!("in about three months")))),
        Fault::ZonelessExpiry => Some(("expiredAt", Some(expiry(Zone::Unsaid)))),
        Fault::UtcExpiry => Some(("expiredAt", Some(expiry(Zone::Utc)))),
        _ => None,
    };
    if let (Some((name, value)), Some(fields)) = (data, envelope.data()) {
        match value {
            Some(value) => fields.insert(name.to_owned(), value),
            None => fields.remove(name),
        };
    }
    match fault {
        Fault::NullData => envelope.set("data", Value::Null),
        Fault::StringZero => envelope.set("code", json!("0")),
        Fault::Bare => {
            envelope.remove("message");
            envelope.remove("x-traceID");
        }
        Fault::Nulls => {
            envelope.set("message", Value::Null);
            envelope.set("x-traceID", Value::Null);
        }
        // Padding goes into the last field, so that a client that stops reading holds no complete JSON.
        Fault::Oversize(_) => envelope.set(PAD_FIELD, json!("")),
        _ => {}
    }
}

/// Whether the body is announced as JSON, with any parameters.
pub(crate) fn is_json(request: &Received) -> bool {
    let mut values = request.values("content-type");
    let Some(value) = values.next() else {
        return false;
    };
    let essence = value.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json") && values.next().is_none()
}

fn fixed(json: &str) -> Reply {
    Reply::json(200, json.as_bytes().to_vec())
}

fn html(status: u16) -> Reply {
    let page = format!("<html><head><title>{status}</title></head><body>{status}</body></html>\n");
    Reply::new(status, "text/html; charset=utf-8", page.into_bytes())
}

/// What Kong says with a status of its own, by its defaults. \[inferred\]
fn kong_message(status: u16) -> &'static str {
    match status {
        429 => "API rate limit exceeded",
        502 => "An invalid response was received from the upstream server",
        503 => "The upstream server is currently unavailable",
        504 => "The upstream server is timing out",
        _ => "An unexpected error occurred",
    }
}

/// The documented texts of codes; for the others, one that says where it comes from.
fn code_message(code: i64) -> &'static str {
    match code {
        429 => "请求太频繁",
        401 => "access_token无效",
        _ => "refused by the emulator's script",
    }
}
