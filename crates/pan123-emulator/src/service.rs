//! The emulator's state, and which part of it answers a request.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, SystemTime};

use serde_json::json;

use crate::admin;
use crate::clock::{Clock, http_date};
use crate::fault::Fault;
use crate::mint::Mint;
use crate::platform::{Issue, Platform, Rules, Token};
use crate::received::{Log, Received};
use crate::reply::{Envelope, Reply};
use crate::route::{Handler, Routes};
use crate::upload::Uploads;

/// The token endpoint's path. \[doc\]
pub(crate) const TOKEN_PATH: &str = "/api/v1/access_token";
/// An API call's path. \[doc\]
const USER_INFO_PATH: &str = "/api/v1/user/info";
/// Where `redirect:STATUS` leads. Nothing of the platform's is there.
pub(crate) const TRAP_PATH: &str = "/redirected";

/// The code for a body that is not as documented, or not announced as JSON: **assumed**, the platform's is not known.
pub const ASSUMED_CODE_BAD_REQUEST: i64 = 990_400;
/// The code for an unknown client or a wrong secret: **assumed**, neither code nor text was found anywhere.
pub const ASSUMED_CODE_BAD_CREDENTIALS: i64 = 990_401;

/// How a rate-limited token request is answered. An example is with [`Builder`](crate::Builder).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Throttling {
    /// HTTP status 200, and the code 429 in the body, which is documented. The status isn't.
    #[default]
    Http200,
    /// HTTP status 429, as others report, and the same body.
    Http429,
}

/// How an API call is answered that is refused for its token. An example is with [`Builder`](crate::Builder).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rejection {
    /// HTTP status 200, and the code 401 in the body, which is documented. The status isn't.
    #[default]
    Http200,
    /// HTTP status 401, and the same body. Both have been seen.
    Http401,
}

/// The two ports, each an origin of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The token endpoint and all API calls but the following.
    Api,
    /// The calls that carry a file's bytes.
    Upload,
}

/// What to do about a request.
pub(crate) enum Answer {
    /// Send this, after this delay.
    Reply(Duration, Reply),
    /// Ask a handler, without the lock on the service, and send what [`Service::handled`] makes of its reply.
    Handle(Handler, Received),
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

/// What the builder sets. A reset begins from it anew.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) clients: Vec<(String, String)>,
    pub(crate) rules: Rules,
    pub(crate) rejection: Rejection,
    pub(crate) throttling: Throttling,
    pub(crate) script: Vec<Fault>,
    pub(crate) always: Fault,
    /// What the clock shows at the start; `None` is the host's time.
    pub(crate) clock: Option<SystemTime>,
    pub(crate) frozen: bool,
    /// `None` is a new one at each start and reset.
    pub(crate) seed: Option<u64>,
    pub(crate) prefix: String,
    pub(crate) slice_size: u64,
    pub(crate) routes: Routes,
    /// The upload host, as replies name it.
    pub(crate) upload_url: String,
}

/// The emulator's whole state but for its sockets.
pub(crate) struct Service {
    pub(crate) settings: Settings,
    pub(crate) platform: Platform,
    pub(crate) clock: Clock,
    pub(crate) script: VecDeque<Fault>,
    pub(crate) always: Fault,
    pub(crate) uploads: Uploads,
    pub(crate) traces: Mint,
    pub(crate) log: Log,
    pub(crate) token_requests: usize,
    pub(crate) issued: usize,
    pub(crate) redirects_followed: usize,
}

impl Service {
    pub(crate) fn new(settings: Settings) -> Self {
        let seed = settings
            .seed
            .unwrap_or_else(|| RandomState::new().hash_one("pan123-emulator"));
        let start = settings.clock.unwrap_or_else(SystemTime::now);
        Self {
            platform: Platform::new(settings.clients.clone(), settings.rules.clone(), seed),
            clock: Clock::starting_at(start, settings.frozen),
            script: settings.script.clone().into(),
            always: settings.always.clone(),
            uploads: Uploads::default(),
            // Another sequence than the tokens'.
            traces: Mint::new(!seed),
            log: Log::default(),
            token_requests: 0,
            issued: 0,
            redirects_followed: 0,
            settings,
        }
    }

    /// Normal service from now on.
    pub(crate) fn clear_faults(&mut self) {
        self.script.clear();
        self.always = Fault::Normal;
    }

    /// Forgets everything that happened since the start.
    pub(crate) fn reset(&mut self) {
        *self = Self::new(self.settings.clone());
    }

    /// Answers a request for this path and records it.
    pub(crate) fn answer(
        &mut self,
        origin: Origin,
        path: &str,
        request: Received,
        reading: Reading,
    ) -> Answer {
        if origin == Origin::Api && path.starts_with(admin::PREFIX) {
            let reply = admin::answer(self, path, &request, reading);
            return self.dated(reply).into();
        }
        let mut answer = match origin {
            Origin::Api => self.api(path, &request, reading),
            Origin::Upload => self.upload(path, &request, reading).into(),
        };
        if let Answer::Reply(delay, reply) = answer {
            answer = Answer::Reply(delay, self.dated(reply));
        }
        self.log.push(request);
        answer
    }

    fn api(&mut self, path: &str, request: &Received, reading: Reading) -> Answer {
        let Some(path) = path.strip_prefix(&*self.settings.prefix) else {
            return no_route().into();
        };
        if request.method == "POST" && path == TOKEN_PATH {
            self.token_requests += 1;
            return match unreadable(reading) {
                Some(refusal) => refusal.into(),
                None => self.token_call(request),
            };
        }
        if let Some(handler) = self.settings.routes.find(path) {
            return match self
                .authorize(request)
                .err()
                .or_else(|| unreadable(reading))
            {
                Some(refusal) => refusal.into(),
                None => Answer::Handle(handler, request.clone()),
            };
        }
        match (request.method.as_str(), path) {
            ("GET", USER_INFO_PATH) => self.user_info(request).into(),
            (_, TRAP_PATH) => self.trap().into(),
            _ => match self.upload_call(path, request, reading) {
                Some(reply) => reply.into(),
                None => no_route().into(),
            },
        }
    }

    /// Issues a token and counts it, if it is a new one.
    pub(crate) fn issue(&mut self, id: &str, issue: Issue) -> Option<Token> {
        let now = self.clock.now();
        let before = self.platform.minted();
        let token = self.platform.issue(id, issue, now);
        self.issued += self.platform.minted() - before;
        token
    }

    /// Where redirects lead: a grant that looks good, of a token that was never issued.
    fn trap(&mut self) -> Reply {
        self.redirects_followed += 1;
        self.grant_data(json!({
            "accessToken": "eyJ0cmFwIjp0cnVlfQ.eyJ0cmFwIjp0cnVlfQ.dHJhcA",
            "expiredAt": "2099-01-01T00:00:00+08:00",
        }))
    }

    /// Code 0 with this data.
    pub(crate) fn grant_data(&mut self, data: serde_json::Value) -> Reply {
        let envelope = Envelope::granted(data, &self.trace_id());
        Reply::json(200, envelope.to_json())
    }

    /// Another code, with `data` null.
    pub(crate) fn refuse(&mut self, status: u16, code: i64, message: &str) -> Reply {
        let envelope = Envelope::refused(code, message, &self.trace_id());
        Reply::json(status, envelope.to_json())
    }

    /// The refusal of a request that is not as documented.
    pub(crate) fn bad_request(&mut self, message: &str) -> Reply {
        self.refuse(200, ASSUMED_CODE_BAD_REQUEST, &assumed(message))
    }

    pub(crate) fn trace_id(&mut self) -> String {
        self.traces.trace_id()
    }

    /// The reply with the clock's `Date`, unless it has its own or none by script.
    pub(crate) fn dated(&self, reply: Reply) -> Reply {
        if reply.dated {
            reply
        } else {
            reply.with("date", http_date(self.clock.now()))
        }
    }
}

/// The refusal of a body that was not read to its end.
pub(crate) fn unreadable(reading: Reading) -> Option<Reply> {
    match reading {
        Reading::Complete => None,
        Reading::TooLarge => Some(gateway(413, "Request size limit exceeded")),
        Reading::TooSlow => Some(gateway(408, "Request body timeout")),
    }
}

/// JSON as Kong writes it by itself. \[inferred\]
pub(crate) fn gateway(status: u16, message: &str) -> Reply {
    Reply::json(status, json!({ "message": message }).to_string().into())
}

/// Kong's own words for it. \[inferred\]
pub(crate) fn no_route() -> Reply {
    gateway(404, "no Route matched with those values")
}

/// Marks a message whose wording is not the platform's.
pub(crate) fn assumed(message: &str) -> String {
    format!("{message} (code and text assumed by the emulator)")
}
