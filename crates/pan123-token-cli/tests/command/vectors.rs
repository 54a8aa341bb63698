//! The vectors through the command: what it prints and how it ends must be what the core says.

use pan123_token_tests::scripted::ScriptedServer;
use pan123_token_tests::vector::{
    self, CLIENT_ID, CLIENT_SECRET, CLIENT_SECRET_FORMS, Expectation, ExpectedGrant,
};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Said, command, run};

fn get(vector: &vector::Vector, format: &str) -> Said {
    let server = ScriptedServer::reply(vector.wire());
    let said = run(command(&["get", "--store", "none", "--format", format])
        .env("PAN123_BASE_URL", server.url())
        .env("PAN123_CLIENT_ID", CLIENT_ID)
        .env("PAN123_CLIENT_SECRET", CLIENT_SECRET));
    assert_eq!(server.received().len(), 1, "{}", vector.name);
    for form in CLIENT_SECRET_FORMS {
        for text in [&said.stdout, &said.stderr] {
            assert!(!text.contains(form), "{}: {text}", vector.name);
        }
    }
    said
}

/// By the server's clock.
fn expired_on_issue(grant: &ExpectedGrant) -> bool {
    grant
        .server_time
        .is_some_and(|date| grant.expires_at <= date)
}

#[test]
fn every_vector_ends_in_its_json_and_its_exit_code() {
    let mut replayed = 0;
    for vector in vector::all() {
        if vector.unsendable.is_some() {
            continue;
        }
        let said = get(&vector, "json");
        match &vector.expectation {
            Expectation::Grant(expected) if expired_on_issue(expected) => {
                assert_eq!(said.exit, 76, "{}", vector.name);
                let kind = &said.json()["error"]["kind"];
                assert_eq!(kind, "malformed", "{}", vector.name);
            }
            Expectation::Grant(expected) => {
                assert_eq!(said.exit, 0, "{}", vector.name);
                let mut wanted = json!({
                    "accessToken": expected.token,
                    "expiresAt": expected.expires_at.format(&Rfc3339).unwrap(),
                    "authorization": format!("Bearer {}", expected.token),
                    "source": "server",
                });
                if expected.lifetime.is_none() && expected.expires_at <= OffsetDateTime::now_utc() {
                    wanted["expired"] = true.into();
                }
                assert_eq!(said.json(), wanted, "{}", vector.name);
            }
            Expectation::Error(expected) => {
                let exit = match expected.kind.as_str() {
                    "unavailable" => 69,
                    "rate_limited" => 75,
                    "too_large" | "malformed" | "not_api" => 76,
                    "refused" => 77,
                    other => panic!("{other}"),
                };
                assert_eq!(said.exit, exit, "{}: {}", vector.name, said.stderr);
                let mut wanted = json!({
                    "kind": expected.kind.as_str(),
                    "status": vector.status.as_u16(),
                });
                let optional = [
                    ("code", expected.code.map(Value::from)),
                    ("message", expected.message.clone().map(Value::from)),
                    ("traceId", expected.trace_id.clone().map(Value::from)),
                    (
                        "retryAfterSeconds",
                        expected.retry_after.map(|wait| wait.as_secs().into()),
                    ),
                ];
                for (key, value) in optional {
                    if let Some(value) = value {
                        wanted[key] = value;
                    }
                }
                assert_eq!(said.json(), json!({ "error": wanted }), "{}", vector.name);
                assert_eq!(said.stderr.matches('\n').count(), 1, "{}", vector.name);
            }
        }
        replayed += 1;
    }
    assert!(replayed > 100, "only {replayed} vectors");
}

#[test]
fn raw_output_is_the_token_alone() {
    let mut replayed = 0;
    for vector in vector::all() {
        let Expectation::Grant(expected) = &vector.expectation else {
            continue;
        };
        if vector.unsendable.is_none() && !expired_on_issue(expected) {
            let said = get(&vector, "raw");
            assert_eq!(said.exit, 0, "{}", vector.name);
            assert_eq!(said.stdout, format!("{}\n", expected.token));
            replayed += 1;
        }
    }
    assert!(replayed > 5, "only {replayed} vectors");
}
