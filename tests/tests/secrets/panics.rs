//! Clients that panic, with what they were to send in the panic's payload.

use std::convert::Infallible;

use http_body_util::BodyExt;
use pan123_token::{Credentials, FetchError};
use pan123_token_cache::{Failure, TokenError};
use pan123_token_hyper::http::{Request, Response};
use pan123_token_hyper::{Bytes, Full};
use pan123_token_tests::adapters::block_on;
use pan123_token_tests::pieces::Pieces;

use crate::shown::Shown;
use crate::{ID, SECRET};

fn credentials() -> Credentials {
    Credentials::new(ID, SECRET).unwrap()
}

#[test]
fn a_client_that_panics_with_the_request_shows_no_secret() {
    let shown = Shown::default();

    let client = tower::service_fn(async |request: Request<Full<Bytes>>| {
        let body = request.into_body().collect().await?.to_bytes();
        assert!(
            body.is_empty(),
            "unexpected: {}",
            String::from_utf8_lossy(&body)
        );
        Ok::<Response<Full<Bytes>>, Infallible>(Response::default())
    });
    let listener = shown.clone();
    let provider = pan123_token_hyper::TokenProvider::builder(credentials())
        .client(client)
        .on_event(move |event| listener.add_event(event))
        .build()
        .unwrap();
    let on_hyper = block_on(provider.token()).unwrap_err();
    shown.add(&provider);

    let agent = ureq::Agent::config_builder()
        .middleware(
            |_: Request<ureq::SendBody<'_>>, _: ureq::middleware::MiddlewareNext<'_>| {
                panic!(r#"unexpected: {{"clientSecret":"{SECRET}"}}"#)
            },
        )
        .build()
        .new_agent();
    let listener = shown.clone();
    let provider = pan123_token_ureq::TokenProvider::builder(credentials())
        .agent(agent)
        .on_event(move |event| listener.add_event(event))
        .build()
        .unwrap();
    let on_ureq = provider.token().unwrap_err();
    shown.add(&provider);

    for error in [on_hyper, on_ureq] {
        let TokenError::Renewal { failure, .. } = &error else {
            panic!("{error}");
        };
        assert!(
            matches!(failure, Failure::Fetch(FetchError::Panicked(_))),
            "{failure:?}"
        );
        assert!(error.to_string().contains("unexpected"), "{error}");
        shown.add_error(&error);
    }
    let secrets = Pieces::of([SECRET]);
    for (what, text) in shown.texts() {
        assert_eq!(secrets.find(text.as_bytes()), None, "{what}: {text}");
    }
}
