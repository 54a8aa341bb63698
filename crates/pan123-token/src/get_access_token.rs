//! The operation `POST /api/v1/access_token`: its request, and the judgement of its reply.

use std::fmt;

use http::{HeaderMap, Method, Request, Response, StatusCode};
use zeroize::Zeroizing;

use crate::access_token::{insert_json, insert_platform};
use crate::dates;
use crate::envelope::{Data, Field, Object, Reply};
use crate::response_error::Inner;
use crate::server_text::Redactor;
use crate::{AccessToken, AccessTokenError, BaseUrl, Credentials, ErrorKind, Grant, ResponseError};

/// The largest body that is looked into: 64 KiB, inclusive. The documented reply has some 400 bytes.
///
/// Whoever reads the body stops one byte after this, and hands over what was read.
pub const MAX_RESPONSE_BYTES: usize = 64 * 1024;

const MAX_MESSAGE_CHARS: usize = 200;
const MAX_TRACE_ID_CHARS: usize = 128;

/// Asks for an access token: `POST https://open-api.123pan.com/api/v1/access_token`.
///
/// All input was checked on the way in, so the request can always be built. `Debug` never shows the client secret.
#[derive(Clone)]
pub struct GetAccessToken {
    credentials: Credentials,
    base_url: BaseUrl,
    /// The request's body. It holds the client secret.
    body: Zeroizing<Vec<u8>>,
}

impl GetAccessToken {
    /// Asks the official address.
    pub fn new(credentials: Credentials) -> Self {
        let body = body(&credentials);
        Self {
            credentials,
            base_url: BaseUrl::default(),
            body,
        }
    }

    /// Asks another address.
    #[must_use]
    pub fn with_base_url(self, base_url: BaseUrl) -> Self {
        Self { base_url, ..self }
    }

    /// The client ID that is asked for.
    pub fn client_id(&self) -> &str {
        self.credentials.client_id()
    }

    /// The address that is asked.
    pub fn base_url(&self) -> &BaseUrl {
        &self.base_url
    }

    /// The request, as documented: two headers (`Platform`, `Content-Type`) and a JSON body.
    ///
    /// Whoever sends it adds what HTTP itself needs (`host`, `content-length`) and nothing that authorizes. Redirects
    /// must not be followed: the body holds the client secret.
    pub fn request(&self) -> Request<Vec<u8>> {
        let mut request = Request::new(self.body.to_vec());
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.base_url.access_token().clone();
        insert_platform(request.headers_mut());
        insert_json(request.headers_mut());
        request
    }

    /// Judges the reply: a token, or why there is none. The order of the judgement stands in the
    /// [crate's documentation](crate#how-a-reply-is-judged).
    ///
    /// Hand over the body whole, or what came of it when more than [`MAX_RESPONSE_BYTES`] came. Where it broke off, ask
    /// [`parse_broken_off`](Self::parse_broken_off).
    ///
    /// Needs the operation, since a reply that repeats the client secret has it redacted.
    ///
    /// # Errors
    ///
    /// Whenever there is no token to be had from this reply; see [`ErrorKind`].
    pub fn parse_response(
        &self,
        response: &Response<impl AsRef<[u8]>>,
    ) -> Result<Grant, ResponseError> {
        self.judge(
            response.status(),
            response.headers(),
            response.body().as_ref(),
        )
    }

    /// Judges a reply whose body broke off, or took too long: under a status of 400 or more, the status decides. Under
    /// any other there is nothing to judge, and the failure of the connection is the answer.
    pub fn parse_broken_off<B>(&self, response: &Response<B>) -> Option<ResponseError> {
        if response.status().as_u16() < 400 {
            return None;
        }
        self.judge(response.status(), response.headers(), &[]).err()
    }

    fn judge(
        &self,
        status: StatusCode,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Grant, ResponseError> {
        let too_large = body.len() > MAX_RESPONSE_BYTES;
        // What is too large isn't read; then the status decides.
        let reply = Reply::read(if too_large { &[] } else { body });
        let object = reply.object();
        let redactor = self.redactor(object);

        let (kind, flaw) = if status == StatusCode::TOO_MANY_REQUESTS || reply.code() == Some(429) {
            (ErrorKind::RateLimited, "")
        } else if is_unavailable(status) {
            (ErrorKind::Unavailable, "")
        } else if too_large && status.as_u16() < 400 {
            (ErrorKind::TooLarge, "")
        } else {
            match &reply {
                Reply::Envelope(0, object) => match self.grant(status, object) {
                    Ok(token) => {
                        return Ok(Grant {
                            token,
                            server_time: dates::server_time(headers),
                            trace_id: show_trace_id(&redactor, object),
                        });
                    }
                    Err(flaw) => (ErrorKind::Malformed, flaw),
                },
                Reply::Envelope(..) => (ErrorKind::Refused, ""),
                Reply::Ambiguous => (ErrorKind::Malformed, "a key stands in it twice"),
                _ if status.is_redirection() => (ErrorKind::NotApi, "a redirect"),
                _ if too_large => (ErrorKind::NotApi, "a body too large to be one"),
                Reply::NoCode(_) => (ErrorKind::NotApi, "JSON without a code"),
                Reply::NotAnObject => (ErrorKind::NotApi, "JSON that is no object"),
                Reply::NotJson if headers.contains_key(http::header::CONTENT_ENCODING) => {
                    (ErrorKind::NotApi, "compressed, which was not asked for")
                }
                Reply::NotJson => (ErrorKind::NotApi, "no JSON"),
                Reply::Empty => (ErrorKind::NotApi, "an empty body"),
            }
        };
        Err(ResponseError::new(Inner {
            kind,
            status,
            code: reply.code(),
            message: object
                .and_then(|object| object.message.text())
                .map(|text| redactor.show(text, MAX_MESSAGE_CHARS)),
            trace_id: object.and_then(|object| show_trace_id(&redactor, object)),
            retry_after: dates::retry_after(headers),
            flaw,
        }))
    }

    /// The token of an envelope with code 0, or what is wrong with it.
    fn grant(&self, status: StatusCode, object: &Object<'_>) -> Result<AccessToken, &'static str> {
        if !status.is_success() {
            return Err("code 0 under a status that is no success");
        }
        let data = match &object.data {
            Data::Object(data) => data,
            Data::Missing => return Err("`data` is missing"),
            Data::Null => return Err("`data` is null"),
            Data::Other => return Err("`data` is no object"),
        };
        if data.ambiguous {
            return Err("a key stands in `data` twice");
        }
        let secret = match &data.access_token {
            Field::Text(text) => text,
            Field::Missing => return Err("`accessToken` is missing"),
            Field::Null => return Err("`accessToken` is null"),
            Field::Integer(_) | Field::Other => return Err("`accessToken` is no string"),
        };
        // It would go out with every business call.
        if secret == self.credentials.client_secret() {
            return Err("`accessToken` is the client secret");
        }
        let expired_at = match &data.expired_at {
            Field::Text(text) => {
                dates::parse_expired_at(text).ok_or("`expiredAt` is no RFC 3339 time")?
            }
            Field::Missing => return Err("`expiredAt` is missing"),
            Field::Null => return Err("`expiredAt` is null"),
            Field::Integer(_) | Field::Other => return Err("`expiredAt` is no string"),
        };
        AccessToken::new(secret, expired_at).map_err(|error| match error {
            AccessTokenError::Empty => "`accessToken` is empty",
            AccessTokenError::NotHeaderSafe => {
                "`accessToken` holds characters that no header can carry"
            }
            AccessTokenError::ExpiryOutOfRange => "`expiredAt` lies outside the calendar",
        })
    }

    /// Knows all that must not be shown of this reply: our secret, and the tokens in it.
    fn redactor<'a>(&'a self, object: Option<&'a Object<'a>>) -> Redactor<'a> {
        let data = match object.map(|object| &object.data) {
            Some(Data::Object(data)) => Some(data),
            _ => None,
        };
        Redactor::new(self.credentials.client_secret(), data)
    }
}

impl fmt::Debug for GetAccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GetAccessToken")
            .field("client_id", &self.credentials.client_id())
            .field("base_url", &self.base_url)
            .finish_non_exhaustive()
    }
}

fn is_unavailable(status: StatusCode) -> bool {
    status == StatusCode::REQUEST_TIMEOUT
        || status.is_server_error()
            && status != StatusCode::NOT_IMPLEMENTED
            && status != StatusCode::HTTP_VERSION_NOT_SUPPORTED
}

fn show_trace_id(redactor: &Redactor<'_>, object: &Object<'_>) -> Option<String> {
    let text = object.trace_id.text()?;
    Some(redactor.show(text, MAX_TRACE_ID_CHARS))
}

/// `{"clientID":"…","clientSecret":"…"}`, in one buffer that never grows, so that no copy of the secret stays behind.
fn body(credentials: &Credentials) -> Zeroizing<Vec<u8>> {
    let (id, secret) = (credentials.client_id(), credentials.client_secret());
    let punctuation = r#"{"clientID":"","clientSecret":""}"#.len();
    let mut body = Zeroizing::new(Vec::with_capacity(
        punctuation + 2 * (id.len() + secret.len()),
    ));
    body.extend_from_slice(br#"{"clientID":"#);
    push_json_string(&mut body, id);
    body.extend_from_slice(br#","clientSecret":"#);
    push_json_string(&mut body, secret);
    body.push(b'}');
    body
}

/// Credentials hold no control characters, so quotes and backslashes are all that JSON has escaped.
fn push_json_string(json: &mut Vec<u8>, text: &str) {
    json.push(b'"');
    for byte in text.bytes() {
        if matches!(byte, b'"' | b'\\') {
            json.push(b'\\');
        }
        json.push(byte);
    }
    json.push(b'"');
}
