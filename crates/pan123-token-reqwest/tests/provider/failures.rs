//! What is said when something fails, and what is never said.

use std::error::Error;
use std::io;
use std::net::TcpListener;
use std::time::Duration;

use pan123_emulator::{CLIENT_ID, Emulator, Fault};
use pan123_token_reqwest::{
    Credentials, ErrorKind, Failure, FetchError, GetAccessToken, SendError, TokenError,
    TokenProvider, fetch,
};

use crate::server::{Server, write};
use crate::{builder, client, clock, provider, user_info};

/// A port that refuses.
fn refusing_url() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

fn io_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a io::Error> {
    error.downcast_ref().or_else(|| io_error(error.source()?))
}

fn operation(url: &str) -> GetAccessToken {
    let credentials = Credentials::new("id", "SENTINEL-secret").unwrap();
    GetAccessToken::new(credentials).with_base_url(url.parse().unwrap())
}

#[tokio::test]
async fn a_wrong_secret_is_a_refusal_that_shows_no_secret() {
    let emulator = Emulator::builder().start().unwrap();
    let credentials = Credentials::new(CLIENT_ID, "SENTINEL-secret").unwrap();
    let provider = TokenProvider::builder(credentials).base_url(emulator.url().parse().unwrap());
    assert!(!format!("{provider:?}").contains("SENTINEL"));
    let provider = provider.build().unwrap();
    let request = client().get(user_info(&emulator));
    let error = provider.send(request).await.unwrap_err();
    let SendError::Token(token_error) = &error else {
        panic!("{error}")
    };
    let failure = token_error.failure().unwrap();
    assert!(!failure.is_retryable());
    let text = error.to_string();
    assert!(
        text.starts_with("no access token for the call: the platform refused"),
        "{text}"
    );
    assert_eq!(error.source().unwrap().to_string(), token_error.to_string());
    for shown in [text, format!("{error:?}"), format!("{provider:?}")] {
        assert!(
            !shown.contains("SENTINEL") && !shown.contains('\n'),
            "{shown}"
        );
    }
    // The call itself was not made.
    assert_eq!(emulator.requests().len(), 1);
}

#[tokio::test]
async fn a_refused_connection_leads_to_the_io_error_and_shows_no_query() {
    let emulator = Emulator::builder().start().unwrap();
    let provider = provider(&emulator.url());
    let url = refusing_url();
    let request = client().get(format!("{url}/file?signature=SENTINEL"));
    let error = provider.send(request).await.unwrap_err();
    let text = error.to_string();
    let start = format!("error sending request for url ({url}/file): ");
    assert!(text.starts_with(&start), "{text}");
    let cause = io_error(&error).unwrap();
    assert_eq!(cause.kind(), io::ErrorKind::ConnectionRefused);
    assert!(text.ends_with(&cause.to_string()), "{text}");
    assert!(!format!("{text} {error:?}").contains("SENTINEL"));
    assert!(matches!(error, SendError::Http(error) if error.is_connect()));
}

#[tokio::test]
async fn a_url_that_is_none_is_the_clients_error() {
    let emulator = Emulator::builder().start().unwrap();
    let provider = provider(&emulator.url());
    for url in ["not a url", "ftp://host/"] {
        let error = provider.send(client().get(url)).await.unwrap_err();
        assert!(matches!(error, SendError::Http(error) if error.is_builder()));
    }
}

#[tokio::test]
async fn a_platform_that_takes_too_long_is_a_timeout() {
    let emulator = Emulator::builder();
    let emulator = emulator
        .always(Fault::Delay(Duration::from_secs(20)))
        .start()
        .unwrap();
    let limit = Duration::from_millis(200);
    let provider = builder(&emulator.url(), &clock())
        .timeout(limit)
        .build()
        .unwrap();
    let error = provider.token().await.unwrap_err();
    // The exchange's time and the caller's are the same.
    let by_exchange = matches!(
        error.failure(),
        Some(Failure::Fetch(FetchError::Timeout(time))) if *time == limit
    );
    assert!(
        by_exchange || error == TokenError::TimedOut(limit),
        "{error}"
    );

    let patient = crate::provider(&emulator.url());
    let error = patient.token_within(limit).await.unwrap_err();
    assert_eq!(error, TokenError::TimedOut(limit));
    let error = fetch(&client(), &operation(&emulator.url()), limit)
        .await
        .unwrap_err();
    assert_eq!(error, FetchError::Timeout(limit));
}

#[tokio::test]
async fn the_kind_of_an_error_says_how_far_the_exchange_got() {
    let limit = Duration::from_secs(5);
    let fail = async |url: &str| fetch(&client(), &operation(url), limit).await.unwrap_err();

    let refused = fail(&refusing_url()).await;
    assert!(matches!(refused, FetchError::Connect(_)), "{refused}");
    // This build of reqwest has no TLS.
    let no_tls = fail("https://127.0.0.1:1").await;
    assert!(matches!(no_tls, FetchError::Connect(_)), "{no_tls}");

    let emulator = Emulator::builder().start().unwrap();
    let with = async |fault: Fault| {
        emulator.inject(fault);
        fail(&emulator.url()).await
    };
    assert_eq!(with(Fault::Reset).await.kind(), "body");
    assert_eq!(with(Fault::Close).await.kind(), "body");
    assert_eq!(
        with("status:503".parse().unwrap()).await.kind(),
        "unavailable"
    );
    let limited = with("retry-after:7".parse().unwrap()).await;
    assert_eq!(limited.retry_after(), Some(Duration::from_secs(7)));
    let echoed = with("echo".parse().unwrap()).await;
    assert!(!echoed.to_string().contains("SENTINEL"), "{echoed}");
}

#[tokio::test]
async fn a_reply_is_read_up_to_its_limit_and_classified_by_its_status_where_it_breaks_off() {
    let emulator = Emulator::builder().start().unwrap();
    emulator.inject("oversize:1000000".parse().unwrap());
    let operation = |url: &str| {
        let credentials = Credentials::new(CLIENT_ID, pan123_emulator::CLIENT_SECRET).unwrap();
        GetAccessToken::new(credentials).with_base_url(url.parse().unwrap())
    };
    let limit = Duration::from_secs(5);
    let error = fetch(&client(), &operation(&emulator.url()), limit)
        .await
        .unwrap_err();
    assert_eq!(error.response().unwrap().kind(), ErrorKind::TooLarge);
    emulator.inject("truncate".parse().unwrap());
    let error = fetch(&client(), &operation(&emulator.url()), limit)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), "body");
    emulator.inject("drip:1ms".parse().unwrap());
    let grant = fetch(&client(), &operation(&emulator.url()), limit)
        .await
        .unwrap();
    assert!(
        emulator
            .live_tokens(CLIENT_ID)
            .contains(&grant.token.secret().to_owned())
    );

    let reply = "HTTP/1.1 429 x\r\ncontent-length: 50\r\n\r\n{\"code\":";
    let server = Server::start(move |_, stream| write(stream, reply));
    let error = fetch(&client(), &operation(&server.url()), limit)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), "rate_limited");
}
