//! Which servers get the token.

use crate::server::{Server, json, write};
use crate::{Events, builder, client, clock};

const OK: &str = r#"{"code":0}"#;

fn ok() -> Server {
    Server::platform(|_, stream| write(stream, &json(200, OK)))
}

#[tokio::test]
async fn another_server_gets_no_token_which_is_an_event_once_for_each() {
    let (platform, other, third) = (ok(), ok(), ok());
    let events = Events::default();
    let builder = builder(&platform.url(), &clock()).on_event(events.listener());
    let provider = builder.build().unwrap();
    let call = async |url: &str| provider.send(client().get(url)).await.unwrap();

    // The same host on another port is another server.
    call(&format!("{}/a?signature=x", other.url())).await;
    call(&format!("{}/b", other.url())).await;
    call(&format!("{}/c", third.url())).await;
    // And so is another name of the same host.
    call(&format!("http://localhost:{}/d", platform.port())).await;
    assert_eq!(other.tokens(), [None, None]);
    assert_eq!(third.tokens(), [None]);
    assert_eq!(platform.tokens(), [None]);
    for call in other.calls().iter().chain(&third.calls()) {
        assert_eq!(call.header("platform"), None);
    }
    let unauthorized = [
        other.url(),
        third.url(),
        format!("http://localhost:{}", platform.port()),
    ];
    assert_eq!(events.unauthorized(), unauthorized);
    // Nothing waited for a token.
    assert!(provider.current().is_none());
}

#[tokio::test]
async fn an_origin_that_is_allowed_at_run_time_is_allowed_for_all_clones() {
    let (platform, upload) = (ok(), ok());
    let provider = builder(&platform.url(), &clock()).build().unwrap();
    let clone = provider.clone();
    let call = async || {
        let request = client()
            .post(format!("{}/slice", upload.url()))
            .body("bytes");
        clone.send(request).await.unwrap()
    };

    call().await;
    provider.allow_origin(&upload.url().parse().unwrap());
    call().await;
    assert_eq!(upload.tokens(), [None, Some("token-1".to_owned())]);
    assert_eq!(upload.calls()[1].header("platform"), Some("open_platform"));
    assert_eq!(upload.calls()[1].body, b"bytes");
    assert!(clone.origins().contains(&upload.url().parse().unwrap()));
}
