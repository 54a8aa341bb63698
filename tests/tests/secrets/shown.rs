//! What was shown of values, by `Debug` and by `Display`.

use std::any::type_name;
use std::collections::BTreeSet;
use std::error::Error;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use pan123_token_cache::Event;

/// Texts, each with the name of its type. Clones collect into the same place.
#[derive(Clone, Default)]
pub(crate) struct Shown(Arc<Mutex<Vec<(String, String)>>>);

impl Shown {
    /// What `Debug` shows of it, in one line and in many.
    pub(crate) fn add<T: Debug>(&self, value: &T) {
        let name = name_of(type_name::<T>());
        self.push(&name, format!("{value:?} {value:#?}"));
    }

    /// The same, and what `Display` shows of it and of all its causes.
    pub(crate) fn add_error<E: Error>(&self, error: &E) {
        self.add(error);
        self.add_causes(&name_of(type_name::<E>()), error);
    }

    /// An error of any type.
    pub(crate) fn add_causes(&self, name: &str, error: &dyn Error) {
        let mut cause = Some(error);
        while let Some(error) = cause {
            self.push(name, format!("{error} {error:?} {error:#?}"));
            cause = error.source();
        }
    }

    /// An event, under the name of its variant.
    pub(crate) fn add_event(&self, event: &Event) {
        let debug = format!("{event:?}");
        let variant = debug
            .split([' ', '{'])
            .next()
            .unwrap_or_default()
            .to_owned();
        self.add(event);
        self.push(&variant, event.to_string());
    }

    pub(crate) fn push(&self, name: &str, text: String) {
        self.0.lock().unwrap().push((name.to_owned(), text));
    }

    /// The names under which something was shown.
    pub(crate) fn names(&self) -> BTreeSet<String> {
        self.texts().into_iter().map(|(name, _)| name).collect()
    }

    pub(crate) fn texts(&self) -> Vec<(String, String)> {
        self.0.lock().unwrap().clone()
    }
}

/// `Grant` of `pan123_token::grant::Grant`, without what stands in `<…>`.
fn name_of(path: &str) -> String {
    let path = path.split('<').next().unwrap_or_default();
    path.rsplit("::").next().unwrap_or_default().to_owned()
}
