//! An API call with the token on it, and the exchange for one, with a service that answers at once.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};
use std::time::Duration;

use http_body_util::BodyExt;
use oauth2::basic::BasicClient;
use oauth2::{ClientId, ClientSecret, HttpRequest, TokenUrl};
use pan123_token_hyper::http::{Request, Response};
use pan123_token_hyper::pan123_token::MAX_RESPONSE_BYTES;
use pan123_token_hyper::service::Service;
use pan123_token_hyper::{AuthorizationLayer, Bytes, Credentials, Full, TokenProvider, fetch};
use tokio::runtime::{Builder, Runtime};
use tower::{Layer, ServiceExt};

use crate::measure::{Group, Rounds, Scene, rounds};
use crate::operation::{GRANT, OAUTH_GRANT, operation};

pub const USER: &str = r#"{"code":0,"message":"ok","data":{"uid":1814435955,"username":"user","spaceUsed":1,"vip":false},"x-traceID":"16f60c4d-f022-42d3-b3df-85d1fe2a3ac5_kong-db-5898fdd8c6-wgsts"}"#;

/// Answers at once.
#[derive(Clone)]
pub struct Platform;

impl Service<Request<Full<Bytes>>> for Platform {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        let token = request.uri().path().ends_with("access_token");
        let body = if token { GRANT } else { USER };
        let response = Response::builder()
            .header("content-type", "application/json")
            .body(Full::from(body));
        ready(Ok(response.unwrap()))
    }
}

const API: &str = "https://open-api.123pan.com/api/v1/user/info";
const ELSEWHERE: &str = "https://upload.example/part?signature=x";
const MINUTE: Duration = Duration::from_secs(60);

fn get(uri: &'static str) -> Request<Full<Bytes>> {
    Request::get(uri).body(Full::default()).unwrap()
}

async fn read<B: http_body::Body<Error: std::fmt::Debug>>(response: Response<B>) {
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body.len(), USER.len());
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn provider() -> TokenProvider {
    TokenProvider::builder(Credentials::new("id", "secret").unwrap())
        .client(Platform)
        .build()
        .unwrap()
}

fn bare_service() -> Rounds {
    let runtime = runtime();
    rounds(move || {
        runtime.block_on(async { read(Platform.oneshot(get(API)).await.unwrap()).await });
    })
}

fn by_hand() -> Rounds {
    let (runtime, provider) = (runtime(), provider());
    rounds(move || {
        runtime.block_on(async {
            let mut request = get(API);
            let token = provider.token().await.unwrap();
            token.authorize(request.headers_mut());
            read(Platform.oneshot(request).await.unwrap()).await;
        });
    })
}

fn through(layer: AuthorizationLayer<Full<Bytes>>, uri: &'static str) -> Rounds {
    let (runtime, mut service) = (runtime(), layer.layer(Platform));
    rounds(move || {
        runtime.block_on(async {
            let response = service.ready().await.unwrap().call(get(uri));
            read(response.await.unwrap()).await;
        });
    })
}

fn layer() -> AuthorizationLayer<Full<Bytes>> {
    AuthorizationLayer::new(provider())
}

pub fn api_call() -> Group {
    Group {
        title: "An API call, with hyper and tower",
        scenes: vec![
            Scene {
                name: "bare: the service alone",
                make: bare_service,
            },
            Scene {
                name: "a token put on it by hand",
                make: by_hand,
            },
            Scene {
                name: "`AuthorizationLayer`, which also recognizes a rejection",
                make: || through(layer(), API),
            },
            Scene {
                name: "`AuthorizationLayer` that may retry",
                make: || through(layer().retry_with(|body| Some(body.clone())), API),
            },
            Scene {
                name: "`AuthorizationLayer`, a call to another origin",
                make: || through(layer(), ELSEWHERE),
            },
        ],
    }
}

fn bare_exchange() -> Rounds {
    let (runtime, operation) = (runtime(), operation());
    rounds(move || {
        let exchange = async {
            let request = operation.request().map(Full::from);
            let response = Platform.oneshot(request).await.unwrap();
            let (head, body) = response.into_parts();
            let body = http_body_util::Limited::new(body, MAX_RESPONSE_BYTES);
            let body = body.collect().await.unwrap().to_bytes();
            operation.parse_response(&Response::from_parts(head, body))
        };
        let bounded = async { tokio::time::timeout(MINUTE, exchange).await };
        runtime.block_on(bounded).unwrap().unwrap()
    })
}

fn fetched() -> Rounds {
    let (runtime, operation) = (runtime(), operation());
    rounds(move || {
        let fetched = runtime.block_on(fetch(Platform, &operation, MINUTE));
        fetched.unwrap()
    })
}

/// No body is limited there, and no time.
fn oauth2_exchange() -> Rounds {
    let url = "https://open-api.123pan.com/api/v1/access_token";
    let client = BasicClient::new(ClientId::new("fedcba9876543210".to_owned()))
        .set_client_secret(ClientSecret::new(
            "0123456789abcdef0123456789abcdef".to_owned(),
        ))
        .set_token_uri(TokenUrl::new(url.to_owned()).unwrap());
    let answer = |request: HttpRequest| {
        drop(request);
        let response = Response::builder().header("content-type", "application/json");
        let response = response.body(OAUTH_GRANT.as_bytes().to_vec());
        Ok::<_, Infallible>(response.unwrap())
    };
    rounds(move || {
        let token = client.exchange_client_credentials().request(&answer);
        token.unwrap()
    })
}

pub fn exchange() -> Group {
    Group {
        title: "An exchange with the token endpoint, with hyper",
        scenes: vec![
            Scene {
                name: "bare: tokio's timeout, `Limited`, `parse_response`",
                make: bare_exchange,
            },
            Scene {
                name: "`fetch`",
                make: fetched,
            },
            Scene {
                name: "oauth2's `exchange_client_credentials`, a reply of OAuth 2.0",
                make: oauth2_exchange,
            },
        ],
    }
}
