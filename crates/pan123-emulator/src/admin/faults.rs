//! Faults as JSON: a specification, or an object with a whole reply.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::{Map, Value, json};

use super::Error;
use crate::fault::Fault;
use crate::service::Service;

pub(super) fn list(service: &Service) -> Value {
    let left: Vec<String> = service.script.iter().map(ToString::to_string).collect();
    json!({ "left": left, "always": service.always.to_string() })
}

/// All of a request's faults, or none if one of them is wrong.
pub(super) fn add(service: &mut Service, body: &Map<String, Value>) -> Result<Value, Error> {
    let faults = match body.get("faults") {
        None => Vec::new(),
        Some(Value::Array(faults)) => faults.iter().map(fault).collect::<Result<_, _>>()?,
        Some(_) => return Err(Error::bad("faults must be an array")),
    };
    let always = body.get("always").map(fault).transpose()?;
    service.script.extend(faults);
    if let Some(always) = always {
        service.always = always;
    }
    Ok(list(service))
}

fn fault(value: &Value) -> Result<Fault, Error> {
    match value {
        Value::String(specification) => specification
            .parse()
            .map_err(|error: crate::FaultError| Error::bad(error.to_string())),
        Value::Object(reply) => raw(reply).ok_or_else(|| {
            Error::bad(
                "a reply must be {\"status\": 200 to 999, \"headers\": {…}, \"body\": \"…\" or \"bodyBase64\": \"…\"}",
            )
        }),
        _ => Err(Error::bad("a fault must be a string or an object")),
    }
}

fn raw(reply: &Map<String, Value>) -> Option<Fault> {
    let known = ["status", "headers", "body", "bodyBase64"];
    if !reply.keys().all(|name| known.contains(&name.as_str())) {
        return None;
    }
    let status = u16::try_from(reply.get("status")?.as_u64()?).ok();
    let status = status.filter(|status| (200..=999).contains(status))?;
    let headers = match reply.get("headers") {
        None => Vec::new(),
        Some(headers) => headers
            .as_object()?
            .iter()
            .map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
            .collect::<Option<_>>()?,
    };
    let body = match (reply.get("body"), reply.get("bodyBase64")) {
        (None, None) => Vec::new(),
        (Some(text), None) => text.as_str()?.as_bytes().to_vec(),
        (None, Some(text)) => BASE64_STANDARD.decode(text.as_str()?).ok()?,
        (Some(_), Some(_)) => return None,
    };
    Some(Fault::Raw {
        status,
        headers,
        body,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Fault {
        let headers = headers.iter().map(|(k, v)| ((*k).into(), (*v).into()));
        Fault::Raw {
            status,
            headers: headers.collect(),
            body: body.into(),
        }
    }

    fn read(value: &Value) -> Option<Fault> {
        fault(value).ok()
    }

    #[test]
    fn a_string_is_a_specification_and_an_object_a_reply() {
        assert_eq!(read(&json!("code:5066")), Some(Fault::Code(5_066)));
        let whole = json!({"status": 299, "headers": {"x-a": "1"}, "body": "é"});
        let expected = raw(299, &[("x-a", "1")], "é".as_bytes());
        assert_eq!(read(&whole), Some(expected));
        let bytes = json!({"status": 999, "bodyBase64": "AP8="});
        assert_eq!(read(&bytes), Some(raw(999, &[], b"\0\xff")));
        assert_eq!(read(&json!({"status": 200})), Some(raw(200, &[], b"")));
    }

    #[test]
    fn anything_else_is_refused() {
        for wrong in [
            json!(null),
            json!(["reset"]),
            json!("flood"),
            json!({}),
            json!({"status": 199}),
            json!({"status": 1000}),
            json!({"status": "200"}),
            json!({"status": 200, "headers": ["x"]}),
            json!({"status": 200, "headers": {"x": 1}}),
            json!({"status": 200, "body": 1}),
            json!({"status": 200, "bodyBase64": "?"}),
            json!({"status": 200, "body": "", "bodyBase64": ""}),
            json!({"status": 200, "bodi": ""}),
        ] {
            assert_eq!(read(&wrong), None, "{wrong}");
        }
    }
}
