//! Gets one token and drops everything, for a test that looks into this process's memory from outside.
//!
//! `one_exchange ADAPTER BASE_URL [CA_FILE]`; the client secret comes on stdin, so that it stands neither among the arguments nor
//! in the environment. It says `held` and `dropped`, and after each waits for a byte.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a panic is how a test reports"
)]

use std::env;
use std::fs::{self, File};
use std::io::Read;

use pan123_token::{BaseUrl, Credentials};
use pan123_token_tests::adapters::{SECRET_BYTES, block_on};
use zeroize::Zeroizing;

fn main() {
    let mut arguments = env::args().skip(1);
    let adapter = arguments.next().unwrap();
    let base_url: BaseUrl = arguments.next().unwrap().parse().unwrap();
    let authority = arguments.next().map(|path| fs::read(path).unwrap());
    // Not the standard library's stdin, whose buffer keeps what it read.
    let mut stdin = File::open("/dev/stdin").unwrap();
    let mut pause = move |what: &str| {
        println!("{what}");
        stdin.read_exact(&mut [0]).unwrap();
    };
    let credentials = credentials();
    let (authority, held) = (authority.as_deref(), || pause("held"));
    match adapter.as_str() {
        "hyper" => hyper(credentials, base_url, authority, held),
        "ureq" => ureq(credentials, base_url, authority, held),
        "reqwest" => reqwest(credentials, base_url, held),
        _ => panic!("an adapter"),
    }
    pause("dropped");
}

fn credentials() -> Credentials {
    let mut secret = Zeroizing::new(vec![0; SECRET_BYTES]);
    File::open("/dev/stdin")
        .unwrap()
        .read_exact(&mut secret)
        .unwrap();
    Credentials::new("one-exchange", str::from_utf8(&secret).unwrap()).unwrap()
}

fn hyper(
    credentials: Credentials,
    base_url: BaseUrl,
    authority: Option<&[u8]>,
    held: impl FnOnce(),
) {
    use pan123_token_hyper::{Client, TokenProvider};

    let builder = TokenProvider::builder(credentials).base_url(base_url);
    let provider = match authority {
        Some(pem) => {
            let client = Client::builder().no_proxy().ca_pem(pem).unwrap();
            builder.client(client.build().unwrap()).build().unwrap()
        }
        // The bundled client, on a thread of its own.
        None => builder.build().unwrap(),
    };
    block_on(async {
        let token = provider.token().await.unwrap();
        held();
        drop((token, provider));
    });
}

fn ureq(
    credentials: Credentials,
    base_url: BaseUrl,
    authority: Option<&[u8]>,
    held: impl FnOnce(),
) {
    use pan123_token_ureq::{AgentBuilder, TokenProvider};

    let builder = TokenProvider::builder(credentials).base_url(base_url);
    let provider = match authority {
        Some(pem) => {
            let agent = AgentBuilder::default().no_proxy().ca_pem(pem).unwrap();
            builder.agent(agent.build().unwrap()).build().unwrap()
        }
        None => builder.build().unwrap(),
    };
    let token = provider.token().unwrap();
    held();
    drop((token, provider));
}

fn reqwest(credentials: Credentials, base_url: BaseUrl, held: impl FnOnce()) {
    let provider = pan123_token_reqwest::TokenProvider::builder(credentials)
        .base_url(base_url)
        .build()
        .unwrap();
    block_on(async {
        let token = provider.token().await.unwrap();
        held();
        drop((token, provider));
    });
}
