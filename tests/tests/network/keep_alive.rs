//! A gateway that closes connections between calls, as they are idle.

use std::thread;
use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use pan123_emulator::Emulator;
use pan123_token_hyper::service::Service;
use pan123_token_hyper::{Bytes, http::Request};

use crate::nginx::{Listener, Nginx};
use crate::{hyper_client, reqwest_client, ureq_agent};
use pan123_token_tests::adapters::block_on;

const CALLS: usize = 3;
/// nginx closes after 100 ms.
const PAUSE: Duration = Duration::from_millis(300);

#[test]
#[ignore = "needs nginx"]
fn calls_whose_connection_was_closed_meanwhile_get_another() {
    let emulator = Emulator::builder().rate(None).start().unwrap();
    let nginx = Nginx::start(&emulator, &emulator);
    let url = format!("{}/api/v1/user/info", nginx.url(Listener::ShortKeepAlive));

    let client = hyper_client(Some(nginx.ca_pem()));
    block_on(async {
        for _ in 0..CALLS {
            let request = Request::get(&url).body(Empty::<Bytes>::new()).unwrap();
            let reply = (&mut &client).call(request).await.unwrap();
            reply.into_body().collect().await.unwrap();
            tokio::time::sleep(PAUSE).await;
        }
    });
    assert_eq!(nginx.requests().len(), CALLS, "hyper");

    let agent = ureq_agent(Some(nginx.ca_pem()));
    for _ in 0..CALLS {
        let mut reply = agent.get(&url).call().unwrap();
        reply.body_mut().read_to_string().unwrap();
        thread::sleep(PAUSE);
    }
    assert_eq!(nginx.requests().len(), CALLS, "ureq");

    let client = reqwest_client();
    let url = format!("{}/api/v1/user/info", nginx.url(Listener::Plain));
    block_on(async {
        for _ in 0..CALLS {
            client
                .get(&url)
                .send()
                .await
                .unwrap()
                .bytes()
                .await
                .unwrap();
            tokio::time::sleep(PAUSE).await;
        }
    });
    assert_eq!(nginx.requests().len(), CALLS, "reqwest");
}
