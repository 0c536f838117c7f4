//! Which of many like messages are written, as zap samples them: in each span of time the first ones, and then every how-manieth.
//!
//! Messages are alike where one place in the program writes them, so that numbers in them do not make each one another.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use tracing::callsite::Identifier;
use tracing::subscriber::Interest;
use tracing::{Event, Metadata};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Context, Filter};

use crate::config::LogSampling;

/// Lets some of the messages through, or all. There are as many windows as places that write.
pub struct Sampling {
    settings: Option<LogSampling>,
    windows: Mutex<HashMap<Identifier, Window>>,
}

struct Window {
    since: Instant,
    seen: u64,
}

impl Sampling {
    /// One by these settings.
    pub fn new(settings: Option<LogSampling>) -> Sampling {
        Sampling { settings, windows: Mutex::default() }
    }

    fn lets_through(&self, place: Identifier, now: Instant) -> bool {
        let Some(LogSampling { tick, initial, thereafter }) = self.settings else { return true };
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let window = windows.entry(place).or_insert(Window { since: now, seen: 0 });
        if now.saturating_duration_since(window.since) >= tick {
            *window = Window { since: now, seen: 0 };
        }
        window.seen += 1;
        let beyond = window.seen.saturating_sub(initial);
        beyond == 0 || (thereafter > 0 && beyond.is_multiple_of(thereafter))
    }
}

impl<S> Filter<S> for Sampling {
    fn enabled(&self, _: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        true
    }

    /// It chooses among what is logged, and neither adds to it nor decides by level.
    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::TRACE)
    }

    fn callsite_enabled(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::always()
    }

    fn event_enabled(&self, event: &Event<'_>, _: &Context<'_, S>) -> bool {
        self.lets_through(event.metadata().callsite(), Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tracing::Subscriber;
    use tracing_subscriber::Layer;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[derive(Clone, Default)]
    struct Counted(std::sync::Arc<Mutex<Vec<String>>>);

    impl<S: Subscriber> Layer<S> for Counted {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(event.metadata().level().to_string());
        }
    }

    #[test]
    fn the_first_ones_and_then_every_how_manieth() {
        let (tick, counted) = (Duration::from_secs(3600), Counted::default());
        let sampling = Sampling::new(Some(LogSampling { tick, initial: 3, thereafter: 10 }));
        let subscriber = tracing_subscriber::registry().with(counted.clone().with_filter(sampling));
        tracing::subscriber::with_default(subscriber, || {
            for number in 0..33 {
                tracing::warn!(number, "again");
                if number == 0 {
                    tracing::error!("another one");
                }
            }
        });
        let written = counted.0.lock().unwrap_or_else(PoisonError::into_inner);
        assert_eq!((written.len(), written.iter().filter(|level| *level == "ERROR").count()), (7, 1));
    }

    #[test]
    fn a_span_of_time_begins_anew_and_nothing_can_be_let_through() {
        let (tick, start) = (Duration::from_secs(10), Instant::now());
        let sampling = Sampling::new(Some(LogSampling { tick, initial: 1, thereafter: 0 }));
        let place = tracing::subscriber::with_default(tracing_subscriber::registry(), || {
            tracing::info_span!("a place in the program").metadata().map(Metadata::callsite)
        });
        let at = |seconds| {
            place.clone().is_some_and(|place| sampling.lets_through(place, start + Duration::from_secs(seconds)))
        };
        assert_eq!([at(0), at(1), at(9), at(10), at(11)], [true, false, false, true, false]);
    }
}
