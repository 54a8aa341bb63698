//! The methods that the adapters' types on tokio have beside those of all adapters.

/// The settings of a builder on tokio: for a type with a field `settings` that holds a
/// [`TokioSettings`](crate::on_tokio::TokioSettings). In the scope, beside those of
/// [`builder_methods`](crate::builder_methods): `Arc`, `AsyncTokenStore`, `Handle`, `Settings`, `TokenStore`.
///
/// An example is with [`builder_methods`](crate::builder_methods).
#[macro_export]
macro_rules! tokio_builder_methods {
    () => {
        $crate::builder_methods!();

        /// Shares the token with other providers, processes or hosts. The store's calls block, and are run off the runtime's
        /// workers.
        pub fn store(mut self, store: Arc<dyn TokenStore>) -> Self {
            self.settings = self.settings.store(store);
            self
        }

        /// Shares the token through a store that is asked asynchronously, where the [exchange](Self::runtime) runs.
        pub fn async_store(mut self, store: Arc<impl AsyncTokenStore + 'static>) -> Self {
            self.settings = self.settings.async_store(store);
            self
        }

        /// Exchanges and calls to an async store run on this runtime, always. It must be driven all the time, with its I/O and
        /// timers on, as a multi-threaded one is; callers wait for it as long as it sleeps.
        ///
        /// Unless set, they run on a thread of their own; and with a [client](Self::client) that was brought, on the runtime of
        /// the caller who needs the exchange, moving to a thread where that one ends or sleeps. A program with such a client
        /// that only calls `block_on` now and then, so that nothing runs in between, renews by such a thread, a minute later.
        pub fn runtime(mut self, runtime: Handle) -> Self {
            self.settings = self.settings.runtime(runtime);
            self
        }

        fn set(mut self, set: impl FnOnce(Settings) -> Settings) -> Self {
            self.settings = self.settings.set(set);
            self
        }
    };
}

/// How a provider on tokio waits, over this field: a [`TokioProvider`](crate::on_tokio::TokioProvider). In the scope, beside
/// those of [`provider_methods`](crate::provider_methods): `Duration`, `TokenError`, `TokenProviderBuilder`.
///
/// An example is with [`provider_methods`](crate::provider_methods).
#[macro_export]
macro_rules! tokio_provider_methods {
    ($provider:tt) => {
        /// A token that can be used now. An example is with [`TokenProvider`](Self).
        ///
        /// A current one is handed out at once, also while it is being renewed or its renewal fails. Without one, callers wait
        /// for the renewal and share its result, a failure included; until the next attempt is due, all get the same failure at
        /// once. The first token of a provider whose store held none is handed out when it is saved, or 250 ms after it came.
        ///
        /// # Cancel safety
        ///
        /// Dropping the future costs nothing: the renewal runs off this call, and its result is kept.
        ///
        /// # Errors
        ///
        /// When the last renewal failed and it is too early for another, or when all of this took longer than the
        /// [timeout](TokenProviderBuilder::timeout).
        ///
        /// # Panics
        ///
        /// Outside of a tokio runtime, unless there is a current token that is not due.
        pub async fn token(&self) -> Result<AccessToken, TokenError> {
            self.$provider.token().await
        }

        /// As [`token()`](Self::token), but gives up waiting after this time. What is under way goes on.
        ///
        /// ```
        /// use std::time::Duration;
        ///
        #[doc = concat!("# use ", env!("CARGO_CRATE_NAME"), "::{AccessToken, OffsetDateTime, TokenProvider};")]
        /// # let test = async {
        /// # let provider = TokenProvider::fixed(AccessToken::new("a.b.c", OffsetDateTime::UNIX_EPOCH)?);
        /// let token = provider.token_within(Duration::from_secs(2)).await?;
        /// assert_eq!(token.secret(), "a.b.c");
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// # };
        /// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(test)?;
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        ///
        /// # Cancel safety
        ///
        /// As [`token()`](Self::token).
        ///
        /// # Errors
        ///
        /// As [`token()`](Self::token); [`TokenError::TimedOut`] when the limit is reached.
        pub async fn token_within(&self, limit: Duration) -> Result<AccessToken, TokenError> {
            self.$provider.token_within(limit).await
        }

        /// As [`token()`](Self::token), but lends the token for this call instead of cloning it. That writes
        /// nothing that other threads read: for threads that ask many times in a millisecond.
        ///
        /// The closure is called once, without a lock, and may call the provider.
        ///
        /// ```
        #[doc = concat!("use ", env!("CARGO_CRATE_NAME"), "::http::HeaderMap;")]
        ///
        #[doc = concat!("# use ", env!("CARGO_CRATE_NAME"), "::{AccessToken, OffsetDateTime, TokenProvider};")]
        /// # let test = async {
        /// # let provider = TokenProvider::fixed(AccessToken::new("a.b.c", OffsetDateTime::UNIX_EPOCH)?);
        /// let mut headers = HeaderMap::new();
        /// provider.with_token(|token| token.authorize(&mut headers)).await?;
        /// assert_eq!(headers["authorization"], "Bearer a.b.c");
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// # };
        /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(test)?;
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        ///
        /// # Cancel safety
        ///
        /// As [`token()`](Self::token); the closure of a future that was dropped isn't called.
        ///
        /// # Errors
        ///
        /// As [`token()`](Self::token); the closure isn't called then.
        pub async fn with_token<T>(
            &self,
            borrow: impl FnOnce(&AccessToken) -> T,
        ) -> Result<T, TokenError> {
            self.$provider.with_token(borrow).await
        }

        /// Another token than the current one, though that may be fresh: a newer one from the store, or else a renewal. Other
        /// callers get the current one meanwhile. A provider that holds none yet wants another than the stored one.
        ///
        /// # Cancel safety
        ///
        /// As [`token()`](Self::token): what is under way goes on, and another token stays wanted.
        ///
        /// # Errors
        ///
        /// As [`token()`](Self::token), within its time: also while the current one is still good.
        pub async fn refresh(&self) -> Result<AccessToken, TokenError> {
            self.$provider.refresh().await
        }

        /// Waits until what is under way is done and saved, and every event is delivered; false where that takes longer than
        /// this. For a program that is about to end.
        ///
        /// ```
        /// use std::time::Duration;
        ///
        #[doc = concat!("# use ", env!("CARGO_CRATE_NAME"), "::{AccessToken, OffsetDateTime, TokenProvider};")]
        /// # let test = async {
        /// # let provider = TokenProvider::fixed(AccessToken::new("a.b.c", OffsetDateTime::UNIX_EPOCH)?);
        /// if !provider.flush(Duration::from_secs(5)).await {
        ///     eprintln!("the token may not have been saved");
        /// }
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// # };
        /// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(test)?;
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        ///
        /// # Cancel safety
        ///
        /// Dropping the future ends the waiting. What is under way goes on.
        pub async fn flush(&self, limit: Duration) -> bool {
            self.$provider.flush(limit).await
        }

        $crate::provider_methods!($provider);
    };
}
