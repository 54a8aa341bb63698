//! What each request is answered: routes, checks, and the faults of the script.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::{Value, json};

use crate::clock::{Clock, Zone, http_date, timestamp};
use crate::fault::{Fault, WrongDate};
use crate::gzip::gzip;
use crate::mint::Mint;
use crate::platform::{Admission, Issue, Platform, Token, Verdict};
use crate::received::{Log, Received};
use crate::reply::{Envelope, PAD_FIELD, Reply, Sending};

/// The token endpoint's path. \[doc\]
const TOKEN_PATH: &str = "/api/v1/access_token";
/// A business call's path. \[doc\]
const USER_INFO_PATH: &str = "/api/v1/user/info";
/// Where `redirect:STATUS` leads. Nothing of the platform's is there.
const TRAP_PATH: &str = "/redirected";

/// The code for a body that is not as documented, or not announced as JSON: **assumed**, the platform's is not known.
pub const ASSUMED_CODE_BAD_REQUEST: i64 = 990_400;
/// The code for an unknown client or a wrong secret: **assumed**, neither code nor text was found anywhere.
pub const ASSUMED_CODE_BAD_CREDENTIALS: i64 = 990_401;

/// How a rate-limited token request is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Throttling {
    /// HTTP status 200, and the code 429 in the body, which is documented. The status isn't.
    #[default]
    Http200,
    /// HTTP status 429, as others report, and the same body.
    Http429,
}

/// How a business call is answered that is refused for its token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rejection {
    /// HTTP status 200, and the code 401 in the body, which is documented. The status isn't.
    #[default]
    Http200,
    /// HTTP status 401, and the same body. Both have been seen.
    Http401,
}

/// What to do about a request.
pub(crate) enum Answer {
    /// Send this, so much later.
    Reply(Duration, Reply),
    /// Reset the connection.
    Reset,
    /// Close the connection.
    Close,
}

impl From<Reply> for Answer {
    fn from(reply: Reply) -> Self {
        Self::Reply(Duration::ZERO, reply)
    }
}

/// How the reading of a request's body ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    Complete,
    TooLarge,
    TooSlow,
}

/// The emulator's whole state but for its sockets.
pub(crate) struct Service {
    pub(crate) platform: Platform,
    pub(crate) clock: Clock,
    pub(crate) script: VecDeque<Fault>,
    pub(crate) always: Fault,
    pub(crate) prefix: String,
    pub(crate) rejection: Rejection,
    pub(crate) throttling: Throttling,
    pub(crate) traces: Mint,
    pub(crate) log: Log,
    pub(crate) token_requests: usize,
    pub(crate) issued: usize,
    pub(crate) redirects_followed: usize,
}

impl Service {
    /// Answers a request for this path and records it.
    pub(crate) fn answer(&mut self, path: &str, request: Received, reading: Reading) -> Answer {
        let mut answer = self.route(path, &request, reading);
        if let Answer::Reply(_, reply) = &mut answer
            && !reply.dated
        {
            let date = http_date(self.clock.now());
            reply.headers.push(("date".to_owned(), date));
        }
        self.log.push(request);
        answer
    }

    fn route(&mut self, path: &str, request: &Received, reading: Reading) -> Answer {
        match (request.method.as_str(), path.strip_prefix(&*self.prefix)) {
            ("POST", Some(TOKEN_PATH)) => {
                self.token_requests += 1;
                match reading {
                    Reading::Complete => self.token_call(request),
                    Reading::TooLarge => gateway(413, "Request size limit exceeded").into(),
                    Reading::TooSlow => gateway(408, "Request body timeout").into(),
                }
            }
            ("GET", Some(USER_INFO_PATH)) => self.business_call(request).into(),
            (_, Some(TRAP_PATH)) => self.trap().into(),
            // Kong's own words for it.
            _ => gateway(404, "no Route matched with those values").into(),
        }
    }

    /// A request on the token's path: the script's next fault, or normal service.
    fn token_call(&mut self, request: &Received) -> Answer {
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
                location.unwrap_or_else(|| format!("{}{TRAP_PATH}", self.prefix)),
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
            } => Reply {
                status,
                dated: headers.iter().any(|(k, _)| k.eq_ignore_ascii_case("date")),
                headers,
                body,
                sending: Sending::Whole,
            },
            altering => self.serve(request, &altering),
        };
        reply.into()
    }

    /// Normal service, its reply altered by a fault.
    fn serve(&mut self, request: &Received, fault: &Fault) -> Reply {
        let issue = match fault {
            Fault::Expired => Issue::IssuedExpired,
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
                let mut envelope = Envelope::granted(data, &self.traces.trace_id());
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
        let bad_request = |this: &mut Self, message: &str| {
            this.refuse(200, ASSUMED_CODE_BAD_REQUEST, &assumed(message))
        };
        if !is_json(request) {
            return Err(bad_request(self, "Content-Type is not application/json"));
        }
        let Ok(Value::Object(body)) = serde_json::from_slice(&request.body) else {
            return Err(bad_request(self, "the body is not a JSON object"));
        };
        let field = |name| body.get(name).and_then(Value::as_str);
        let (Some(id), Some(secret)) = (field("clientID"), field("clientSecret")) else {
            return Err(bad_request(
                self,
                "clientID and clientSecret must be strings",
            ));
        };
        let now = self.clock.now();
        match self.platform.admit(id, secret, now) {
            Admission::Granted => {}
            Admission::TooManyRequests => {
                let status = match self.throttling {
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

    /// Issues a token and counts it, if it is a new one.
    pub(crate) fn issue(&mut self, id: &str, issue: Issue) -> Option<Token> {
        let now = self.clock.now();
        let before = self.platform.minted();
        let token = self.platform.issue(id, issue, now);
        self.issued += self.platform.minted() - before;
        token
    }

    /// Any call but the token's: both headers, and the token's life.
    fn business_call(&mut self, request: &Received) -> Reply {
        if let Err(refusal) = check_platform(request) {
            return refusal;
        }
        let mut values = request.values("authorization");
        let token = match (values.next(), values.next()) {
            (Some(value), None) => value.strip_prefix("Bearer "),
            _ => None,
        };
        let now = self.clock.now();
        let message = match token.map(|token| self.platform.judge(token, now)) {
            Some(Ok(())) => {
                let data = json!({
                    "uid": 1_814_435_971_u32,
                    "nickname": "emulator",
                    "spaceUsed": 0,
                    "spacePermanent": 2_199_023_255_552_u64,
                });
                let envelope = Envelope::granted(data, &self.traces.trace_id());
                return Reply::json(200, envelope.to_json());
            }
            None => "access Token Invalid",
            Some(Err(Verdict::Unknown)) => "access_token无效",
            Some(Err(Verdict::Over)) => "token is expired",
            Some(Err(Verdict::Evicted)) => "tokens number has exceeded the limit",
        };
        let status = match self.rejection {
            Rejection::Http200 => 200,
            Rejection::Http401 => 401,
        };
        self.refuse(status, 401, message)
    }

    /// Where redirects lead: a grant that looks good, of a token that was never issued.
    fn trap(&mut self) -> Reply {
        self.redirects_followed += 1;
        let data = json!({
            "accessToken": "eyJ0cmFwIjp0cnVlfQ.eyJ0cmFwIjp0cnVlfQ.dHJhcA",
            "expiredAt": "2099-01-01T00:00:00+08:00",
        });
        let envelope = Envelope::granted(data, &self.traces.trace_id());
        Reply::json(200, envelope.to_json())
    }

    fn refuse(&mut self, status: u16, code: i64, message: &str) -> Reply {
        let envelope = Envelope::refused(code, message, &self.traces.trace_id());
        Reply::json(status, envelope.to_json())
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

/// The header that every call of the platform carries. \[doc\]
fn check_platform(request: &Received) -> Result<(), Reply> {
    let mut values = request.values("platform");
    let right = values.next() == Some("open_platform") && values.next().is_none();
    right.then_some(()).ok_or_else(no_platform)
}

/// Whether the body is announced as JSON, with any parameters.
fn is_json(request: &Received) -> bool {
    let mut values = request.values("content-type");
    let Some(value) = values.next() else {
        return false;
    };
    let essence = value.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json") && values.next().is_none()
}

/// \[seen\]
fn no_platform() -> Reply {
    fixed(r#"{"code":1,"message":"Please include the platform field in the request header"}"#)
}

fn fixed(json: &str) -> Reply {
    Reply::json(200, json.as_bytes().to_vec())
}

/// JSON as Kong writes it by itself. \[inferred\]
fn gateway(status: u16, message: &str) -> Reply {
    Reply::json(status, json!({ "message": message }).to_string().into())
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

/// Marks a message whose wording is not the platform's.
fn assumed(message: &str) -> String {
    format!("{message} (code and text assumed by the emulator)")
}
