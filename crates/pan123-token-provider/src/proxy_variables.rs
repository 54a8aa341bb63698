//! The proxy variables of the environment, by curl's rules, for the clients that adapters bundle.

use std::ffi::OsString;

use crate::BuildError;

/// Those for `https`; the first one that is set decides. `HTTP_PROXY` is none of them: a request to a CGI can set it.
const PROXIES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
const EXCEPTIONS: [&str; 2] = ["NO_PROXY", "no_proxy"];

/// The proxy for `https` that the environment names. Plain `http` is for loopback and for test networks, and goes to none.
///
/// ```
/// use pan123_token_provider::{BuildError, ProxyVariables};
///
/// // A program passes `|name| std::env::var_os(name)`.
/// let variable = |name: &str| match name {
///     "HTTPS_PROXY" => Some("http://proxy.example:3128".into()),
///     "NO_PROXY" => Some("localhost, .corp.example".into()),
///     _ => None,
/// };
/// let proxy = ProxyVariables::read(variable)?.ok_or("no proxy")?;
/// assert_eq!(proxy.url, "http://proxy.example:3128");
/// assert_eq!(proxy.exceptions, ["localhost", "corp.example"]);
/// assert_eq!(proxy.unreadable(), BuildError::Proxy("HTTPS_PROXY"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ProxyVariables {
    name: &'static str,
    /// As it stands there. It may hold a password.
    pub url: String,
    /// Hosts, and domains with all their subdomains, that are reached without it. No dots around them, and no brackets.
    pub exceptions: Vec<String>,
}

impl ProxyVariables {
    /// None where no variable is set to something, or where every host is an exception.
    ///
    /// # Errors
    ///
    /// When the variable that decides isn't text.
    pub fn read(variable: impl Fn(&str) -> Option<OsString>) -> Result<Option<Self>, BuildError> {
        let first = |names: &[&'static str]| {
            names.iter().find_map(|name| {
                let value = variable(name)?;
                let blank = value.to_str().is_some_and(|value| value.trim().is_empty());
                (!blank).then_some((*name, value))
            })
        };
        let Some((name, url)) = first(&PROXIES) else {
            return Ok(None);
        };
        let list = first(&EXCEPTIONS).map_or_else(OsString::new, |(_, list)| list);
        let list = list.to_string_lossy();
        let separates = |it: char| it == ',' || it.is_whitespace();
        if list.split(separates).any(|exception| exception == "*") {
            return Ok(None);
        }
        let url = url.to_str().ok_or(BuildError::Proxy(name))?;
        let exceptions = list
            .split(separates)
            .map(|exception| exception.trim_matches(['.', '[', ']']))
            // The only wildcard is the one for all hosts.
            .filter(|exception| !exception.is_empty() && !exception.contains('*'));
        Ok(Some(Self {
            name,
            url: url.trim().to_owned(),
            exceptions: exceptions.map(str::to_owned).collect(),
        }))
    }

    /// For an adapter whose client can't make a proxy of the URL.
    pub fn unreadable(&self) -> BuildError {
        BuildError::Proxy(self.name)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a panic is how a test reports")]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Option<ProxyVariables> {
        let value = |name: &str| {
            let found = variables.iter().find(|(it, _)| *it == name);
            found.map(|(_, value)| value.into())
        };
        ProxyVariables::read(value).unwrap()
    }

    #[test]
    fn the_first_variable_that_is_set_decides() {
        let all = [
            ("HTTPS_PROXY", "a"),
            ("https_proxy", "b"),
            ("ALL_PROXY", "c"),
            ("all_proxy", " d "),
        ];
        let url = |variables| read(variables).map(|it| it.url);
        assert_eq!(url(&all).unwrap(), "a");
        assert_eq!(url(&all[1..]).unwrap(), "b");
        assert_eq!(url(&all[2..]).unwrap(), "c");
        assert_eq!(url(&all[3..]).unwrap(), "d");
        assert_eq!(url(&[]), None);
        assert_eq!(
            url(&[("HTTPS_PROXY", " "), ("ALL_PROXY", "c")]).unwrap(),
            "c"
        );
        // It may come from a request to a CGI.
        assert_eq!(url(&[("HTTP_PROXY", "a"), ("REQUEST_METHOD", "GET")]), None);
    }

    #[test]
    fn exceptions_are_parted_by_commas_and_blanks() {
        for (list, exceptions) in [
            ("", vec![]),
            (".", vec![]),
            ("*.example host.*", vec![]),
            ("x, host.example\ty", vec!["x", "host.example", "y"]),
            ("x,,.host.example.,", vec!["x", "host.example"]),
            ("::1 [::2] 10.0.0.0/8", vec!["::1", "::2", "10.0.0.0/8"]),
        ] {
            let read = read(&[("ALL_PROXY", "c"), ("NO_PROXY", list)]).unwrap();
            assert_eq!(read.exceptions, exceptions, "{list}");
        }
        let capitals = [("ALL_PROXY", "c"), ("NO_PROXY", "x"), ("no_proxy", "*")];
        assert_eq!(read(&capitals).unwrap().exceptions, ["x"]);
        assert!(read(&[("ALL_PROXY", "c"), ("NO_PROXY", "x, *")]).is_none());
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_text_is_an_error() {
        use std::os::unix::ffi::OsStringExt;
        let value = |name: &str| (name == "all_proxy").then(|| OsString::from_vec(vec![0xff]));
        let error = ProxyVariables::read(value).err().unwrap();
        assert_eq!(error, BuildError::Proxy("all_proxy"));
    }
}
