//! What an exchange and an API call cost beside the bare agent, in instructions and allocations:
//! `cargo bench -p pan123-token-ureq --bench calls` (needs valgrind).
//!
//! Each scene runs in a process of its own under callgrind, once with 100 and once with 1,100 rounds; the difference of
//! the two, divided by 1,000, is the cost of one round. The agent is ureq's with all its HTTP; in place of a connection there
//! is a platform that answers at once.
#![allow(missing_docs, reason = "a program of its own")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a panic is how a benchmark reports"
)]

use std::env;
use std::process::Command;
use std::time::Duration;

use allocation_counter::measure;
use pan123_token_ureq::http::{Request, Response, Uri};
use pan123_token_ureq::pan123_token::MAX_RESPONSE_BYTES;
use pan123_token_ureq::ureq::config::Config;
use pan123_token_ureq::ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use pan123_token_ureq::ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport,
};
use pan123_token_ureq::ureq::{Agent, Error};
use pan123_token_ureq::{Credentials, GetAccessToken, TokenProvider, fetch};

const SCENES: [&str; 4] = ["bare call", "call", "bare exchange", "fetch"];

const GRANT: &str = r#"{"code":0,"message":"ok","data":{"accessToken":"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJleHAiOjE3NDI3MTYxMTcsImlhdCI6MTc0MDEyNDExNywiaWQiOjE4MTQ0MzU5NTUsIm1haWwiOiIiLCJuaWNrbmFtZSI6InVzZXIiLCJ1c2VybmFtZSI6IjE4ODg4ODg4ODg4IiwidiI6MH0.c2lnbmF0dXJlLW9mLXRoaXJ0eS10d28tYnl0ZXMtaW4","expiredAt":"2100-03-23T15:48:37+08:00"},"x-traceID":"16f60c4d-f022-42d3-b3df-85d1fe2a3ac5_kong-db-5898fdd8c6-wgsts"}"#;
const USER: &str = r#"{"code":0,"message":"ok","data":{"uid":1814435955,"username":"user","spaceUsed":1,"vip":false},"x-traceID":"16f60c4d-f022-42d3-b3df-85d1fe2a3ac5_kong-db-5898fdd8c6-wgsts"}"#;

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

/// One round of a scene.
fn scene(name: &str) -> Box<dyn FnMut()> {
    let config = Agent::config_builder().proxy(None).build();
    let agent = Agent::with_parts(config, Platform, Platform);
    let credentials = || Credentials::new("id", "secret").unwrap();
    let base_url = "http://127.0.0.1:9".parse().unwrap();
    let operation = GetAccessToken::new(credentials()).with_base_url(base_url);
    match name {
        "bare call" => Box::new(move || {
            let request = agent.configure_request(Request::get(API).body(()).unwrap());
            let request = request.http_status_as_error(false).build();
            read(agent.run(request).unwrap().into_body().read_to_vec());
        }),
        "call" => {
            let provider = TokenProvider::builder(credentials())
                .base_url("http://127.0.0.1:9".parse().unwrap())
                .agent(agent.clone())
                .build()
                .unwrap();
            Box::new(move || {
                let request = Request::get(API).body("").unwrap();
                let response = provider.call(&agent, request).unwrap();
                read(response.into_body().read_to_vec());
            })
        }
        "bare exchange" => Box::new(move || {
            let request = agent.configure_request(operation.request());
            let request = request
                .http_status_as_error(false)
                .timeout_global(Some(MINUTE));
            let (head, body) = agent.run(request.build()).unwrap().into_parts();
            let limited = body.into_with_config().limit(MAX_RESPONSE_BYTES as u64);
            let response = Response::from_parts(head, limited.read_to_vec().unwrap());
            drop(operation.parse_response(&response).unwrap());
        }),
        "fetch" => Box::new(move || drop(fetch(&agent, &operation, MINUTE).unwrap())),
        _ => panic!("no scene {name}"),
    }
}

fn read(body: Result<Vec<u8>, Error>) {
    assert_eq!(body.unwrap().len(), USER.len());
}

fn main() {
    let arguments: Vec<_> = env::args().collect();
    if let Some(name) = arguments.get(1).filter(|it| SCENES.contains(&it.as_str())) {
        let rounds: usize = arguments[2].parse().unwrap();
        let mut round = scene(name);
        (0..rounds).for_each(|_| round());
        return;
    }
    println!(
        "{:24}{:>14}{:>14}{:>10}",
        "", "instructions", "allocations", "bytes"
    );
    for name in SCENES {
        let mut round = scene(name);
        (0..3).for_each(|_| round());
        let one = measure(&mut round);
        println!(
            "{name:24}{:>14}{:>14}{:>10}",
            (instructions(name, 1_100) - instructions(name, 100)) / 1_000,
            one.count_total,
            one.bytes_total
        );
    }
}

fn instructions(scene: &str, rounds: u32) -> u64 {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(env::current_exe().unwrap())
        .args([scene, &rounds.to_string()])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    let line = text.lines().find(|line| line.contains("Collected : "));
    let count = line.and_then(|line| line.rsplit(' ').next()?.parse().ok());
    count.unwrap_or_else(|| panic!("{text}"))
}
