//! How the process is: where it is in its life, and what is wrong with which of its parts. Whoever finds a trouble says so here, and says
//! when it is over; the health endpoint shows it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use super::{ComponentId, Remarks};

/// The part that stands for the store: while it fails, no request can be taken.
pub const STORE: &str = "store";

/// Bytes of a message that are kept.
const MESSAGE_BYTES_MAX: usize = 1024;

/// Where the process is in its life.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Phase {
    /// Requests are not taken yet.
    #[default]
    Starting,
    /// Requests are taken.
    Running,
    /// Requests are not taken any more.
    Stopping,
}

/// How bad a trouble is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The part works, and something of what it shows or sends is wrong or missing.
    Degraded,
    /// The part does not work.
    Failed,
}

/// What is wrong with a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// How bad it is.
    pub severity: Severity,
    /// For people.
    pub message: String,
    /// Since when it is so bad, in nanoseconds since the Unix epoch.
    pub since: u64,
}

/// Phase and troubles of one process. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Health(Arc<Mutex<Conditions>>);

#[derive(Debug, Default)]
struct Conditions {
    phase: Phase,
    phase_since: u64,
    troubles: BTreeMap<String, Trouble>,
    asked: Vec<Asked>,
}

/// A part that is asked for what it has to say whenever somebody looks.
#[derive(Clone)]
struct Asked {
    part: String,
    remarks: Remarks,
}

impl std::fmt::Debug for Asked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Asked({})", self.part)
    }
}

impl Health {
    /// What an exporter is called as a part.
    pub fn exporter(id: &ComponentId) -> String {
        format!("exporter:{id}")
    }

    /// The process has come to another phase.
    pub fn enter(&self, phase: Phase) {
        let mut state = self.lock();
        (state.phase, state.phase_since) = (phase, now());
    }

    /// The phase, and since when.
    pub fn phase(&self) -> (Phase, u64) {
        let state = self.lock();
        (state.phase, state.phase_since)
    }

    /// `part` cannot do its work.
    pub fn failed(&self, part: &str, reason: &str) {
        self.lock().add(part, Severity::Failed, reason);
    }

    /// `part` does its work, and a person should look at it. It says nothing of a part that has failed.
    pub fn degraded(&self, part: &str, message: &str) {
        self.lock().add(part, Severity::Degraded, message);
    }

    /// `part` works again, and all is right with it.
    pub fn recovered(&self, part: &str) {
        self.lock().troubles.remove(part);
    }

    /// What is wrong with that part.
    pub fn trouble(&self, part: &str) -> Option<Trouble> {
        self.lock().troubles.get(part).cloned()
    }

    /// The words of every trouble, by part.
    pub fn troubles(&self) -> BTreeMap<String, String> {
        self.lock().troubles.iter().map(|(part, trouble)| (part.clone(), trouble.message.clone())).collect()
    }

    /// Why requests cannot be taken at the moment; `None` where they can.
    pub fn obstacle(&self) -> Option<String> {
        let state = self.lock();
        match (state.phase, state.troubles.get(STORE)) {
            (Phase::Starting, _) => Some("starting".to_owned()),
            (Phase::Stopping, _) => Some("shutting down".to_owned()),
            (Phase::Running, Some(trouble)) => Some(format!("state cannot be written: {}", trouble.message)),
            (Phase::Running, None) => None,
        }
    }

    /// `part` is asked whenever somebody looks: what it says makes it degraded.
    pub fn ask(&self, part: &str, remarks: Remarks) {
        self.lock().asked.push(Asked { part: part.to_owned(), remarks });
    }

    /// Every trouble, by part.
    pub fn details(&self) -> BTreeMap<String, Trouble> {
        let (mut troubles, asked) = {
            let state = self.lock();
            (state.troubles.clone(), state.asked.clone())
        };
        for Asked { part, remarks } in asked {
            let remarks = remarks();
            if !remarks.is_empty() && !troubles.contains_key(&part) {
                let lines: Vec<&str> = remarks.iter().map(|remark| remark.text.as_str()).collect();
                let age = remarks.iter().map(|remark| remark.age).max().unwrap_or_default();
                let since = now().saturating_sub(u64::try_from(age.as_nanos()).unwrap_or(u64::MAX));
                let (severity, message) = (Severity::Degraded, bounded(&lines.join("; ")));
                troubles.insert(part, Trouble { severity, message, since });
            }
        }
        troubles
    }

    fn lock(&self) -> MutexGuard<'_, Conditions> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Conditions {
    fn add(&mut self, part: &str, severity: Severity, message: &str) {
        let before = self.troubles.get(part);
        if before.is_some_and(|before| before.severity > severity) {
            return;
        }
        let since = before.filter(|before| before.severity == severity).map_or_else(now, |before| before.since);
        self.troubles.insert(part.to_owned(), Trouble { severity, message: bounded(message), since });
    }
}

fn bounded(message: &str) -> String {
    message.get(..message.floor_char_boundary(MESSAGE_BYTES_MAX)).unwrap_or_default().to_owned()
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::time::Duration;

    use super::super::Remark;
    use super::*;

    #[test]
    fn a_trouble_keeps_its_beginning_and_gives_way_to_a_worse_one() {
        let health = Health::default();
        health.degraded("part", "odd");
        let odd = health.trouble("part").unwrap();
        health.degraded("part", "still odd");
        let still = health.trouble("part").unwrap();
        assert_eq!((still.since, still.message.as_str()), (odd.since, "still odd"));
        health.failed("part", &"é".repeat(1000));
        let failed = health.trouble("part").unwrap();
        assert_eq!((failed.severity, failed.message.len()), (Severity::Failed, MESSAGE_BYTES_MAX));
        health.degraded("part", "odd");
        assert_eq!(health.trouble("part"), Some(failed), "a part that has failed is not merely odd");
        health.recovered("part");
        assert!(health.details().is_empty());
    }

    #[test]
    fn a_part_that_is_asked_says_what_is_odd_at_that_moment_unless_it_has_failed() {
        let (health, odd) = (Health::default(), Arc::new(Mutex::new(Vec::new())));
        let said = Arc::clone(&odd);
        health.ask("part", Arc::new(move || said.lock().unwrap().clone()));
        assert!(health.details().is_empty());
        let hours = |hours: u64| Duration::from_secs(hours * 3600);
        let remark = |text: &str, age| Remark { text: text.to_owned(), age };
        odd.lock().unwrap().extend([remark("one", hours(2)), remark("two", hours(3))]);
        let before = now() - hours(3).as_nanos() as u64;
        let trouble = health.details().remove("part").unwrap();
        assert_eq!((trouble.severity, trouble.message.as_str()), (Severity::Degraded, "one; two"));
        assert!((before..=now() - hours(3).as_nanos() as u64).contains(&trouble.since), "as old as the oldest remark");
        health.failed("part", "it does not work");
        assert_eq!(health.details().remove("part").unwrap().message, "it does not work");
    }
}
