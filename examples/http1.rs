//! HTTP/1.1 for programs without an HTTP client: one request, and a reply that ends with the connection.

use pan123_token::http::{Request, Response, header::HOST};
use pan123_token::{Cause, FetchError, GetAccessToken, Grant};

/// The request.
pub fn bytes(request: &Request<Vec<u8>>) -> Vec<u8> {
    let (method, uri) = (request.method(), request.uri());
    let host = uri.authority().map_or("", |host| host.as_str());
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let length = request.body().len();
    let mut bytes = format!(
        "{method} {path} HTTP/1.1\r\n{HOST}: {host}\r\nconnection: close\r\ncontent-length: {length}\r\n"
    )
    .into_bytes();
    for (name, value) in request.headers() {
        bytes.extend_from_slice(name.as_str().as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(request.body());
    bytes
}

/// What the core makes of the reply, which has ended with its connection.
pub fn grant(received: &[u8], operation: &GetAccessToken) -> Result<Grant, FetchError> {
    let no_http = |what: &str| FetchError::Body(Cause::from(what));
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut head = httparse::Response::new(&mut headers);
    let Ok(httparse::Status::Complete(head_length)) = head.parse(received) else {
        return Err(no_http("no whole head of an HTTP reply"));
    };
    let mut response = Response::builder().status(head.code.unwrap_or_default());
    for header in &*head.headers {
        response = response.header(header.name, header.value);
    }
    let body = &received[head_length..];
    let response = response.body(body).map_err(|_| no_http("a bad head"))?;
    Ok(operation.parse_response(&response)?)
}
