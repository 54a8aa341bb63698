//! A client of any type, as a provider keeps it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body::Body;
use http_body_util::Full;
use pan123_token::GetAccessToken;
use pan123_token::http::{Request, Response};
use pan123_token_provider::on_tokio::{Exchanger, Exchanging};
use tower_service::Service;

use crate::fetch;
use crate::service::BoxError;

/// A service need not be `Sync`: each exchange gets a clone of its own.
pub(crate) struct Cloned<S>(pub(crate) Mutex<S>);

impl<S, B> Exchanger for Cloned<S>
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    fn fetch<'a>(&'a self, operation: &'a GetAccessToken, timeout: Duration) -> Exchanging<'a> {
        let client = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        Box::pin(fetch(client, operation, timeout))
    }
}
