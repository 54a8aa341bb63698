//! Requests as JSON, without secrets but those that the emulator itself made up.
//!
//! A program under test may bring real ones by mistake, so what is hidden doesn't depend on what is known here: a client
//! secret in a JSON body, the bodies of the token endpoint that are no JSON, queries that speak of a secret or a token,
//! and all `Authorization` but tokens that were issued here.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::{Map, Value, json};

use crate::received::Received;
use crate::service::{Service, TOKEN_PATH};

const HIDDEN: &str = "[redacted]";

pub(super) fn list(service: &Service) -> Value {
    let requests = service.log.iter().map(|request| shown(request, service));
    json!({ "requests": requests.collect::<Vec<_>>() })
}

fn shown(request: &Received, service: &Service) -> Value {
    let headers = request.headers.iter().map(|(name, value)| {
        let value = match name.as_str() {
            "authorization" => authorization(value, service),
            "proxy-authorization" | "cookie" => HIDDEN,
            _ => value,
        };
        json!([name, without_secrets(value, service)])
    });
    let mut fields = Map::new();
    let mut field = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    field("method", json!(request.method));
    let target = without_secrets(target(&request.target), service);
    field("target", json!(target));
    field("version", json!(request.version));
    field("headers", headers.collect());
    field("bodyLength", json!(request.body.len()));
    field("tls", json!(request.tls));
    field("uploadHost", json!(request.upload_host));
    let is_token_call = request.target.contains(TOKEN_PATH);
    match std::str::from_utf8(&request.body) {
        Ok(text) => match serde_json::from_str(text) {
            Ok(mut json) => {
                hide_secrets(&mut json);
                let text = without_secrets(&json.to_string(), service);
                field("body", json!(text));
            }
            Err(_) if is_token_call && !text.is_empty() => {
                field("body", json!(HIDDEN));
            }
            Err(_) => {
                field("body", json!(without_secrets(text, service)));
            }
        },
        Err(_) if is_token_call || has_secret(&request.body, service) => {
            field("body", json!(HIDDEN));
        }
        Err(_) => {
            field("bodyBase64", json!(BASE64_STANDARD.encode(&request.body)));
        }
    }
    Value::Object(fields)
}

/// A token that was issued here is no secret.
fn authorization<'a>(value: &'a str, service: &Service) -> &'a str {
    let token = value.strip_prefix("Bearer ");
    match token {
        Some(token) if service.platform.has_issued(token) => value,
        _ => HIDDEN,
    }
}

/// The target without a query that may hold a secret.
fn target(target: &str) -> &str {
    let lower = target.to_ascii_lowercase();
    match target.find('?') {
        Some(at) if lower[at..].contains("secret") || lower[at..].contains("token") => {
            &target[..at]
        }
        _ => target,
    }
}

/// Hides the values of all fields that are called like a client secret, at any depth. The reader bounds the depth.
fn hide_secrets(json: &mut Value) {
    match json {
        Value::Object(fields) => {
            for (name, value) in fields {
                if name.to_ascii_lowercase().contains("secret") {
                    *value = json!(HIDDEN);
                } else {
                    hide_secrets(value);
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(hide_secrets),
        _ => {}
    }
}

/// The secrets of the clients.
fn secrets(service: &Service) -> impl Iterator<Item = &str> {
    let clients = service.settings.clients.iter();
    let secrets = clients.map(|(_, secret)| secret.as_str());
    secrets.filter(|secret| !secret.is_empty())
}

/// The text without the secrets of the clients, wherever they stand.
fn without_secrets(text: &str, service: &Service) -> String {
    secrets(service).fold(text.to_owned(), |text, secret| text.replace(secret, HIDDEN))
}

fn has_secret(body: &[u8], service: &Service) -> bool {
    let text = String::from_utf8_lossy(body);
    secrets(service).any(|secret| text.contains(secret))
}
