//! How an API call ends that can't be made, or is refused.

use std::fmt::Display;
use std::io;

use pan123_token_ureq::ureq::Error as UreqError;
use pan123_token_ureq::{ErrorKind, FetchError, ResponseError};

use crate::failure::Failure;

impl Failure {
    /// Of an API call that brought no reply, or one that broke off.
    pub(crate) fn no_reply(error: &io::Error) -> Self {
        // As the agent says it of a body.
        let agents = error.get_ref().and_then(|it| it.downcast_ref());
        let kind = match error.kind() {
            _ if matches!(agents, Some(UreqError::Timeout(_))) => "timeout",
            io::ErrorKind::TimedOut => "timeout",
            io::ErrorKind::InvalidData => "tls",
            io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => "connect",
            _ => "body",
        };
        let (error, advice): (&dyn Display, _) = match kind {
            "timeout" => (
                &"its time ran out",
                "it may have reached the platform, so look before you repeat it, or allow more with --timeout",
            ),
            "connect" | "tls" => (
                error,
                "check the network, the base URL, any proxy and the trusted certificates",
            ),
            _ => (
                error,
                "it may have reached the platform, so look before you repeat it",
            ),
        };
        Self::new(
            69,
            kind,
            format_args!("no whole reply to the call: {error}; {advice}"),
        )
    }

    /// Of an API call that was refused without a word.
    pub(crate) fn refused(line: impl Display) -> Self {
        Self::new(77, "refused", line)
    }

    /// Of a reply to an API call that is printed and not judged.
    pub(crate) fn too_large() -> Self {
        Self::new(
            76,
            "too_large",
            "the reply has more than 64 MiB: all of it was printed, and its code was not looked at",
        )
    }

    /// Of a reply to an API call that is no success.
    pub(crate) fn reply(error: ResponseError) -> Self {
        let refused = error.kind() == ErrorKind::Refused;
        let mut failure = Self::from(FetchError::Response(error));
        if !refused {
            return failure;
        }
        // The core's words are about the request for a token.
        failure.line = failure.line.replace(
            "; check the client ID and secret, or ask the platform's support",
            "",
        );
        failure
    }

    /// An API call was refused because of its token.
    pub(crate) fn refuses_token(&self) -> bool {
        let response = self.fetch.as_ref().and_then(FetchError::response);
        let code = response.and_then(ResponseError::code);
        self.exit_code() == 77 && (response.is_none() || code == Some(401))
    }
}
