//! `fetch` on services of all kinds: what it asks of them, and what it makes of how they behave.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a panic is how a test reports"
)]

use std::collections::VecDeque;
use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::future::{Future, Ready, pending, poll_fn, ready};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::routing::post;
use bytes::Bytes;
use http_body::{Body, Frame};
use http_body_util::combinators::{BoxBody, UnsyncBoxBody};
use http_body_util::{Empty, Full};
use hyper_util::client::legacy;
use hyper_util::rt::TokioExecutor;
use pan123_emulator::{CLIENT_ID, CLIENT_SECRET, Emulator};
use pan123_token_hyper::pan123_token::Grant;
use pan123_token_hyper::pan123_token::MAX_RESPONSE_BYTES;
use pan123_token_hyper::pan123_token::http::{HeaderMap, Request, Response};
use pan123_token_hyper::{Credentials, ErrorKind, FetchError, GetAccessToken, fetch};
use tower_service::Service;

const TIMEOUT: Duration = Duration::from_secs(30);

const REPLY: &str = r#"{"code":0,"message":"ok","data":{"accessToken":"eyJ.e30.c2ln","expiredAt":"2100-01-01T00:00:00+08:00"},"x-traceID":"t"}"#;

type BoxError = Box<dyn Error + Send + Sync>;
type Reply<B> = Result<Response<B>, BoxError>;

/// Asks the official address; none of the services here goes there.
fn operation() -> GetAccessToken {
    GetAccessToken::new(Credentials::new("my-id", "SENTINEL-secret").unwrap())
}

fn operation_for(emulator: &Emulator) -> GetAccessToken {
    GetAccessToken::new(Credentials::new(CLIENT_ID, CLIENT_SECRET).unwrap())
        .with_base_url(emulator.url().parse().unwrap())
}

fn assert_token(result: Result<Grant, FetchError>) {
    assert_eq!(result.unwrap().token.secret(), "eyJ.e30.c2ln");
}

/// It is one printable line, and the client secret is in none of its forms.
fn one_line(error: &FetchError) -> String {
    let line = error.to_string();
    assert!(!line.contains(char::is_control), "{line:?}");
    for text in [&line, &format!("{error:?}"), &format!("{error:#?}")] {
        assert!(!text.contains("SENTINEL"), "{text}");
    }
    line
}

/// A service that answers every request as the function does, at once.
#[derive(Clone)]
struct Answering<F>(F);

impl<F, B> Service<Request<Full<Bytes>>> for Answering<F>
where
    F: FnMut(Request<Full<Bytes>>) -> Reply<B>,
{
    type Response = Response<B>;
    type Error = BoxError;
    type Future = Ready<Reply<B>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        ready((self.0)(request))
    }
}

/// A service that answers with this body.
fn answering<B>(
    status: u16,
    body: impl Fn() -> B + Clone,
) -> Answering<impl Fn(Request<Full<Bytes>>) -> Reply<B> + Clone> {
    Answering(move |_| {
        let mut response = Response::new(body());
        *response.status_mut() = status.try_into()?;
        Ok(response)
    })
}

/// A body of these frames, one after the other, and then nothing for ever unless it ends.
struct Frames {
    frames: VecDeque<Result<Frame<Bytes>, BoxError>>,
    ends: bool,
}

impl Frames {
    fn new(frames: impl IntoIterator<Item = Frame<Bytes>>) -> Self {
        Self {
            frames: frames.into_iter().map(Ok).collect(),
            ends: true,
        }
    }

    fn then_fails(mut self, error: impl Into<BoxError>) -> Self {
        self.frames.push_back(Err(error.into()));
        self
    }

    fn endless(self) -> Self {
        Self {
            ends: false,
            ..self
        }
    }
}

impl Body for Frames {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.frames.pop_front() {
            None if !self.ends => Poll::Pending,
            frame => Poll::Ready(frame),
        }
    }
}

fn data(text: &'static str) -> Frame<Bytes> {
    Frame::data(Bytes::from_static(text.as_bytes()))
}

fn trailers() -> Frame<Bytes> {
    let mut trailers = HeaderMap::new();
    trailers.insert("x-checksum", "1".parse().unwrap());
    Frame::trailers(trailers)
}

/// An error whose text has more than one line, with a cause.
#[derive(Debug)]
struct TwoLines;

impl fmt::Display for TwoLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the first line\r\nthe second\u{1b}[31m line")
    }
}

impl Error for TwoLines {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&Cause)
    }
}

#[derive(Debug)]
struct Cause;

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("what lay behind it")
    }
}

impl Error for Cause {}

// ---- Services that are not ours. ----

#[tokio::test]
async fn a_router_in_the_same_process_is_a_platform() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let router = Router::new().route(
        "/api/v1/access_token",
        post({
            let seen = Arc::clone(&seen);
            async move |headers: HeaderMap, body: String| {
                seen.lock().unwrap().push((headers, body));
                REPLY
            }
        }),
    );
    assert_token(fetch(router.clone(), &operation(), TIMEOUT).await);
    // By reference, and below a path.
    let mut nested = Router::new().nest("/pan", router);
    let operation = operation().with_base_url("https://localhost/pan".parse().unwrap());
    assert_token(fetch(&mut nested, &operation, TIMEOUT).await);

    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 2);
    for (headers, body) in seen.iter() {
        assert_eq!(headers["platform"], "open_platform");
        assert_eq!(headers["content-type"], "application/json");
        // What HTTP itself needs is the client's business, and there is none here.
        assert_eq!(headers.len(), 2);
        let expected = r#"{"clientID":"my-id","clientSecret":"SENTINEL-secret"}"#;
        assert_eq!(body, expected);
    }
}

#[tokio::test]
async fn a_router_without_the_path_is_no_platform() {
    let error = fetch(Router::new(), &operation(), TIMEOUT)
        .await
        .unwrap_err();
    assert_eq!(error.response().unwrap().status(), 404);
    assert_eq!(error.kind(), ErrorKind::NotApi.as_str());
}

#[cfg(feature = "rustls")]
#[tokio::test]
async fn the_bundled_client_goes_by_value_and_by_reference() {
    let emulator = Emulator::builder().start().unwrap();
    let operation = operation_for(&emulator);
    let client = pan123_token_hyper::client().unwrap();
    fetch(&client, &operation, TIMEOUT).await.unwrap();
    fetch(client.clone(), &operation, TIMEOUT).await.unwrap();
    fetch(client, &operation, TIMEOUT).await.unwrap();
    assert_eq!(emulator.live_tokens(CLIENT_ID).len(), 3);
}

#[tokio::test]
async fn hypers_own_client_goes_by_value_and_by_reference() {
    let emulator = Emulator::builder().start().unwrap();
    let operation = operation_for(&emulator);
    let client: legacy::Client<_, Full<Bytes>> =
        legacy::Client::builder(TokioExecutor::new()).build_http();
    fetch(&client, &operation, TIMEOUT).await.unwrap();
    fetch(client.clone(), &operation, TIMEOUT).await.unwrap();
    fetch(client, &operation, TIMEOUT).await.unwrap();
    assert_eq!(emulator.live_tokens(CLIENT_ID).len(), 3);
}

#[cfg(feature = "rustls")]
#[tokio::test]
async fn the_bundled_client_takes_the_secret_nowhere_else() {
    let elsewhere = Emulator::builder().start().unwrap();
    let client = pan123_token_hyper::client().unwrap();
    for status in [301, 302, 303, 307, 308] {
        // To another origin, and to another path of the same one.
        let away = format!("redirect:{status}:{}/api/v1/access_token", elsewhere.url());
        for fault in [away, format!("redirect:{status}")] {
            let emulator = Emulator::builder().fault(fault.parse().unwrap());
            let emulator = emulator.start().unwrap();
            let error = fetch(&client, &operation_for(&emulator), TIMEOUT)
                .await
                .unwrap_err();
            assert_eq!(error.response().unwrap().status(), status);
            assert_eq!(error.kind(), "not_api");
            assert_eq!(emulator.requests().len(), 1);
            assert_eq!(emulator.redirects_followed(), 0);
        }
    }
    assert!(elsewhere.requests().is_empty());
}

// ---- Readiness. ----

/// Ready when asked for the third time, and only this very instance: a clone starts anew.
#[derive(Default)]
struct ReadyInTheEnd {
    asked: usize,
    ready: bool,
    called: usize,
}

impl Clone for ReadyInTheEnd {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Service<Request<Full<Bytes>>> for ReadyInTheEnd {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = Ready<Result<Response<String>, Infallible>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.asked += 1;
        if self.asked < 3 {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Full<Bytes>>) -> Self::Future {
        assert!(self.ready, "called before it was ready");
        self.ready = false;
        self.called += 1;
        ready(Ok(Response::new(REPLY.to_owned())))
    }
}

#[tokio::test]
async fn a_service_is_called_once_it_is_ready() {
    let mut service = ReadyInTheEnd::default();
    assert_token(fetch(&mut service, &operation(), TIMEOUT).await);
    assert_eq!((service.asked, service.called), (3, 1));

    assert_token(fetch(service.clone(), &operation(), TIMEOUT).await);
    assert_token(fetch(Box::new(service), &operation(), TIMEOUT).await);
}

/// Never ready: it fails, or has its caller wait.
struct Unready(Option<BoxError>);

impl Service<Request<Full<Bytes>>> for Unready {
    type Response = Response<String>;
    type Error = BoxError;
    type Future = Ready<Reply<String>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        match self.0.take() {
            Some(error) => Poll::Ready(Err(error)),
            None => Poll::Pending,
        }
    }

    fn call(&mut self, _: Request<Full<Bytes>>) -> Self::Future {
        panic!("called, though it is not ready")
    }
}

#[tokio::test]
async fn a_service_that_fails_to_get_ready_is_not_called() {
    let service = Unready(Some("the buffer is closed".into()));
    let error = fetch(service, &operation(), TIMEOUT).await.unwrap_err();
    assert!(one_line(&error).contains("the buffer is closed"), "{error}");
    assert!(error.is_retryable());
}

// ---- Failures of the call. ----

fn failing(
    error: impl Fn() -> BoxError,
) -> Answering<impl FnMut(Request<Full<Bytes>>) -> Reply<String>> {
    Answering(move |_| Err(error()))
}

#[tokio::test]
async fn a_call_that_fails_is_a_body_error_in_one_line() {
    let service = failing(|| TwoLines.into());
    let error = fetch(service, &operation(), TIMEOUT).await.unwrap_err();
    // Whether the request was sent isn't known, so it may have been.
    assert_eq!(error.kind(), "body");
    assert!(error.is_retryable());
    let line = one_line(&error);
    for part in ["the first line", "the second", "what lay behind it"] {
        assert_eq!(line.matches(part).count(), 1, "{line}");
    }
}

#[tokio::test]
async fn an_error_that_says_how_far_it_came_is_believed() {
    use io::ErrorKind as Kind;
    for (kind, expected) in [
        (Kind::ConnectionRefused, "connect"),
        (Kind::AddrNotAvailable, "connect"),
        // These come on a connection that stands, too.
        (Kind::HostUnreachable, "body"),
        (Kind::NetworkUnreachable, "body"),
        (Kind::ConnectionReset, "body"),
        (Kind::BrokenPipe, "body"),
        (Kind::UnexpectedEof, "body"),
        (Kind::TimedOut, "body"),
    ] {
        // As it is, and inside another error.
        let service = failing(move || io::Error::from(kind).into());
        let error = fetch(service, &operation(), TIMEOUT).await.unwrap_err();
        assert_eq!(error.kind(), expected, "{kind:?}");
        let service = failing(move || io::Error::other(io::Error::from(kind)).into());
        let error = fetch(service, &operation(), TIMEOUT).await.unwrap_err();
        assert_eq!(error.kind(), expected, "{kind:?}");
    }
}

#[tokio::test]
async fn a_body_that_fails_is_never_a_failed_connection() {
    for kind in [io::ErrorKind::ConnectionRefused, io::ErrorKind::InvalidData] {
        let broken = move || Frames::new([data("{")]).then_fails(io::Error::from(kind));
        let error = fetch(answering(200, broken), &operation(), TIMEOUT)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), "body", "{kind:?}");
        assert!(error.may_have_issued());
    }
}

#[tokio::test]
async fn a_service_that_puts_the_request_into_its_error_shows_no_secret() {
    let service = Answering(|request: Request<Full<Bytes>>| -> Reply<String> {
        Err(format!("can't send {request:?}").into())
    });
    let error = fetch(service, &operation(), TIMEOUT).await.unwrap_err();
    assert!(error.to_string().contains("can't send"), "{error}");
    assert!(
        !format!("{error} {error:?}").contains("SENTINEL"),
        "{error}"
    );
}

// ---- Bodies. ----

#[tokio::test]
async fn the_bodies_type_does_not_matter() {
    let service = answering(200, || REPLY.to_owned());
    assert_token(fetch(service, &operation(), TIMEOUT).await);
    let service = answering(200, || Full::new(REPLY.as_bytes()));
    assert_token(fetch(service, &operation(), TIMEOUT).await);
    let service = answering(200, || BoxBody::new(Full::new(Bytes::from(REPLY))));
    assert_token(fetch(service, &operation(), TIMEOUT).await);
    let service = answering(200, || UnsyncBoxBody::new(Frames::new([data(REPLY)])));
    assert_token(fetch(service, &operation(), TIMEOUT).await);
    let service = answering(200, || {
        let frames = Frames::new([data(REPLY)]);
        Box::pin(frames) as Pin<Box<dyn Body<Data = Bytes, Error = BoxError>>>
    });
    assert_token(fetch(service, &operation(), TIMEOUT).await);
    let service = answering(200, || axum::body::Body::from(REPLY));
    assert_token(fetch(service, &operation(), TIMEOUT).await);

    let service = answering(200, Empty::<Bytes>::new);
    let error = fetch(service, &operation(), TIMEOUT).await.unwrap_err();
    assert_eq!(error.kind(), "not_api");
}

#[tokio::test]
async fn frames_that_are_no_data_are_passed_over() {
    let (first, second) = REPLY.split_at(40);
    let service = answering(200, move || {
        Frames::new([
            data(""),
            data(first),
            trailers(),
            data(""),
            data(second),
            trailers(),
            trailers(),
        ])
    });
    assert_token(fetch(service, &operation(), TIMEOUT).await);

    let service = answering(200, || Frames::new([trailers()]));
    let error = fetch(service, &operation(), TIMEOUT).await.unwrap_err();
    assert_eq!(error.kind(), "not_api");
}

#[tokio::test]
async fn a_body_that_fails_is_judged_by_its_status() {
    for (status, kind) in [
        (200, "body"),
        (302, "body"),
        (429, "rate_limited"),
        (503, "unavailable"),
        (404, "not_api"),
    ] {
        let service = answering(status, || Frames::new([data(REPLY)]).then_fails(TwoLines));
        let error = fetch(service, &operation(), TIMEOUT).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{status}: {error}");
        let line = one_line(&error);
        assert_eq!(line.contains("the first line"), kind == "body", "{line}");
    }
}

/// A body without end, in frames of this size, which counts how often it was asked.
struct Endless {
    frame: Bytes,
    asked: Arc<AtomicUsize>,
}

impl Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        Poll::Ready(Some(Ok(Frame::data(self.frame.clone()))))
    }
}

#[tokio::test]
async fn a_body_without_end_is_read_one_byte_too_far_and_no_further() {
    let size = MAX_RESPONSE_BYTES;
    for (frame, frames) in [
        (1, size + 1),
        (7, size / 7 + 1),
        (4096, size / 4096 + 1),
        (size, 2),
        (size + 1, 1),
        (16 * size, 1),
    ] {
        for (status, kind) in [(200, "too_large"), (503, "unavailable")] {
            let asked = Arc::new(AtomicUsize::new(0));
            let service = answering(status, || Endless {
                frame: Bytes::from(vec![b' '; frame]),
                asked: Arc::clone(&asked),
            });
            let error = fetch(service, &operation(), TIMEOUT).await.unwrap_err();
            assert_eq!(error.kind(), kind, "{frame}: {error}");
            assert_eq!(asked.load(Ordering::SeqCst), frames, "{frame}");
        }
    }
}

#[tokio::test]
async fn a_body_of_the_largest_size_is_read_whole() {
    let padding = " ".repeat(MAX_RESPONSE_BYTES - REPLY.len());
    let service = answering(200, || format!("{padding}{REPLY}"));
    assert_token(fetch(service, &operation(), TIMEOUT).await);
    let service = answering(200, || format!("{padding} {REPLY}"));
    let error = fetch(service, &operation(), TIMEOUT).await.unwrap_err();
    assert_eq!(error.kind(), "too_large");
}

// ---- The future: where it may run, what it leaves behind, how long it takes. ----

#[tokio::test]
async fn the_future_is_send_where_the_service_is() {
    let service = answering(200, || Frames::new([data(REPLY)]));
    // It compiles: that is the test.
    let task = tokio::spawn(async move { fetch(service, &operation(), TIMEOUT).await });
    assert_token(task.await.unwrap());
    let router = Router::new().route("/api/v1/access_token", post(async || REPLY));
    let task = tokio::spawn(async move { fetch(router, &operation(), TIMEOUT).await });
    assert_token(task.await.unwrap());
}

#[tokio::test]
async fn a_service_of_one_thread_will_do() {
    let calls = Rc::new(());
    let service = Answering({
        let calls = Rc::clone(&calls);
        move |_| {
            assert_eq!(Rc::strong_count(&calls), 2);
            Ok(Response::new(REPLY.to_owned()))
        }
    });
    assert_token(fetch(service, &operation(), TIMEOUT).await);
    assert_eq!(Rc::strong_count(&calls), 1, "the service was dropped");
}

/// Answers with a future that never ends and holds a share of the guard.
#[derive(Clone)]
struct Hanging(Arc<()>);

impl Service<Request<Full<Bytes>>> for Hanging {
    type Response = Response<String>;
    type Error = Infallible;
    type Future =
        Pin<Box<dyn Future<Output = Result<Response<String>, Infallible>> + Send + 'static>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        let guard = Arc::clone(&self.0);
        Box::pin(async move {
            let _kept = (guard, request);
            pending().await
        })
    }
}

/// A body that never ends and holds a share of the guard.
struct HangingBody {
    frames: Frames,
    _guard: Arc<()>,
}

impl Body for HangingBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Pin::new(&mut self.frames).poll_frame(context)
    }
}

/// As far as it goes at once.
async fn poll_once<F: Future>(future: Pin<&mut F>) -> bool {
    let mut future = future;
    poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_ready())).await
}

#[tokio::test]
async fn a_dropped_future_drops_the_exchange() {
    let operation = operation();
    let guard = Arc::new(());

    // While it waits for the reply…
    let mut future = Box::pin(fetch(Hanging(Arc::clone(&guard)), &operation, TIMEOUT));
    assert!(!poll_once(future.as_mut()).await);
    assert_eq!(Arc::strong_count(&guard), 3, "the service and its call");
    drop(future);
    assert_eq!(Arc::strong_count(&guard), 1);

    // …while it reads the body…
    let body = || HangingBody {
        frames: Frames::new([data("{")]).endless(),
        _guard: Arc::clone(&guard),
    };
    let mut future = Box::pin(fetch(answering(200, body), &operation, TIMEOUT));
    assert!(!poll_once(future.as_mut()).await);
    assert_eq!(Arc::strong_count(&guard), 2, "the body");
    drop(future);
    assert_eq!(Arc::strong_count(&guard), 1);

    // …and before it was polled at all, nothing begins.
    let mut service = ReadyInTheEnd::default();
    drop(fetch(&mut service, &operation, TIMEOUT));
    assert_eq!(service.asked, 0);
}

/// The clock stands still but for timers, so these tests take no time.
#[tokio::test(start_paused = true)]
async fn the_timeout_bounds_every_stage() {
    let started = std::time::Instant::now();
    let operation = operation();
    let late = |result: Result<Grant, FetchError>, begun: tokio::time::Instant| {
        assert_eq!(result.unwrap_err(), FetchError::Timeout(TIMEOUT));
        // tokio's timers are good to a millisecond.
        let took = begun.elapsed();
        assert!(
            took >= TIMEOUT && took < TIMEOUT + Duration::from_millis(5),
            "{took:?}"
        );
    };

    let begun = tokio::time::Instant::now();
    late(fetch(Unready(None), &operation, TIMEOUT).await, begun);

    let begun = tokio::time::Instant::now();
    let guard = Arc::new(());
    late(
        fetch(Hanging(Arc::clone(&guard)), &operation, TIMEOUT).await,
        begun,
    );
    assert_eq!(Arc::strong_count(&guard), 1, "the exchange was dropped");

    let begun = tokio::time::Instant::now();
    let service = answering(200, || Frames::new([data("{"), trailers()]).endless());
    late(fetch(service, &operation, TIMEOUT).await, begun);

    assert!(
        started.elapsed() < Duration::from_secs(10),
        "time was virtual"
    );
}

#[tokio::test(start_paused = true)]
async fn a_status_that_came_in_time_says_more_than_the_timeout() {
    for (status, kind) in [
        (429, "rate_limited"),
        (502, "unavailable"),
        (403, "not_api"),
    ] {
        let service = answering(status, || Frames::new([data("{")]).endless());
        let error = fetch(service, &operation(), TIMEOUT).await.unwrap_err();
        assert_eq!(error.kind(), kind);
    }
}
