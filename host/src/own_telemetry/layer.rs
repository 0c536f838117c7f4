//! From what is logged to log records.

use std::fmt::{self, Debug, Write as _};
use std::time::SystemTime;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use super::pusher::is_pushing;
use super::queue::Inlet;
use crate::contract::AttributeValue;

/// What the host's own code logs begins with this.
const OWN: &str = "otelier";

/// What pushes is told on standard error alone: it would be about itself.
const PUSHING: &str = "otelier::own_telemetry";

/// A text of more bytes is cut: a stack of a guest is shorter.
const TEXT_BYTES_MAX: usize = 64 << 10;

/// The field that is the text of a log line.
const MESSAGE: &str = "message";

/// One line of the log.
#[derive(Debug, Clone, PartialEq)]
pub struct LogRecord {
    /// When it was logged.
    pub time: SystemTime,
    /// How grave it is.
    pub severity: Level,
    /// Its words.
    pub body: String,
    /// Its fields.
    pub attributes: Vec<(&'static str, AttributeValue)>,
}

/// Takes what is logged into queues.
#[derive(Debug)]
pub struct LogLayer {
    inlets: Vec<Inlet<LogRecord>>,
}

impl LogLayer {
    /// Into each of them.
    pub(super) fn new(inlets: Vec<Inlet<LogRecord>>) -> LogLayer {
        LogLayer { inlets }
    }
}

/// Whether lines from there are pushed. Libraries tell of the connections by which they are pushed.
fn is_wanted(target: &str) -> bool {
    target.starts_with(OWN) && !target.starts_with(PUSHING)
}

impl<S: Subscriber> Layer<S> for LogLayer {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        if !is_wanted(metadata.target()) || is_pushing() {
            return;
        }
        let mut record = LogRecord {
            time: SystemTime::now(),
            severity: *metadata.level(),
            body: String::new(),
            attributes: Vec::with_capacity(metadata.fields().len()),
        };
        event.record(&mut Fields(&mut record));
        self.inlets.iter().for_each(|inlet| inlet.put(record.clone()));
    }
}

/// Takes the fields of a line into its record.
struct Fields<'r>(&'r mut LogRecord);

impl Fields<'_> {
    fn put(&mut self, field: &Field, value: AttributeValue) {
        self.0.attributes.push((field.name(), value));
    }

    fn put_text(&mut self, field: &Field, mut text: String) {
        let end = text.floor_char_boundary(TEXT_BYTES_MAX);
        text.truncate(end);
        match field.name() {
            MESSAGE => self.0.body = text,
            _ => self.put(field, AttributeValue::Text(text)),
        }
    }
}

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let mut text = String::new();
        // Writing to a String cannot fail, and a value that does not print says as much as it did.
        let _: Result<(), fmt::Error> = write!(text, "{value:?}");
        self.put_text(field, text);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put_text(field, value.to_owned());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, AttributeValue::Integer(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, AttributeValue::Double(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, AttributeValue::Bool(value));
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;
    use crate::own_telemetry::queue::queue;
    use crate::telemetry::Registry;

    #[test]
    fn a_line_is_a_record_with_its_fields() {
        let (inlet, mut outlet) = queue(10, "logs", &Registry::default());
        let subscriber = tracing_subscriber::registry().with(LogLayer::new(vec![inlet]));
        tracing::subscriber::with_default(subscriber, || {
            let exporter = "otlp/a";
            let (wait_ms, queued, words) = (5_u128, 7_u64, "refused");
            tracing::warn!(target: "otelier::delivery", exporter, wait_ms, queued, "sending failed: {words}");
            tracing::warn!(target: "h2::client", "a library's");
            tracing::warn!(target: "otelier::own_telemetry::pusher", "of a push");
        });
        let mut records = Vec::new();
        outlet.fill(&mut records, 10);
        assert_eq!(records.len(), 1, "{records:?}");
        let record = &records[0];
        assert_eq!((record.body.as_str(), record.severity), ("sending failed: refused", Level::WARN));
        let expected = [("exporter", "otlp/a".into()), ("wait_ms", "5".into()), ("queued", AttributeValue::Integer(7))];
        assert_eq!(record.attributes, expected);
    }
}
