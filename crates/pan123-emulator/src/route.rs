//! API paths that a test adds: their handlers, and what these answer.

use std::sync::Arc;

use serde_json::Value;

use crate::received::Received;
use crate::reply::Reply;
use crate::service::{Service, gateway};

/// What a handler of [`Builder::route`](crate::Builder::route) answers an API call. An example is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiReply(Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Data(String),
    Refused(i64, String),
    Raw {
        status: u16,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
    },
}

impl ApiReply {
    /// HTTP status 200 and an envelope with code 0, a trace id, and this JSON as its `data`, such as
    /// `{"fileID":7}` or `null`. What is no JSON gets the client a 500 that says so.
    pub fn data(json: impl Into<String>) -> Self {
        Self(Kind::Data(json.into()))
    }

    /// HTTP status 200 and an envelope with this code and message, a trace id, and `data` null.
    pub fn refused(code: i64, message: impl Into<String>) -> Self {
        Self(Kind::Refused(code, message.into()))
    }

    /// Any reply: an HTTP status from 200 to 999, names and values of headers, and a body. A `Date` is added unless there
    /// is one. What HTTP can't carry gets the client a 500 that says so.
    pub fn raw(status: u16, headers: Vec<(String, String)>, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        Self(Kind::Raw {
            status,
            headers,
            body,
        })
    }
}

/// A function that answers the calls of one path.
pub(crate) type Handler = Arc<dyn Fn(&Received) -> ApiReply + Send + Sync>;

/// Paths without the prefix, and their handlers.
#[derive(Clone, Default)]
pub(crate) struct Routes(Vec<(String, Handler)>);

impl Routes {
    pub(crate) fn add(&mut self, path: String, handler: Handler) {
        self.0.push((path, handler));
    }

    /// The handler that was added last, if there are several.
    pub(crate) fn find(&self, path: &str) -> Option<Handler> {
        let mut routes = self.0.iter().rev();
        let (_, handler) = routes.find(|(route, _)| route == path)?;
        Some(Arc::clone(handler))
    }

    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(path, _)| path.as_str())
    }
}

impl Service {
    /// A handler's reply as it is sent.
    pub(crate) fn handled(&mut self, reply: ApiReply) -> Reply {
        let reply = match reply.0 {
            Kind::Data(json) => match serde_json::from_str::<Value>(&json) {
                Ok(data) => self.grant_data(data),
                Err(_) => gateway(500, "the data of a route's reply is not JSON"),
            },
            Kind::Refused(code, message) => self.refuse(200, code, &message),
            Kind::Raw {
                status,
                headers,
                body,
            } => Reply::raw(status, headers, body),
        };
        self.dated(reply)
    }
}
