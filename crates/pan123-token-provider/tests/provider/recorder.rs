//! A recorder that can be read.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};

/// Each figure by its name, and by its kind where it has one.
#[derive(Clone, Default)]
pub(crate) struct Figures {
    values: Arc<Mutex<BTreeMap<String, Arc<Figure>>>>,
    described: Arc<Mutex<Vec<String>>>,
}

/// A count, the value last set, or the sum of a histogram.
#[derive(Default)]
struct Figure(Mutex<f64>);

impl Figures {
    fn figure(&self, key: &Key) -> Arc<Figure> {
        let mut labels = key.labels();
        let client = labels.next().unwrap();
        assert_eq!((client.key(), client.value()), ("client_id", "my-id"));
        let kind = labels.map(|label| {
            assert_eq!(label.key(), "kind");
            format!(" {}", label.value())
        });
        let name = key.name().to_owned() + &kind.collect::<String>();
        Arc::clone(self.values.lock().unwrap().entry(name).or_default())
    }

    /// Those that aren't zero, without what all names begin with.
    pub(crate) fn all(&self) -> BTreeMap<String, f64> {
        let values = self.values.lock().unwrap();
        let values = values.iter().map(|(name, figure)| {
            let name = name.strip_prefix("pan123_token_").unwrap();
            (name.to_owned(), *figure.0.lock().unwrap())
        });
        values.filter(|(_, value)| *value > 0.0).collect()
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.values.lock().unwrap().keys().cloned().collect()
    }

    /// The names of which a unit and a description were given.
    pub(crate) fn described(&self) -> Vec<String> {
        self.described.lock().unwrap().clone()
    }

    fn describe(&self, key: &KeyName, unit: Option<Unit>, description: &str) {
        assert!(unit.is_some() && !description.is_empty());
        self.described.lock().unwrap().push(key.as_str().to_owned());
    }
}

impl Recorder for Figures {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.describe(&key, unit, &description);
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.describe(&key, unit, &description);
    }

    fn describe_histogram(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.describe(&key, unit, &description);
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.figure(key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.figure(key))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.figure(key))
    }
}

impl CounterFn for Figure {
    fn increment(&self, value: u64) {
        *self.0.lock().unwrap() += f64::from(u32::try_from(value).unwrap());
    }

    fn absolute(&self, _: u64) {
        panic!("it counts");
    }
}

impl GaugeFn for Figure {
    fn increment(&self, _: f64) {
        panic!("it is set");
    }

    fn decrement(&self, _: f64) {
        panic!("it is set");
    }

    fn set(&self, value: f64) {
        *self.0.lock().unwrap() = value;
    }
}

impl HistogramFn for Figure {
    fn record(&self, value: f64) {
        *self.0.lock().unwrap() += value;
    }
}
