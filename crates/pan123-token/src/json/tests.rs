use proptest::prelude::*;
use serde::de::IgnoredAny;

use super::*;

/// The one value that the text is.
fn read(text: &str) -> Result<&str, Stop> {
    let mut reader = Reader::new(text);
    let value = reader.value()?;
    if reader.is_at_end() {
        Ok(value)
    } else {
        Err(Stop::Invalid)
    }
}

#[test]
fn a_value_is_its_own_piece_of_the_text() {
    for value in [
        "{}",
        "[ ]",
        r#"{"a" : [1, {"b":null} ], "":{"c":"}"}}"#,
        r#""""#,
        r#""a\"\\\/\b\f\n\r\t\uD83dx密""#,
        "0",
        "-0",
        "-10.50e+07",
        "1E400",
        "true",
        "false",
        "null",
    ] {
        assert_eq!(read(value), Ok(value));
        assert_eq!(read(&format!("\r\n\t {value} \n")), Ok(value));
    }
}

#[test]
fn a_beginning_is_distinguished_from_what_is_no_json() {
    for text in [
        "", " ", "{", "[", "[1", "[1,", r#"{"a"#, r#"{"a":"#, r#""\"#, r#""\u00"#, "-", "1.", "1e",
        "nul",
    ] {
        assert_eq!(read(text), Err(Stop::Ended), "{text}");
    }
    for text in [
        "}",
        "[}",
        "{]",
        "[,",
        "[1 2",
        "[1,]",
        "{,",
        "{1",
        r#"{"a",""#,
        r#"{"a":1,}"#,
        r#"{"a":1 "b""#,
        "nil",
        r#""\x"#,
        r#""\u00g"#,
        "\"\n",
        "01",
        "+1",
        ".5",
        "1.e",
        "1e+-",
        "--",
        "密",
        "\u{feff}{}",
        "\u{c}1",
        "1 1",
    ] {
        assert_eq!(read(text), Err(Stop::Invalid), "{text}");
    }
}

#[test]
fn the_members_of_an_object_come_in_order() {
    let mut members = Vec::new();
    let text = r#" { "a" : 1 , "\u0061":[ 2 ],"a":"3"} "#;
    let mut reader = Reader::new(text);
    let end = reader.object(|reader, key| {
        members.push((key.json(), reader.value()?));
        Ok(())
    });
    assert_eq!(end, Ok(()));
    assert!(reader.is_at_end());
    let expected = [
        (r#""a""#, "1"),
        (r#""\u0061""#, "[ 2 ]"),
        (r#""a""#, r#""3""#),
    ];
    assert_eq!(members, expected);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn what_serde_json_takes_for_json_is_json(
        text in r#"([{}\[\]:, ]|"a"|"\\\\(u[0-9a-f]{3,4}|["n/x\\\\])?"|-?[01]|[.eE][+-]?|true|nul|[\n\x0c\x00])*"#,
    ) {
        let expected = serde_json::from_str::<IgnoredAny>(&text).is_ok();
        prop_assert_eq!(read(&text).is_ok(), expected, "{}", text);
    }
}
