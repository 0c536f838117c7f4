//! The last warning and the last error of each component. Every component writes what fails into the log, with its id in a field: here the log
//! is read, so that nobody has to tell twice. Lines that come often are logged once in a while, and so are remembered once in a while.
//!
//! The record does not depend on the log's level: with `level: error` it has the same.

use std::collections::BTreeMap;
use std::fmt::{self, Debug, Write as _};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use super::report::LastError;
use crate::clock::{self, Clock};

/// What the host's own code logs begins with this.
const OWN: &str = "otelier";

/// Lines that are kept; with more, the oldest goes.
const LINES_MAX: usize = 256;

/// Bytes of a component's name or of a message that are kept.
const TEXT_BYTES_MAX: usize = 1024;

/// The fields that name a component, those that say most first, each with what stands before the id.
const NAMING: [(&str, &str); 6] = [
    ("exporter", "exporter:"),
    ("receiver", "receiver:"),
    ("component", ""),
    ("processor", "processor:"),
    ("plugin", "plugin:"),
    ("breaker", "extension:"),
];

/// Whose a line is that names nobody.
const NOBODY: &str = "collector";

/// One record of lines. There is one a process, as there is one log.
#[derive(Debug, Default)]
pub struct Record(Mutex<BTreeMap<(String, Level), Line>>);

#[derive(Debug, Clone)]
struct Line {
    time: u64,
    message: String,
}

static RECORD: OnceLock<Record> = OnceLock::new();

/// The process's record, newest first.
pub fn last_errors() -> Vec<LastError> {
    RECORD.get_or_init(Record::default).shown()
}

/// The part of the log that remembers.
#[derive(Debug, Clone, Copy)]
pub struct LastErrors(&'static Record);

impl LastErrors {
    /// Into the process's record.
    pub fn of_process() -> LastErrors {
        LastErrors(RECORD.get_or_init(Record::default))
    }
}

impl Record {
    /// Remembers a line in the place of the one before it.
    fn put(&self, component: String, level: Level, time: u64, message: String) {
        let mut lines = self.lock();
        lines.insert((component, level), Line { time, message });
        while lines.len() > LINES_MAX {
            let oldest = lines.iter().min_by_key(|(_, line)| line.time).map(|(key, _)| key.clone());
            oldest.map(|key| lines.remove(&key));
        }
    }

    fn shown(&self) -> Vec<LastError> {
        let mut lines: Vec<(u64, LastError)> =
            self.lock().iter().map(|(key, line)| (line.time, told(key, line))).collect();
        lines.sort_by_key(|(time, _)| std::cmp::Reverse(*time));
        lines.into_iter().map(|(_, line)| line).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(String, Level), Line>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn told((component, level): &(String, Level), line: &Line) -> LastError {
    LastError {
        component: component.clone(),
        level: if *level == Level::ERROR { "error" } else { "warn" }.to_owned(),
        time: clock::date(line.time),
        message: line.message.clone(),
    }
}

impl<S: Subscriber> Layer<S> for LastErrors {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let (level, target) = (*event.metadata().level(), event.metadata().target());
        if level > Level::WARN || !target.starts_with(OWN) {
            return;
        }
        let mut words = Words::default();
        event.record(&mut words);
        let (component, message) = words.finish();
        self.0.put(component, level, Clock::system().now(), message);
    }
}

/// The fields of a line that are kept.
#[derive(Default)]
struct Words {
    message: String,
    error: Option<String>,
    named: [Option<String>; NAMING.len()],
}

impl Words {
    /// Whose the line is, and what it says.
    fn finish(self) -> (String, String) {
        let Words { mut message, error, named } = self;
        let named = named.into_iter().zip(NAMING).find_map(|(id, (_, prefix))| Some(format!("{prefix}{}", id?)));
        if let Some(error) = error {
            message = format!("{message}: {error}");
        }
        (bounded(named.unwrap_or_else(|| NOBODY.to_owned())), bounded(message))
    }

    fn put(&mut self, field: &Field, text: String) {
        match field.name() {
            "message" => self.message = bounded(text),
            "error" => self.error = Some(bounded(text)),
            name => {
                let place = NAMING.iter().position(|(naming, _)| *naming == name);
                place.and_then(|place| self.named.get_mut(place)).into_iter().for_each(|id| *id = Some(text.clone()));
            }
        }
    }
}

impl Visit for Words {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let mut text = String::new();
        // Writing to a String cannot fail, and a value that does not print says as much as it did.
        let _: Result<(), fmt::Error> = write!(text, "{value:?}");
        self.put(field, text);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.to_owned());
    }
}

fn bounded(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(TEXT_BYTES_MAX));
    text
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    fn logged(write: impl FnOnce()) -> &'static Record {
        let record: &'static Record = Box::leak(Box::default());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(LastErrors(record)), write);
        record
    }

    #[test]
    fn the_last_line_of_each_component_and_level_is_kept() {
        let record = logged(|| {
            let id = "otlp/a";
            tracing::warn!(exporter = %id, "sending failed: first");
            tracing::warn!(exporter = %id, breaker = "b", error = %"refused", "sending failed");
            tracing::error!(exporter = id, "a dead letter");
            tracing::info!(exporter = id, "works again");
            tracing::warn!(target: "h2::client", "a library's");
            tracing::error!(component = "sum in metrics", "wasm trap");
            tracing::warn!("of nobody");
        });
        let mut lines: Vec<(String, String, String)> =
            record.shown().into_iter().map(|line| (line.component, line.level, line.message)).collect();
        lines.sort();
        let expected = [
            ("collector", "warn", "of nobody"),
            ("exporter:otlp/a", "error", "a dead letter"),
            ("exporter:otlp/a", "warn", "sending failed: refused"),
            ("sum in metrics", "error", "wasm trap"),
        ];
        assert_eq!(lines, expected.map(|(component, level, words)| (component.into(), level.into(), words.into())));
    }

    #[test]
    fn lines_and_their_texts_are_bounded() {
        let record = Record::default();
        for number in 0..LINES_MAX as u64 + 10 {
            record.put(format!("exporter:{number}"), Level::WARN, number, "no".to_owned());
        }
        let shown = record.shown();
        assert_eq!(shown.len(), LINES_MAX);
        assert_eq!(shown[0].component, format!("exporter:{}", LINES_MAX + 9), "the newest comes first");
        assert!(!shown.iter().any(|line| line.component == "exporter:9"), "the oldest are gone");
        let long = logged(|| tracing::warn!("{}", "é".repeat(1000)));
        assert_eq!(long.shown()[0].message.len(), TEXT_BYTES_MAX);
    }
}
