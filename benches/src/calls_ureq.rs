//! An API call and an exchange with ureq, all of whose HTTP takes part; in place of a connection there is a platform that
//! answers at once.

use std::time::Duration;

use pan123_token_ureq::http::{Request, Response, Uri};
use pan123_token_ureq::pan123_token::MAX_RESPONSE_BYTES;
use pan123_token_ureq::ureq::config::Config;
use pan123_token_ureq::ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use pan123_token_ureq::ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport,
};
use pan123_token_ureq::ureq::{Agent, Error};
use pan123_token_ureq::{BaseUrl, Credentials, GetAccessToken, TokenProvider, fetch};

use crate::calls::USER;
use crate::measure::{Group, Rounds, Scene, rounds};
use crate::operation::GRANT;

const API: &str = "http://127.0.0.1:9/api/v1/user/info";
const MINUTE: Duration = Duration::from_secs(60);

#[derive(Debug)]
struct Platform;

impl Resolver for Platform {
    fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let mut addresses = self.empty();
        addresses.push(([127, 0, 0, 1], 9).into());
        Ok(addresses)
    }
}

impl Connector for Platform {
    type Out = Connection;

    fn connect(
        &self,
        _: &ConnectionDetails<'_>,
        _: Option<()>,
    ) -> Result<Option<Connection>, Error> {
        Ok(Some(Connection {
            buffers: LazyBuffers::new(128 * 1024, 128 * 1024),
            request: Vec::new(),
        }))
    }
}

#[derive(Debug)]
struct Connection {
    buffers: LazyBuffers,
    request: Vec<u8>,
}

impl Transport for Connection {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, _: NextTimeout) -> Result<(), Error> {
        self.request
            .extend_from_slice(&self.buffers.output()[..amount]);
        Ok(())
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, Error> {
        let body = if self.request.starts_with(b"POST") {
            GRANT
        } else {
            USER
        };
        self.request.clear();
        let reply = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        self.buffers.input_append_buf()[..reply.len()].copy_from_slice(reply.as_bytes());
        self.buffers.input_appended(reply.len());
        Ok(true)
    }

    fn is_open(&mut self) -> bool {
        true
    }
}

fn agent() -> Agent {
    let config = Agent::config_builder().proxy(None).build();
    Agent::with_parts(config, Platform, Platform)
}

fn credentials() -> Credentials {
    Credentials::new("id", "secret").unwrap()
}

fn base_url() -> BaseUrl {
    "http://127.0.0.1:9".parse().unwrap()
}

fn operation() -> GetAccessToken {
    GetAccessToken::new(credentials()).with_base_url(base_url())
}

fn read(body: Result<Vec<u8>, Error>) {
    assert_eq!(body.unwrap().len(), USER.len());
}

fn bare_call() -> Rounds {
    let agent = agent();
    rounds(move || {
        let request = agent.configure_request(Request::get(API).body(()).unwrap());
        let request = request.http_status_as_error(false).build();
        read(agent.run(request).unwrap().into_body().read_to_vec());
    })
}

fn called() -> Rounds {
    let agent = agent();
    let provider = TokenProvider::builder(credentials())
        .base_url(base_url())
        .agent(agent.clone())
        .build()
        .unwrap();
    rounds(move || {
        let request = Request::get(API).body("").unwrap();
        let response = provider.call(&agent, request).unwrap();
        read(response.into_body().read_to_vec());
    })
}

pub fn api_call() -> Group {
    Group {
        title: "An API call, with ureq",
        scenes: vec![
            Scene {
                name: "bare: the agent alone",
                make: bare_call,
            },
            Scene {
                name: "`TokenProvider::call`, which also recognizes a rejection",
                make: called,
            },
        ],
    }
}

fn bare_exchange() -> Rounds {
    let (agent, operation) = (agent(), operation());
    rounds(move || {
        let request = agent.configure_request(operation.request());
        let request = request
            .http_status_as_error(false)
            .timeout_global(Some(MINUTE));
        let (head, body) = agent.run(request.build()).unwrap().into_parts();
        let limited = body.into_with_config().limit(MAX_RESPONSE_BYTES as u64);
        let response = Response::from_parts(head, limited.read_to_vec().unwrap());
        operation.parse_response(&response).unwrap()
    })
}

fn fetched() -> Rounds {
    let (agent, operation) = (agent(), operation());
    rounds(move || fetch(&agent, &operation, MINUTE).unwrap())
}

pub fn exchange() -> Group {
    Group {
        title: "An exchange with the token endpoint, with ureq",
        scenes: vec![
            Scene {
                name: "bare: the agent with a timeout, `parse_response`",
                make: bare_exchange,
            },
            Scene {
                name: "`fetch`",
                make: fetched,
            },
        ],
    }
}
