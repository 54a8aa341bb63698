//! A client of any type, as a provider keeps it.

use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body::Body;
use http_body_util::Full;
use pan123_token::http::{Request, Response};
use pan123_token::{FetchError, GetAccessToken, Grant};
use tower_service::Service;

use crate::{BoxError, fetch};

/// Carries out single exchanges.
pub(crate) trait Exchange: Send + Sync {
    fn fetch<'a>(&self, operation: &'a GetAccessToken, timeout: Duration) -> Exchanging<'a>;
}

type Exchanging<'a> = Pin<Box<dyn Future<Output = Result<Grant, FetchError>> + Send + 'a>>;

/// A service need not be `Sync`: each exchange gets a clone of its own.
impl<S, B> Exchange for Mutex<S>
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    fn fetch<'a>(&self, operation: &'a GetAccessToken, timeout: Duration) -> Exchanging<'a> {
        let client = self.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Box::pin(fetch(client, operation, timeout))
    }
}
