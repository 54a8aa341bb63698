//! A store of any type, as a provider keeps it.

use std::pin::Pin;
use std::sync::Arc;

use pan123_token_cache::{AsyncTokenStore, TokenStore};
use pan123_token_provider::StoreCall;

pub(crate) enum Store {
    Blocking(Arc<dyn TokenStore>),
    Async(Arc<dyn Calls>),
}

/// An [`AsyncTokenStore`], whose own futures have no common type.
pub(crate) trait Calls: Send + Sync {
    fn call(&self, call: StoreCall) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

impl<S: AsyncTokenStore> Calls for S {
    fn call(&self, call: StoreCall) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(call.run_async(self))
    }
}
