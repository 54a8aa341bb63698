//! nginx behind a relay that goes deaf: HTTP/2 calls, and how soon they find another connection.

use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Empty};
use pan123_emulator::Emulator;
use pan123_token_hyper::service::Service;
use pan123_token_hyper::{Bytes, http::Request, http::Version};
use pan123_token_support::fault_proxy::{Fault, FaultProxy};
use pan123_token_tests::adapters::block_on;

use crate::hyper_client;
use crate::nginx::{Listener, Nginx};

/// How long a caller of this test waits for a call.
const PATIENCE: Duration = Duration::from_secs(5);

#[test]
#[ignore = "needs nginx; takes 20 s"]
fn calls_on_a_deaf_http_2_connection_recover_after_20_seconds() {
    let emulator = Emulator::builder().rate(None).start().unwrap();
    let nginx = Nginx::start(&emulator, &emulator);
    let relay = FaultProxy::start(nginx.address(Listener::Http2Tls13), Fault::None);
    let client = hyper_client(Some(nginx.ca_pem()));
    let call = async || {
        let url = format!("https://{}/api/v1/user/info", relay.address());
        let request = Request::get(url).body(Empty::<Bytes>::new()).unwrap();
        let reply = (&mut &client).call(request).await.ok()?;
        assert_eq!(reply.version(), Version::HTTP_2);
        reply.into_body().collect().await.ok()
    };
    block_on(async {
        call().await.unwrap();
        relay.deafen();
        let begun = Instant::now();
        let mut failed = 0;
        while !matches!(tokio::time::timeout(PATIENCE, call()).await, Ok(Some(_))) {
            failed += 1;
            assert!(failed < 10);
        }
        let recovered = begun.elapsed();
        println!("recovered after {recovered:?} and {failed} calls");
        assert!(recovered < Duration::from_secs(22), "{recovered:?}");
    });
    assert_eq!(relay.connections(), 2);
}
