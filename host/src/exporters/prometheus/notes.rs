//! What is shown otherwise than it came, or cannot be told apart: counted per item, and told in the log once in a while with the
//! name it is about. What is dropped altogether is in `drop_counters`.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::drop_counters::LOG_PAUSE;
use super::note::{CONFLICTS, Note};
use super::tally::{Example, Tally};
use crate::contract::{ComponentId, Remark};
use crate::telemetry::{Counter, Registry};

/// How many names are told of within [`LOG_PAUSE`].
const NAMES_MAX: usize = 100;

/// The counters, and what was told lately.
#[derive(Debug)]
pub struct Notes {
    id: String,
    counters: [Counter; Note::ALL.len()],
    told: Mutex<HashMap<(Note, String), Told>>,
}

/// What was told of a name.
#[derive(Debug)]
struct Told {
    /// When it was told last.
    at: Duration,
    /// When it happened first, without a pause since.
    since: Duration,
    /// When it happened last.
    seen: Duration,
    text: String,
}

impl Notes {
    /// Registers all of them, so that what never happened reads zero.
    pub fn new(id: &ComponentId, registry: &Registry) -> Notes {
        let id = id.to_string();
        let counters = Note::ALL.map(|note| {
            let (name, help, label) = note.metric();
            registry.counter(name, help, &[("exporter", id.as_str()), (label, note.words().0)])
        });
        Notes { id, counters, told: Mutex::default() }
    }

    /// Counts what happened, and tells of it where that was not done lately.
    pub fn add(&self, tally: &Tally, now: Duration) {
        for ((note, counter), count) in Note::ALL.into_iter().zip(&self.counters).zip(tally.counts) {
            if count > 0 {
                counter.add(count);
                self.tell(note, count, counter.get(), tally, now);
            }
        }
    }

    fn tell(&self, note: Note, count: u64, total: u64, tally: &Tally, now: Duration) {
        let (exporter, kind, way_out) = (&self.id, note.words().0, note.words().1);
        let mut examples = tally.examples.iter().filter(|example| example.note == note).peekable();
        if examples.peek().is_none() && self.is_due(note, "", "", now) {
            tracing::warn!(exporter, kind, count, total, "{way_out}");
        }
        for Example { name, text, .. } in examples {
            if self.is_due(note, name, text, now) {
                tracing::warn!(exporter, kind, name, count, total, "{way_out}: {text}");
            }
        }
    }

    /// Whether it was not told of this name lately; it counts as told from now on. Of names beyond a bound nothing is told.
    fn is_due(&self, note: Note, name: &str, text: &str, now: Duration) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (note, name.to_owned());
        if let Some(known) = told.get_mut(&key) {
            return known.happens_again(text, now);
        }
        if told.len() >= NAMES_MAX {
            told.retain(|_, told| is_recent(told.at, now));
        }
        let is_due = told.len() < NAMES_MAX;
        if is_due {
            told.insert(key, Told { at: now, since: now, seen: now, text: text.to_owned() });
        }
        is_due
    }

    /// The conflicts of late, for people, by the names that they are about.
    pub fn conflicts(&self, now: Duration) -> Vec<Remark> {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let recent = told.iter().filter(|((note, _), told)| note.metric() == CONFLICTS && is_recent(told.seen, now));
        let remark = |((note, name), told): (&(Note, String), &Told)| Remark {
            text: format!("{name}: {} conflict: {}", note.words().0, told.text),
            age: now.saturating_sub(told.since),
        };
        let mut conflicts: Vec<Remark> = recent.map(remark).collect();
        conflicts.sort_unstable_by(|a, b| a.text.cmp(&b.text));
        conflicts
    }
}

impl Told {
    /// Whether to tell it again.
    fn happens_again(&mut self, text: &str, now: Duration) -> bool {
        if !is_recent(self.seen, now) {
            self.since = now;
        }
        self.seen = now;
        let is_due = !is_recent(self.at, now);
        if is_due {
            self.at = now;
            text.clone_into(&mut self.text);
        }
        is_due
    }
}

/// Whether something of then is still to be read, and not to be told again.
fn is_recent(then: Duration, now: Duration) -> bool {
    now.saturating_sub(then) < LOG_PAUSE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_note_counts_and_each_name_is_told_now_and_then() {
        let (registry, mut tally) = (Registry::default(), Tally::default());
        let Ok(id) = "prometheus".parse() else { return };
        let notes = Notes::new(&id, &registry);
        tally.add(Note::SeriesConflict, 3);
        tally.explain(Note::SeriesConflict, "jobs_total", || "a and b".to_owned());
        notes.add(&tally, Duration::from_secs(5));
        notes.add(&tally, Duration::from_secs(6));
        assert_eq!(registry.total("otelier_prometheus_conflicting_points", &[("conflict", "series")]), 6);
        assert!(!notes.is_due(Note::SeriesConflict, "jobs_total", "", Duration::from_secs(604)));
        assert!(notes.is_due(Note::SeriesConflict, "other_total", "", Duration::from_secs(604)));
        assert!(notes.is_due(Note::SeriesConflict, "jobs_total", "", Duration::from_secs(605)));
    }

    #[test]
    fn conflicts_are_there_to_be_read_for_as_long_as_they_are_not_told_again() {
        let Ok(id) = "prometheus".parse() else { return };
        let (notes, mut tally) = (Notes::new(&id, &Registry::default()), Tally::default());
        for (note, name) in [(Note::TypeConflict, "b"), (Note::SeriesConflict, "a"), (Note::SumOmitted, "c")] {
            tally.add(note, 1);
            tally.explain(note, name, || "x and y".to_owned());
        }
        notes.add(&tally, Duration::from_secs(1));
        let expected = ["a: series conflict: x and y", "b: type conflict: x and y"];
        let conflicts = |seconds| notes.conflicts(Duration::from_secs(seconds));
        assert_eq!(conflicts(600).iter().map(|remark| remark.text.as_str()).collect::<Vec<_>>(), expected);
        assert!(conflicts(600).iter().all(|remark| remark.age == Duration::from_secs(599)));
        assert_eq!(conflicts(601), []);
    }

    #[test]
    fn a_conflict_is_as_old_as_its_first_point_until_there_is_none_for_a_while() {
        let Ok(id) = "prometheus".parse() else { return };
        let (notes, mut tally) = (Notes::new(&id, &Registry::default()), Tally::default());
        tally.add(Note::TypeConflict, 1);
        tally.explain(Note::TypeConflict, "a", || "x".to_owned());
        let ages = |seconds: u64| {
            let conflicts = notes.conflicts(Duration::from_secs(seconds));
            conflicts.iter().map(|remark| remark.age.as_secs()).collect::<Vec<_>>()
        };
        for seconds in [100, 500, 1000, 1500] {
            notes.add(&tally, Duration::from_secs(seconds));
            assert_eq!(ages(seconds), [seconds - 100]);
        }
        assert_eq!((ages(2099), ages(2100)), (vec![1999], vec![]));
        notes.add(&tally, Duration::from_secs(2100));
        assert_eq!(ages(2101), [1]);
    }

    #[test]
    fn what_is_told_is_bounded() {
        let Ok(id) = "prometheus".parse() else { return };
        let notes = Notes::new(&id, &Registry::default());
        let due = |seconds| {
            let is_due =
                |number: &u32| notes.is_due(Note::TypeConflict, &number.to_string(), "", Duration::from_secs(seconds));
            (0..1000_u32).filter(is_due).count()
        };
        assert_eq!([due(0), due(1), due(600)], [NAMES_MAX, 0, NAMES_MAX]);
    }
}
