//! The READMEs: both languages say the same, programs are examples that run, links lead somewhere, and the list of errors is
//! the code's own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a panic is how a test reports"
)]

use std::collections::BTreeSet;
use std::fmt::{Debug, Display};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::Response;
use http::header::RETRY_AFTER;
use pan123_token::{
    AccessToken, BaseUrl, Cause, Credentials, FetchError, GetAccessToken, OffsetDateTime,
    ResponseError,
};
use pan123_token_cache::{Failure, StoreError, TokenError};
use pan123_token_reqwest::SendError;
use pan123_token_ureq::EnvironmentError;

const ENGLISH: &str = include_str!("../../README.md");
const CHINESE: &str = include_str!("../../README.zh-CN.md");

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The blocks of code, with what is behind their first fence.
fn blocks(readme: &str) -> Vec<(&str, &str)> {
    let mut rest = readme;
    let mut blocks = Vec::new();
    while let Some((_, begun)) = rest.split_once("\n```") {
        let (language, behind) = begun.split_once('\n').unwrap();
        let (block, behind) = behind.split_once("\n```\n").expect("a fence that ends");
        blocks.push((language, block));
        // The next fence may follow at once.
        rest = &begun[begun.len() - behind.len() - 1..];
    }
    blocks
}

/// What stands between two marks.
fn part<'a>(readme: &'a str, name: &str) -> &'a str {
    let (_, rest) = readme.split_once(&format!("<!-- {name} -->\n")).unwrap();
    rest.split_once(&format!("<!-- /{name} -->")).unwrap().0
}

#[test]
fn both_languages_have_the_same_code() {
    // Pictures have words in them.
    let code = |readme| {
        let mut blocks = blocks(readme);
        blocks.retain(|(language, _)| *language != "text");
        blocks
    };
    let (english, chinese) = (code(ENGLISH), code(CHINESE));
    assert!(english.len() > 10);
    assert_eq!(english, chinese);
}

#[test]
fn both_languages_have_the_same_sections_tables_and_figures() {
    let levels = |readme: &'static str| {
        let lines = outside_of_code(readme);
        let marks = lines.map(|line| match line.split_once(' ') {
            Some((mark @ ("#" | "##" | "###"), _)) => mark,
            _ if line.starts_with('|') => "|",
            _ if line.starts_with("- ") => "-",
            _ => "",
        });
        marks.filter(|mark| !mark.is_empty()).collect::<Vec<_>>()
    };
    assert_eq!(levels(ENGLISH), levels(CHINESE));

    for table in ["figures", "benches"] {
        let numbers = |readme| {
            let cells = part(readme, table).split('|').map(str::trim);
            // With their units, and without words.
            let number = |cell: &&str| {
                let is_part = |c: char| c.is_ascii_digit() || "., %µmns".contains(c);
                !cell.is_empty() && cell.chars().all(is_part)
            };
            cells.filter(number).collect::<Vec<_>>()
        };
        assert_eq!(numbers(ENGLISH), numbers(CHINESE), "{table}");
    }
}

fn outside_of_code(readme: &str) -> impl Iterator<Item = &str> {
    let mut inside = false;
    readme.lines().filter(move |line| {
        let fence = line.starts_with("```");
        inside ^= fence;
        !inside && !fence
    })
}

#[test]
fn the_programs_are_examples() {
    let programs: Vec<_> = blocks(ENGLISH)
        .into_iter()
        .filter_map(|(language, block)| (language == "rust,no_run").then_some(block))
        .collect();
    assert_eq!(programs.len(), 3);
    for (program, name) in programs
        .iter()
        .zip(["blocking_ureq", "tokio_hyper", "tokio_reqwest"])
    {
        let path = root().join(format!("examples/{name}.rs"));
        let example = fs::read_to_string(path).unwrap();
        let (_, code) = example.split_once("\n\n").expect("a heading");
        assert_eq!(code.trim_end(), *program, "{name}");
    }
}

/// What the links of this text lead to.
fn links(readme: &str) -> impl Iterator<Item = &str> {
    outside_of_code(readme)
        .flat_map(|line| line.split("](").skip(1))
        .filter_map(|rest| rest.split_once(')'))
        .map(|(target, _)| target)
}

#[test]
fn links_lead_to_files_and_sections() {
    for readme in [ENGLISH, CHINESE] {
        let sections: BTreeSet<_> = outside_of_code(readme)
            .filter_map(|line| line.strip_prefix("## "))
            .map(|title| format!("#{}", title.to_lowercase().replace(' ', "-")))
            .collect();
        for target in links(readme).filter(|target| !target.starts_with("https://")) {
            if target.starts_with('#') {
                assert!(sections.contains(target), "{target}");
            } else {
                assert!(root().join(target).exists(), "{target}");
            }
        }
    }
}

/// A crate's README is shown where the repository isn't.
#[test]
fn the_crates_readmes_link_to_nothing_outside_of_their_folder() {
    for folder in fs::read_dir(root().join("crates")).unwrap() {
        let folder = folder.unwrap().path();
        let readme = fs::read_to_string(folder.join("README.md")).unwrap();
        for target in links(&readme) {
            let outside = target.contains("..") || target.starts_with('/');
            assert!(!outside, "{}: {target}", folder.display());
        }
    }
}

/// An error as the README should have it: how the code names it, and its line.
type Listed = (String, String);

fn listed(error: &(impl Debug + Display)) -> Listed {
    let debug = format!("{error:?}");
    let name = debug.split(|c: char| !c.is_alphanumeric()).next();
    (name.unwrap().to_owned(), error.to_string())
}

/// What this enum's variants are called, by its source.
fn variants(source: &str, name: &str) -> BTreeSet<String> {
    let (_, rest) = source.split_once(&format!("pub enum {name} {{\n")).unwrap();
    let (body, _) = rest.split_once("\n}\n").unwrap();
    body.lines()
        .filter_map(|line| line.strip_prefix("    "))
        .filter(|line| line.starts_with(char::is_uppercase))
        .map(|line| line.split(|c: char| !c.is_alphanumeric()).next().unwrap())
        .map(str::to_owned)
        .collect()
}

/// Checks that these are all of an enum's variants.
#[track_caller]
fn all_of(errors: Vec<Listed>, source: &str, name: &str) -> Vec<Listed> {
    let names: BTreeSet<_> = errors.iter().map(|(name, _)| name.clone()).collect();
    assert_eq!(names, variants(source, name), "{name}");
    errors
}

/// What the core makes of this reply.
fn response_error(status: u16, body: &str) -> ResponseError {
    let credentials = Credentials::new("my-id", "my-secret").unwrap();
    let reply = Response::builder().status(status).header(RETRY_AFTER, "2");
    let reply = reply.body(body.to_owned()).unwrap();
    let operation = GetAccessToken::new(credentials);
    operation.parse_response(&reply).unwrap_err()
}

fn response_errors() -> Vec<Listed> {
    let errors = [
        response_error(200, r#"{"code":429,"message":"请求太频繁"}"#),
        response_error(503, "<html>"),
        response_error(200, &" ".repeat(70_000)),
        response_error(200, r#"{"code":0,"data":null}"#),
        response_error(200, r#"{"code":1}"#),
        response_error(200, "<html>"),
    ];
    let listed = |error: &ResponseError| (format!("{:?}", error.kind()), error.to_string());
    let source = include_str!("../../crates/pan123-token/src/response_error.rs");
    all_of(errors.iter().map(listed).collect(), source, "ErrorKind")
}

fn fetch_errors() -> Vec<FetchError> {
    let cause = Cause::from("a cause");
    vec![
        FetchError::Connect(cause.clone()),
        FetchError::Tls(cause.clone()),
        FetchError::Timeout(Duration::from_secs(30)),
        FetchError::Body(cause.clone()),
        FetchError::Panicked(cause),
        FetchError::Response(response_error(200, r#"{"code":1}"#)),
    ]
}

fn failures() -> Vec<Failure> {
    let token = AccessToken::new("a.b.c", OffsetDateTime::UNIX_EPOCH).unwrap();
    vec![
        Failure::Fetch(response_error(503, "").into()),
        Failure::IssuedExpired(token),
        Failure::Unchanged,
        Failure::Dropped,
        Failure::NotSent(Cause::from("a cause")),
    ]
}

fn token_errors() -> Vec<TokenError> {
    let next_attempt = Duration::from_secs(1);
    vec![
        TokenError::Renewal {
            failure: Failure::Unchanged,
            next_attempt,
        },
        TokenError::RateLimited { next_attempt },
        TokenError::HeldBack { next_attempt },
        TokenError::Store {
            error: StoreError::new("a cause"),
            next_attempt,
        },
        TokenError::TimedOut(Duration::from_secs(30)),
    ]
}

fn environment_errors() -> Vec<EnvironmentError> {
    let unusable = Credentials::new("my-id", "my-secret\n").unwrap_err();
    vec![
        EnvironmentError::Missing("PAN123_CLIENT_ID"),
        EnvironmentError::NotUnicode("PAN123_CLIENT_SECRET"),
        EnvironmentError::Unusable(unusable),
    ]
}

/// Every error that keeps a program from its token, and what it says.
fn lines() -> BTreeSet<String> {
    let core = include_str!("../../crates/pan123-token/src/fetch_error.rs");
    let failure = include_str!("../../crates/pan123-token-cache/src/failure.rs");
    let token = include_str!("../../crates/pan123-token-cache/src/token_error.rs");
    let environment = include_str!("../../crates/pan123-token-provider/src/environment.rs");
    let all = [
        response_errors(),
        all_of(
            fetch_errors().iter().map(listed).collect(),
            core,
            "FetchError",
        ),
        all_of(failures().iter().map(listed).collect(), failure, "Failure"),
        all_of(
            token_errors().iter().map(listed).collect(),
            token,
            "TokenError",
        ),
        all_of(
            environment_errors().iter().map(listed).collect(),
            environment,
            "EnvironmentError",
        ),
        vec![
            listed(&Credentials::new("my-id", "").unwrap_err()),
            listed(&"http://example.com".parse::<BaseUrl>().unwrap_err()),
            listed(&SendError::Redirects),
        ],
    ];
    all.into_iter().flatten().map(|(_, line)| line).collect()
}

/// The texts that a README lists, and their kinds.
fn rows(readme: &'static str) -> Vec<(&'static str, &'static str)> {
    let cells = |row: &'static str| row.split('|').map(|cell| cell.trim().trim_matches('`'));
    part(readme, "errors")
        .lines()
        .skip(2)
        .map(|row| (cells(row).nth(1).unwrap(), cells(row).nth(2).unwrap()))
        .collect()
}

#[test]
fn the_list_of_errors_is_the_codes_own() {
    let rows = rows(ENGLISH);
    let says = |line: &str, text: &str| line.starts_with(text.trim_end_matches('…'));
    for line in lines() {
        let listed = rows.iter().any(|(text, _)| says(&line, text));
        assert!(listed, "not in the README: {line}");
    }
    for (text, _) in &rows {
        let said = lines().iter().any(|line| says(line, text));
        assert!(said, "no error says this: {text}");
    }

    let kind_of = |line: &str| {
        let row = rows.iter().find(|(text, _)| says(line, text));
        row.unwrap().1
    };
    for error in fetch_errors() {
        assert_eq!(kind_of(&error.to_string()), error.kind());
    }
}

#[test]
fn both_languages_list_the_same_errors() {
    assert_eq!(rows(ENGLISH), rows(CHINESE));
}
