//! `multipart/form-data` (RFC 7578), read from a body that has been received whole.

/// A field of a form: a value or a file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Field<'a> {
    pub(crate) name: String,
    pub(crate) content: &'a [u8],
}

/// The fields of a form in their order, or `None` if this is no such form, or one that is not closed.
pub(crate) fn parse<'a>(content_type: &str, body: &'a [u8]) -> Option<Vec<Field<'a>>> {
    let (essence, parameters) = content_type.split_once(';')?;
    if !essence.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let boundary = parameter(parameters, "boundary").filter(|it| !it.is_empty())?;
    let delimiter = format!("--{boundary}").into_bytes();
    // All delimiters but the first begin with the line break before them. What precedes the first is no field.
    let first = if body.starts_with(&delimiter) {
        0
    } else {
        find(body, &[b"\r\n", &*delimiter].concat())? + 2
    };
    let next = [b"\r\n", &*delimiter].concat();
    let mut rest = &body[first + delimiter.len()..];
    let mut fields = Vec::new();
    loop {
        if rest.starts_with(b"--") {
            return Some(fields);
        }
        // Blanks may stand between a delimiter and the end of its line.
        let line = find(rest, b"\r\n")?;
        if !rest[..line].iter().all(|byte| b" \t".contains(byte)) {
            return None;
        }
        rest = &rest[line..];
        let end = find(rest, &next)?;
        // The line break that ends the delimiter's line counts for the headers' end, too: there may be none.
        let head = find(&rest[..end], b"\r\n\r\n")?;
        let name = name(std::str::from_utf8(&rest[..head]).ok()?)?;
        let content = &rest[head + 4..end];
        fields.push(Field { name, content });
        rest = &rest[end + next.len()..];
    }
}

/// The name in a field's `Content-Disposition`.
fn name(head: &str) -> Option<String> {
    let mut lines = head.split("\r\n").filter_map(|line| line.split_once(':'));
    let (_, value) = lines.find(|(name, _)| name.eq_ignore_ascii_case("content-disposition"))?;
    parameter(value.split_once(';')?.1, "name")
}

/// A parameter's value, without its quotes. In a quoted one, a backslash stands before a quote or a backslash.
fn parameter(mut text: &str, wanted: &str) -> Option<String> {
    loop {
        let (name, rest) = text.split_once('=')?;
        let mut value = String::new();
        let rest = if let Some(quoted) = rest.strip_prefix('"') {
            let mut characters = quoted.char_indices();
            let end = loop {
                match characters.next()? {
                    (at, '"') => break at + 1,
                    (at, '\\') if quoted[at + 1..].starts_with(['"', '\\']) => {
                        value.push(characters.next()?.1);
                    }
                    (_, character) => value.push(character),
                }
            };
            quoted[end..].trim_start()
        } else {
            let end = rest.find(';').unwrap_or(rest.len());
            value.push_str(rest[..end].trim());
            &rest[end..]
        };
        if name.trim().eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        text = rest.strip_prefix(';')?;
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|it| it == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPE: &str = "multipart/form-data; boundary=XX";

    fn fields(content_type: &str, body: &[u8]) -> Option<Vec<(String, Vec<u8>)>> {
        let fields = parse(content_type, body)?;
        let fields = fields.into_iter();
        Some(fields.map(|it| (it.name, it.content.to_vec())).collect())
    }

    fn field(name: &str, content: &[u8]) -> (String, Vec<u8>) {
        (name.to_owned(), content.to_vec())
    }

    #[test]
    fn values_and_files_are_read() {
        let body = b"--XX\r\nContent-Disposition: form-data; name=\"sliceNo\"\r\n\r\n1\r\n\
                     --XX\r\ncontent-type: application/octet-stream\r\n\
                     content-disposition: form-data; filename=\"a;name=b\"; name=\"slice\"\r\n\r\n\0\xff\r\n--X\r\n\r\n\
                     --XX--\r\n";
        let expected = vec![field("sliceNo", b"1"), field("slice", b"\0\xff\r\n--X\r\n")];
        assert_eq!(fields(TYPE, body), Some(expected));
    }

    #[test]
    fn a_boundary_may_be_quoted_and_a_preamble_stand_before_it() {
        let body = b"preamble --XX\r\n--XX \t\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n--XX--epilogue";
        for content_type in [
            "Multipart/Form-Data; charset=utf-8; Boundary=\"XX\"",
            "multipart/form-data;boundary=XX ; charset=utf-8",
        ] {
            assert_eq!(fields(content_type, body), Some(vec![field("a", b"")]));
        }
    }

    #[test]
    fn a_quote_in_a_name_is_read() {
        let body =
            b"--XX\r\nContent-Disposition: form-data; name=\"a\\\"b\\\\c\"\r\n\r\n1\r\n--XX--";
        assert_eq!(fields(TYPE, body), Some(vec![field("a\"b\\c", b"1")]));
    }

    #[test]
    fn a_form_without_fields_is_one() {
        assert_eq!(fields(TYPE, b"--XX--\r\n"), Some(vec![]));
    }

    #[test]
    fn anything_else_is_no_form() {
        let field: &[u8] = b"Content-Disposition: form-data; name=\"a\"\r\n\r\n1";
        let whole = [b"--XX\r\n", field, b"\r\n--XX--"].concat();
        assert!(fields(TYPE, &whole).is_some());
        // Cut anywhere, it is not closed.
        for length in 0..whole.len() {
            assert_eq!(fields(TYPE, &whole[..length]), None, "{length}");
        }
        for content_type in [
            "multipart/form-data",
            "multipart/form-data; boundary=",
            "multipart/form-data; boundary=\"XX",
            "multipart/mixed; boundary=XX",
            "application/json",
            "",
        ] {
            assert_eq!(fields(content_type, &whole), None, "{content_type}");
        }
        let nameless = b"--XX\r\nContent-Disposition: form-data\r\n\r\n1\r\n--XX--";
        assert_eq!(fields(TYPE, nameless), None);
        let headless = b"--XX\r\n\r\n1\r\n--XX--";
        assert_eq!(fields(TYPE, headless), None);
        let longer = b"--XXX\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--XXX--";
        assert_eq!(fields(TYPE, longer), None);
    }
}
