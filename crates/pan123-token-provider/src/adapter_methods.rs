//! The methods that all adapters' builders and providers have, with their documentation. Macros, since an adapter's types are
//! its own: they have methods of its client beside these.

/// The settings of a builder: for a type with a method `set(self, impl FnOnce(Settings) -> Settings) -> Self`. In the scope:
/// `BaseUrl`, `Clock`, `Duration`, `Event`, `RenewalPolicy`, `TokenProvider`.
///
/// ```
/// use std::time::Duration;
///
/// use pan123_token::{BaseUrl, Credentials};
/// use pan123_token_cache::{Clock, Event, RenewalPolicy, SystemClock};
/// use pan123_token_provider::{Settings, builder_methods};
///
/// struct TokenProviderBuilder(Settings);
///
/// impl TokenProviderBuilder {
///     builder_methods!();
///
///     fn set(self, set: impl FnOnce(Settings) -> Settings) -> Self {
///         Self(set(self.0))
///     }
/// }
///
/// let credentials = Credentials::new("my-client-id", "my-client-secret")?;
/// let builder = TokenProviderBuilder(Settings::new(credentials, SystemClock::new()));
/// let provider = builder.timeout(Duration::from_secs(10)).0.build()?;
/// assert_eq!(provider.timeout(), Duration::from_secs(10));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[macro_export]
macro_rules! builder_methods {
    () => {
        /// Where the platform is; the official address unless set.
        pub fn base_url(self, base_url: BaseUrl) -> Self {
            self.set(|settings| settings.base_url(base_url))
        }

        /// Another server that API calls may carry the token to: where the API stands under another address as well. The base
        /// URL's own is allowed anyway. Of the address only scheme, host and port count. For one that is known only later,
        /// there is [`TokenProvider::allow_origin`].
        pub fn allow_origin(self, base_url: BaseUrl) -> Self {
            self.set(|settings| settings.allow_origin(base_url))
        }

        /// When to renew, how long to wait between attempts, and so on.
        pub fn policy(self, policy: RenewalPolicy) -> Self {
            self.set(|settings| settings.policy(policy))
        }

        /// How long [`token()`](TokenProvider::token) may take, and one exchange at the most: that ends with the policy's
        /// [`fetch_timeout`](RenewalPolicy::fetch_timeout) where that is less. 30 s unless set; not zero. API calls are bounded
        /// by their client.
        ///
        /// A caller that can't wait as long as the exchange may take calls [`token_within`](TokenProvider::token_within).
        pub fn timeout(self, timeout: Duration) -> Self {
            self.set(|settings| settings.timeout(timeout))
        }

        /// Tells the time. How long is waited goes by the runtime's timers, whatever this clock says.
        pub fn clock(self, clock: impl Clock + 'static) -> Self {
            self.set(|settings| settings.clock(clock))
        }

        /// Gets everything that an operator may want to know, one event after the other. There is never a secret in one.
        ///
        /// It is called without a lock, from the caller or the job that caused an event, so it should not block; what it panics
        /// with is dropped. It may call the provider.
        pub fn on_event(self, on_event: impl Fn(&Event) + Send + Sync + 'static) -> Self {
            self.set(|settings| settings.on_event(on_event))
        }
    };
}

/// What a provider does without waiting, over this field: one with the methods of a [`Provider`](crate::Provider). In the
/// scope: `AccessToken`, `BaseUrl`, `Origins`, `Rejection`.
///
/// ```
/// use pan123_token::{AccessToken, BaseUrl, OffsetDateTime, Origins};
/// use pan123_token_cache::Rejection;
/// use pan123_token_provider::{Provider, provider_methods};
///
/// struct TokenProvider {
///     provider: Provider,
/// }
///
/// impl TokenProvider {
///     provider_methods!(provider);
/// }
///
/// let token = AccessToken::new("a.b.c", OffsetDateTime::UNIX_EPOCH)?;
/// let provider = TokenProvider { provider: Provider::fixed(token.clone()) };
/// assert_eq!(provider.current(), Some(token));
/// # Ok::<(), pan123_token::AccessTokenError>(())
/// ```
#[macro_export]
macro_rules! provider_methods {
    ($provider:tt) => {
        /// The token that is held, if it can be used now. Asks nothing, and starts nothing.
        ///
        /// ```
        #[doc = concat!("use ", env!("CARGO_CRATE_NAME"), "::{AccessToken, OffsetDateTime, TokenProvider};")]
        ///
        /// let provider = TokenProvider::fixed(AccessToken::new("a.b.c", OffsetDateTime::UNIX_EPOCH)?);
        /// let token = provider.current().ok_or("no token yet")?;
        /// assert_eq!(token.secret(), "a.b.c");
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        pub fn current(&self) -> Option<AccessToken> {
            self.$provider.current()
        }

        /// Reports that an API call was refused because of this token
        /// ([`token_rejected`](pan123_token::token_rejected)). The next calls of [`token()`](Self::token) see to it that it is
        /// replaced, as soon as that is allowed; the answer says when.
        ///
        /// ```
        #[doc = concat!("use ", env!("CARGO_CRATE_NAME"), "::{Rejection, http::Response, pan123_token::token_rejected};")]
        ///
        #[doc = concat!("# use ", env!("CARGO_CRATE_NAME"), "::{AccessToken, OffsetDateTime, TokenProvider};")]
        /// # let provider = TokenProvider::fixed(AccessToken::new("a.b.c", OffsetDateTime::UNIX_EPOCH)?);
        /// # let token = AccessToken::new("a.b.c", OffsetDateTime::UNIX_EPOCH)?;
        /// // The reply to a call with `token`, which a client of one's own sent.
        /// let response = Response::new(r#"{"code":401,"message":"token is expired","data":null}"#);
        /// if token_rejected(&response) {
        ///     assert!(matches!(provider.reject(&token), Rejection::Suspect { .. }));
        /// }
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        ///
        /// May be called often, and for a token that isn't the current one any more. The calls that this crate makes report
        /// it by themselves.
        pub fn reject(&self, token: &AccessToken) -> Rejection {
            self.$provider.reject(token)
        }

        /// From now on, API calls may carry the token to this server, too. All clones of this provider see it at once.
        ///
        /// For an upload host that the API has named: compare it with a list of your own first. A name alone that stands in a
        /// reply is no reason to send it the token.
        ///
        /// ```
        #[doc = concat!("use ", env!("CARGO_CRATE_NAME"), "::http::Uri;")]
        ///
        #[doc = concat!("# use ", env!("CARGO_CRATE_NAME"), "::{AccessToken, OffsetDateTime, TokenProvider};")]
        /// # let provider = TokenProvider::fixed(AccessToken::new("a.b.c", OffsetDateTime::UNIX_EPOCH)?);
        /// const UPLOAD_HOSTS: [&str; 2] =
        ///     ["https://openapi-upload.123pan.com", "https://openapi-upload.123242.com"];
        /// // From a reply of the API.
        /// let named = "https://openapi-upload.123pan.com";
        /// if UPLOAD_HOSTS.contains(&named) {
        ///     provider.allow_origin(&named.parse()?);
        /// }
        /// let slice = Uri::from_static("https://openapi-upload.123pan.com/upload/v2/file/slice");
        /// assert!(provider.origins().contains(&slice));
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        pub fn allow_origin(&self, base_url: &BaseUrl) {
            self.$provider.allow_origin(base_url);
        }

        /// Where API calls may carry the token now. An example is with [`allow_origin`](Self::allow_origin).
        pub fn origins(&self) -> Origins {
            self.$provider.origins()
        }
    };
}
