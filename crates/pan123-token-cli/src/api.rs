//! `api`: one API call with the token, and the body of the reply on stdout.

mod failure;
mod reply;
mod request;

use std::io;
use std::time::Duration;

use pan123_token_ureq::http::Request;
use pan123_token_ureq::http::header::CONTENT_TYPE;
use pan123_token_ureq::{CallError, GetAccessToken, Rejection, TokenProvider};

pub(crate) use self::request::{Data, Target};
use crate::arguments::Api;
use crate::credentials;
use crate::failure::Failure;
use crate::signals::Stop;
use crate::stored_token::replaced_when;
use crate::tokens::{Got, Tokens};
use crate::warnings::Warnings;

pub(crate) fn run(arguments: &Api) -> Result<(), Failure> {
    let (stop, warnings) = (Stop::at_signals(), Warnings::default());
    let place = &arguments.place;
    let base_url = place.base_url()?;
    let (second, data) = (arguments.second.as_ref(), arguments.data.as_ref());
    let (method, uri) = request::of(&arguments.first, second, data, &base_url)?;
    if arguments.secret.is_on_stdin() && data.is_some_and(Data::is_on_stdin) {
        return Err(Failure::usage(
            "stdin can't hold both the client secret and the data",
        ));
    }
    let credentials = credentials::read(&arguments.secret, place)?;
    let data = data.map(|data| data.read(place.timeout)).transpose()?;
    let data = data.unwrap_or_default();

    let mut request = Request::builder().method(&method).uri(uri);
    if request::is_json(&data) {
        request = request.header(CONTENT_TYPE, "application/json");
    }
    let request = request.body(data).map_err(|_| Failure::internal())?;
    let agent = place.agent()?;
    let config = agent.clone().config().map_err(Failure::usage)?;
    // A whole call, and so the body, too: a reply that comes by drops isn't waited for to its end.
    let caller = config.timeout_global(Some(place.timeout)).build();

    let operation = GetAccessToken::new(credentials.clone());
    let tokens = Tokens::on_store(place, credentials, agent, &stop, &warnings)?;
    let got = tokens.token(false)?;
    let provider = provider(&tokens, &got);
    provider.allow_origin(&base_url);
    let printed = match provider.call(&caller.new_agent(), request) {
        Ok(reply) => reply::print(reply, &method, &operation, &got.token).map_err(|failure| {
            if failure.refuses_token() {
                failure.perhaps_since(replaced(&provider))
            } else {
                failure
            }
        }),
        Err(CallError::Token(error)) => Err(error.into()),
        Err(CallError::Http(error)) => Err(Failure::no_reply(&error)),
        Err(error) => Err(Failure::no_reply(&io::Error::other(error))),
    };
    // Whatever became of the call.
    tokens.finish();
    printed?;
    warnings.say();
    Ok(())
}

/// When another token comes in place of the one that was refused.
fn replaced(provider: &TokenProvider) -> Option<String> {
    let token = provider.current()?;
    match provider.reject(&token) {
        // A fixed one is never replaced.
        Rejection::Suspect { replaceable_in } if replaceable_in < Duration::MAX => {
            Some(format!("the token: {}", replaced_when(replaceable_in)))
        }
        _ => None,
    }
}

/// A provider holds no token that has expired by this host's clock, which is the wrong one here.
fn provider(tokens: &Tokens, got: &Got) -> TokenProvider {
    if got.is_expired {
        TokenProvider::fixed(got.token.clone())
    } else {
        tokens.provider.clone()
    }
}
