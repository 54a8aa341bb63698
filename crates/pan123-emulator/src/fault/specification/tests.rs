//! Reading and writing specifications of faults.

use std::time::Duration;

use super::*;

fn parsed(spec: &str) -> Fault {
    spec.parse().unwrap()
}

fn redirect(status: u16, location: Option<&str>) -> Fault {
    Fault::Redirect {
        status,
        location: location.map(str::to_owned),
    }
}

#[test]
fn arguments_are_read() {
    let cases = [
        ("delay:500ms", Fault::Delay(Duration::from_millis(500))),
        ("drip:10ms", Fault::Drip(Duration::from_millis(10))),
        ("oversize:65537", Fault::Oversize(65_537)),
        ("oversize:1073741824", Fault::Oversize(1 << 30)),
        (
            "date:+3h",
            Fault::Date(WrongDate::Ahead(Duration::from_secs(10_800))),
        ),
        (
            "date:-60d",
            Fault::Date(WrongDate::Behind(Duration::from_secs(5_184_000))),
        ),
        ("date:none", Fault::Date(WrongDate::Missing)),
        ("date:garbage", Fault::Date(WrongDate::Garbage)),
        ("status:200", Fault::Status(200)),
        ("status:599", Fault::Status(599)),
        ("gateway:503", Fault::Gateway(503)),
        ("code:5066", Fault::Code(5_066)),
        ("code:-1", Fault::Code(-1)),
        ("retry-after:120", Fault::RetryAfter("120".to_owned())),
        (
            "retry-after:Sun, 23 Mar 2025 07:48:37 GMT",
            Fault::RetryAfter("Sun, 23 Mar 2025 07:48:37 GMT".to_owned()),
        ),
        ("redirect:302", redirect(302, None)),
        (
            "redirect:308:http://[::1]:80/x",
            redirect(308, Some("http://[::1]:80/x")),
        ),
    ];
    for (spec, fault) in cases {
        assert_eq!(parsed(spec), fault);
        assert_eq!(fault.to_string(), spec);
    }
    let elsewhere = redirect(307, Some("https://example.com/x"));
    assert_eq!(parsed("redirect:https://example.com/x"), elsewhere);
    assert_eq!(parsed("redirect:/x"), redirect(307, Some("/x")));
}

#[test]
fn every_word_is_read_and_written() {
    for (word, fault) in &WORDS {
        assert_eq!(&parsed(word), fault);
        assert_eq!(&fault.to_string(), word);
    }
}

#[test]
fn the_table_has_every_fault_and_no_other() {
    let listed: Vec<&str> = rows()
        .flat_map(|(specifications, ..)| specifications.split(", "))
        .map(|specification| specification.trim_matches('`'))
        .collect();
    let name = |spec: &'static str| spec.split_once(':').map_or(spec, |(name, _)| name);
    for spec in &listed {
        let known = WORDS.iter().any(|(word, _)| word == spec)
            || FORMS.iter().any(|(form, _)| *form == name(spec));
        assert!(known, "{spec}");
    }
    let words = WORDS.iter().map(|(word, _)| *word);
    for word in words.chain(FORMS.iter().map(|(form, _)| *form)) {
        assert!(listed.iter().any(|spec| name(spec) == word), "{word}");
    }
}

#[test]
fn the_list_is_plain_text() {
    let list = Fault::list();
    let begin = "  normal\n      normal service; token issued: yes\n  delay:DURATION\n      \
                 normal service at once, but the reply is held back for this long; token issued: yes\n";
    assert!(list.starts_with(begin), "{list}");
    assert!(
        list.contains("\n  date:+DURATION, date:-DURATION\n"),
        "{list}"
    );
    assert!(!list.contains(['|', '`']), "{list}");
    assert_eq!(list.lines().count(), 2 * rows().count());
}

#[test]
fn a_bad_specification_is_answered_with_the_right_form() {
    let cases = [
        ("truncate:5", r#""truncate:5": truncate takes no argument"#),
        ("status", r#""status" must be status:NNN, from 200 to 599"#),
        (
            "status:",
            r#""status:" must be status:NNN, from 200 to 599"#,
        ),
        (
            "status:600",
            r#""status:600" must be status:NNN, from 200 to 599"#,
        ),
        (
            "delay:soon",
            r#""delay:soon" must be delay:DURATION, such as delay:500ms"#,
        ),
        (
            "date:3h",
            r#""date:3h" must be date:+DURATION, date:-DURATION, date:none or date:garbage"#,
        ),
    ];
    for (spec, message) in cases {
        let error = spec.parse::<Fault>().unwrap_err();
        assert_eq!(error.to_string(), message);
    }
    let unknown = "flood".parse::<Fault>().unwrap_err().to_string();
    assert!(unknown.starts_with(r#""flood" is no fault; there are normal, truncate,"#));
    assert!(unknown.ends_with("retry-after, redirect"));
}

#[test]
fn arguments_out_of_range_are_refused() {
    let wrong = [
        "",
        "Reset",
        " reset",
        "status:+200",
        "status:199",
        "status:99999",
        "gateway:302",
        "code:x",
        "code:9223372036854775808",
        "oversize:1073741825",
        "oversize:-1",
        "date:",
        "date:é",
        "date:+",
        "drip:5",
        "retry-after:",
        "retry-after:a\nb",
        "redirect:",
        "redirect:200",
        "redirect:304:/x",
        "redirect:302:",
        "redirect:/a b",
        "raw:200",
    ];
    for spec in wrong {
        assert!(spec.parse::<Fault>().is_err(), "{spec:?}");
    }
}
