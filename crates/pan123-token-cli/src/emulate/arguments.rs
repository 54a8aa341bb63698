//! The options of `emulate`.

#![allow(
    clippy::doc_markdown,
    reason = "the comments on options are the text of --help"
)]

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{NonEmptyStringValueParser, RangedU64ValueParser};
use clap::{Args, ValueEnum};
use pan123_emulator::Fault;

use super::clients::Client;

#[derive(Args)]
#[command(after_help = after_help())]
pub(crate) struct Arguments {
    /// The address to listen on, such as 127.0.0.1:18080 or 0.0.0.0:18080, or a port of the loopback; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0", value_parser = parse_address)]
    pub(crate) listen: SocketAddr,

    /// The address of the upload host, which is another origin [default: a free port of the same IP address]
    #[arg(long, value_name = "ADDR", value_parser = parse_address)]
    pub(crate) upload_listen: Option<SocketAddr>,

    /// The name by which clients reach it, such as the name of its container [default: the address listened on]
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) host: Option<String>,

    /// Speak https only, and write the certificate to trust into this file
    #[arg(long, value_name = "PEM")]
    pub(crate) tls: Option<PathBuf>,

    /// A client to accept: ID, whose secret is made up and printed, or ID:SECRET, for secrets that ps may show. May be
    /// given again [default: one whose ID and secret are made up and printed]
    #[arg(long, value_name = "ID[:SECRET]", value_parser = Client::parse)]
    pub(crate) client: Vec<Client>,

    /// A file of clients to accept, each on a line of its own, as ID:SECRET or ID
    #[arg(long, value_name = "FILE")]
    pub(crate) clients_file: Option<PathBuf>,

    /// How long a token lives: 500ms, 90s, 5m, 3h, 30d
    #[arg(long, value_name = "DURATION", default_value = "90d", value_parser = parse_lifetime)]
    pub(crate) lifetime: Duration,

    /// Token requests per client ID and second; 0 is no limit
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) rate: u32,

    /// How many tokens of a client ID are alive at once
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = RangedU64ValueParser::<usize>::new().range(1..=1000))]
    pub(crate) max_tokens: usize,

    /// Which token goes when there are too many
    #[arg(long, value_enum, default_value_t = Order::Oldest)]
    pub(crate) eviction: Order,

    /// The HTTP status of API calls that are refused for their token; the code in the body is 401
    #[arg(long, value_name = "STATUS", default_value = "200", value_parser = ["200", "401"])]
    pub(crate) rejection: String,

    /// The HTTP status of token requests beyond the rate; the code in the body is 429
    #[arg(long, value_name = "STATUS", default_value = "200", value_parser = ["200", "429"])]
    pub(crate) throttling: String,

    /// The size of an upload's slices
    #[arg(long, value_name = "BYTES", default_value_t = 16_777_216, value_parser = clap::value_parser!(u64).range(1..=67_108_864))]
    pub(crate) slice_size: u64,

    /// What goes wrong with the next token request; more of them follow in order
    #[arg(long, value_name = "SPEC", value_parser = parse_fault)]
    pub(crate) fault: Vec<Fault>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Order {
    /// The one issued first
    Oldest,
    /// The one issued just before the new one
    NewestButOne,
    /// Any but the new one
    Random,
}

fn after_help() -> String {
    format!(
        "Its address is printed on stdout. GET /__admin/ there lists how to steer it over HTTP. It ends at SIGTERM or \
         SIGINT, with exit code 0.\n\
         \n\
         A stored token outlives the emulator that issued it: with a fixed port and a --client, use --store none.\n\
         \n\
         Examples:\n  \
           pan123-token emulate --listen 18080 --fault code:429 --fault delay:2s\n  \
           pan123-token emulate --tls ca.pem\n  \
           pan123-token emulate --listen 0.0.0.0:18080 --upload-listen 0.0.0.0:18081 --host emulator --client ci:test\n\
         \n\
         Faults:\n{}",
        Fault::list()
    )
}

fn parse_address(text: &str) -> Result<SocketAddr, &'static str> {
    let address = text.parse().ok();
    let port = || {
        text.parse()
            .ok()
            .map(|port| (Ipv4Addr::LOCALHOST, port).into())
    };
    address.or_else(port).ok_or(
        "an address and a port, such as 127.0.0.1:18080, or a port of the loopback, such as 18080",
    )
}

fn parse_lifetime(text: &str) -> Result<Duration, &'static str> {
    pan123_emulator::parse_duration(text)
        .ok()
        .filter(|lifetime| !lifetime.is_zero())
        .ok_or("a length of time above zero, such as 500ms, 90s, 5m, 3h or 30d")
}

fn parse_fault(text: &str) -> Result<Fault, &'static str> {
    text.parse()
        .map_err(|_| "no such fault; its help lists them")
}
