//! What a plugin logs while a case runs, as operators would read it.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

/// Lines that were heard.
#[derive(Debug, Clone, Default)]
pub struct Heard(Arc<Mutex<Vec<String>>>);

impl Heard {
    /// Calls `run`, and listens on this thread meanwhile.
    pub fn listen<T>(&self, run: impl FnOnce() -> T) -> T {
        let subscriber = tracing_subscriber::registry().with(Listener(self.clone()));
        tracing::subscriber::with_default(subscriber, run)
    }

    /// The lines since the last time.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

struct Listener(Heard);

impl<S: Subscriber> Layer<S> for Listener {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut line = Line::default();
        event.record(&mut line);
        // What the host says of no component is not about the plugin.
        if line.is_of_component && *event.metadata().level() <= Level::INFO {
            let level = event.metadata().level().as_str().to_ascii_lowercase();
            self.0.0.lock().unwrap_or_else(PoisonError::into_inner).push(format!("{level}: {}", line.message));
        }
    }
}

#[derive(Default)]
struct Line {
    message: String,
    is_of_component: bool,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            "component" => self.is_of_component = true,
            _ => {}
        }
    }
}
