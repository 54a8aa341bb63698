//! The operation `POST /api/v1/access_token`: its request, and what its reply says.

use std::borrow::Cow;
use std::fmt;

use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, Method, Request, Response, StatusCode};

use crate::access_token::insert_platform;
use crate::dates;
use crate::envelope::{Code, Field, Object, Reply};
use crate::redactor::Redactor;
use crate::response_error::Inner;
use crate::{
    AccessToken, AccessTokenError, BaseUrl, Cause, Credentials, ErrorKind, Grant, ResponseError,
};

/// The largest body that is looked into: 64 KiB, inclusive. Published replies have some 500 bytes.
///
/// A client stops reading the body one byte after this, and passes in what was read.
///
/// An example of an exchange is with [`GetAccessToken`].
pub const MAX_RESPONSE_BYTES: usize = 64 * 1024;

const MAX_MESSAGE_CHARS: usize = 200;
const MAX_TRACE_ID_CHARS: usize = 128;

/// Asks for an access token: `POST https://open-api.123pan.com/api/v1/access_token`.
///
/// ```
/// use pan123_token::{Credentials, GetAccessToken};
///
/// let operation = GetAccessToken::new(Credentials::new("my-client-id", "my-client-secret")?)
///     .with_base_url("http://127.0.0.1:8080".parse()?);
/// let request = operation.request();
/// assert_eq!(request.uri(), "http://127.0.0.1:8080/api/v1/access_token");
/// assert_eq!(request.body(), br#"{"clientID":"my-client-id","clientSecret":"my-client-secret"}"#);
///
/// let reply = r#"{"code":0,"data":{"accessToken":"a.b.c","expiredAt":"2025-03-23T15:48:37+08:00"}}"#;
/// let grant = operation.parse_response(&http::Response::new(reply))?;
/// assert_eq!(grant.token.secret(), "a.b.c");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// All input was checked on the way in, so the request can always be built. `Debug` never shows the client secret.
#[derive(Clone)]
pub struct GetAccessToken {
    credentials: Credentials,
    base_url: BaseUrl,
}

impl GetAccessToken {
    /// Asks the official address.
    pub fn new(credentials: Credentials) -> Self {
        Self {
            credentials,
            base_url: BaseUrl::default(),
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
    /// A client that sends it adds what HTTP itself needs (`host`, `content-length`) and nothing that authorizes. Redirects
    /// must not be followed: the body holds the client secret. It is a plain `Vec<u8>` that was never copied,
    /// so that a client can wipe it.
    pub fn request(&self) -> Request<Vec<u8>> {
        let mut request = Request::new(body(&self.credentials));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.base_url.access_token_uri().clone();
        insert_platform(request.headers_mut());
        let json = HeaderValue::from_static("application/json");
        request.headers_mut().insert(CONTENT_TYPE, json);
        request
    }

    /// Reads the reply: a token, or why there is none. The rules stand in the
    /// [crate's documentation](crate#how-a-reply-is-classified).
    ///
    /// Pass in the body whole, or what came of it when more than [`MAX_RESPONSE_BYTES`] came. Where it broke off, ask
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
        self.parse_parts(
            response.status(),
            response.headers(),
            response.body().as_ref(),
        )
    }

    /// The same for a client with response types of its own.
    ///
    /// # Errors
    ///
    /// As for [`parse_response`](Self::parse_response).
    pub fn parse_parts(
        &self,
        status: StatusCode,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Grant, ResponseError> {
        let reply = if body.len() > MAX_RESPONSE_BYTES {
            Reply::TooLarge
        } else {
            Reply::read(body)
        };
        self.answer(status, headers, &reply)
    }

    /// Classifies a reply whose body broke off, or took too long: under a status of 400 or more, the status decides. Under
    /// any other there is nothing to classify, and the failure of the connection is the answer.
    pub fn parse_broken_off<B>(&self, response: &Response<B>) -> Option<ResponseError> {
        let (status, headers) = (response.status(), response.headers());
        if status.as_u16() < 400 {
            return None;
        }
        self.answer(status, headers, &Reply::BrokenOff).err()
    }

    /// What a client's error and its sources say, in one line and without the client secret: a client may have put the
    /// request into its error.
    pub fn cause(&self, error: &(dyn std::error::Error + 'static)) -> Cause {
        let redactor = Redactor::new(self.credentials.client_secret(), &[]);
        Cause::redacted(error, &redactor)
    }

    fn answer(
        &self,
        status: StatusCode,
        headers: &HeaderMap,
        reply: &Reply<'_>,
    ) -> Result<Grant, ResponseError> {
        let (kind, flaw) = match self.classify(status, headers, reply) {
            Ok(grant) => return Ok(grant),
            Err(kind_and_flaw) => kind_and_flaw,
        };
        let object = reply.object();
        let tokens: Vec<_> = object.into_iter().flat_map(Object::tokens).collect();
        let redactor = Redactor::new(self.credentials.client_secret(), &tokens);
        let show = |field: Field<'_>, max_chars| {
            let text = field.text()?;
            Some(redactor.show(&text, max_chars))
        };
        Err(ResponseError::new(Inner {
            kind,
            status,
            code: reply.code(),
            message: object.and_then(|object| show(object.message, MAX_MESSAGE_CHARS)),
            trace_id: object.and_then(|object| show(object.trace_id, MAX_TRACE_ID_CHARS)),
            retry_after: dates::retry_after(headers),
            flaw,
        }))
    }

    /// A grant, or the kind of the error and what is wrong.
    fn classify(
        &self,
        status: StatusCode,
        headers: &HeaderMap,
        reply: &Reply<'_>,
    ) -> Result<Grant, (ErrorKind, &'static str)> {
        if status == StatusCode::TOO_MANY_REQUESTS || reply.code() == Some(429) {
            return Err((ErrorKind::RateLimited, ""));
        }
        if is_unavailable(status) {
            return Err((ErrorKind::Unavailable, ""));
        }
        let not_api = |flaw| Err((ErrorKind::NotApi, flaw));
        match reply {
            Reply::TooLarge if status.as_u16() < 400 => Err((ErrorKind::TooLarge, "")),
            Reply::Envelope(Code::Number(0), object) => {
                let grant = self.grant(status, headers, object);
                grant.map_err(|flaw| (ErrorKind::Malformed, flaw))
            }
            Reply::Envelope(..) => Err((ErrorKind::Refused, "")),
            Reply::Ambiguous => Err((ErrorKind::Malformed, "a key stands in it twice")),
            _ if status.is_redirection() => not_api("a redirect"),
            Reply::NoCode(_) => not_api("JSON without a code"),
            Reply::NotAnObject => not_api("JSON that is no object"),
            Reply::NotJson if headers.contains_key(CONTENT_ENCODING) => {
                not_api("compressed, which was not asked for")
            }
            Reply::NotJson => not_api("no JSON"),
            Reply::Empty => not_api("an empty body"),
            Reply::TooLarge => not_api("a body too large to be one"),
            Reply::BrokenOff => not_api("a body that broke off"),
        }
    }

    /// The grant in an envelope with code 0, or what is wrong with it.
    fn grant(
        &self,
        status: StatusCode,
        headers: &HeaderMap,
        object: &Object<'_>,
    ) -> Result<Grant, &'static str> {
        if !status.is_success() {
            return Err("code 0 under a status that is no success");
        }
        let data = object.in_data.as_ref().ok_or_else(|| {
            let flaws = ["`data` is missing", "`data` is null", "`data` is no object"];
            object.data.flaw(flaws)
        })?;
        if data.twice {
            return Err("a key stands in `data` twice");
        }
        let secret = data.access_token.text().ok_or_else(|| {
            data.access_token.flaw([
                "`accessToken` is missing",
                "`accessToken` is null",
                "`accessToken` is no string",
            ])
        })?;
        // It would go out with every API call.
        if secret == self.credentials.client_secret() {
            return Err("`accessToken` is the client secret");
        }
        let expired_at = data.expired_at.text().ok_or_else(|| {
            data.expired_at.flaw([
                "`expiredAt` is missing",
                "`expiredAt` is null",
                "`expiredAt` is no string",
            ])
        })?;
        let expiry =
            dates::parse_expired_at(&expired_at).ok_or("`expiredAt` is no RFC 3339 time")?;
        let token = AccessToken::new(&secret, expiry).map_err(|error| match error {
            AccessTokenError::Empty => "`accessToken` is empty",
            AccessTokenError::NotHeaderSafe => {
                "`accessToken` holds characters that no header can carry"
            }
            AccessTokenError::ExpiryOutOfRange => "`expiredAt` lies outside the calendar",
        })?;
        let trace_id = object.trace_id.text().map(|text| {
            let show = |tokens: &[Cow<'_, str>]| {
                Redactor::new(self.credentials.client_secret(), tokens)
                    .show(&text, MAX_TRACE_ID_CHARS)
            };
            match object.documented_tokens() {
                Some(tokens) => show(&tokens),
                None => show(&object.tokens().collect::<Vec<_>>()),
            }
        });
        Ok(Grant {
            token,
            server_time: dates::server_time(headers),
            trace_id,
        })
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

/// `{"clientID":"…","clientSecret":"…"}`, in one buffer that never grows, so that no copy of the secret stays behind.
fn body(credentials: &Credentials) -> Vec<u8> {
    let (id, secret) = (credentials.client_id(), credentials.client_secret());
    let punctuation = r#"{"clientID":"","clientSecret":""}"#.len();
    let mut body = Vec::with_capacity(punctuation + 2 * (id.len() + secret.len()));
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
