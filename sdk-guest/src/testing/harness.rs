//! Runs a processor as the host does: each call a transaction, a crash at any moment.

use std::collections::BTreeMap;

use crate::{Bitmap, Failure, Instance, Processor, Progress, Signal, Stored};

use super::items::Fed;
use super::memory::Durable;
use super::{Emitted, EmittedPoint, LogRecord, MemoryHost, Metric, Sent, Span, edits};

/// A processor on a [`MemoryHost`].
pub struct Harness<P> {
    host: MemoryHost,
    instance: Instance<P>,
    signal: Signal,
    config: String,
    stored: Option<Stored>,
    /// What a crash leaves.
    committed: (Durable, Option<Stored>),
    now: u64,
    /// How far the wall clock is ahead of the steady one, modulo 2^64.
    ahead: u64,
}

/// What became of a batch.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outcome {
    /// Items that went on.
    pub passed: usize,
    /// Rows the processor took.
    pub absorbed: usize,
    /// Rows the processor dropped.
    pub dropped: usize,
    /// What it emitted.
    pub emitted: Vec<Emitted>,
    /// The items that went on, in the order they came, as its edits left them; and metrics without points, where those are rows.
    pub sent: Vec<Sent>,
}

impl<P: Processor> Harness<P> {
    /// A new component in a pipeline of metrics, with nothing stored, started and committed.
    pub fn start(config: &str, now: u64) -> Result<Harness<P>, Failure> {
        Harness::start_for(Signal::Metrics, config, now)
    }

    /// The same for any signal.
    pub fn start_for(signal: Signal, config: &str, now: u64) -> Result<Harness<P>, Failure> {
        Harness::on(MemoryHost::new(), signal, None, config, now, 0)
    }

    fn on(
        mut host: MemoryHost,
        signal: Signal,
        previous: Option<Stored>,
        config: &str,
        now: u64,
        ahead: u64,
    ) -> Result<Harness<P>, Failure> {
        host.forget_instance();
        host.steady = now.wrapping_sub(ahead);
        let mut instance = Instance::describe(&mut host, signal, config)?;
        host.described();
        host.begin();
        instance.start(&mut host, previous.clone(), now)?;
        let current = |format| Stored { format, config: config.to_owned() };
        let stored = host.declared.state_format.map(current);
        let committed = (Durable::default(), previous);
        let mut harness = Harness { host, instance, signal, config: config.to_owned(), stored, committed, now, ahead };
        harness.commit();
        Ok(harness)
    }

    /// One batch of metrics: processed, not yet committed. A failure crashes and restarts, as the host does for what keeps state.
    pub fn process(&mut self, metrics: &[Metric], now: u64) -> Result<Outcome, Failure> {
        self.begin(Signal::Metrics, now);
        let passed = self.host.project(metrics);
        self.process_rows(passed)
    }

    /// The same for spans.
    pub fn process_spans(&mut self, spans: &[Span], now: u64) -> Result<Outcome, Failure> {
        self.begin(Signal::Traces, now);
        let passed = self.host.project_items(spans.iter().map(Fed::span).collect());
        self.process_rows(passed)
    }

    /// The same for log records.
    pub fn process_logs(&mut self, records: &[LogRecord], now: u64) -> Result<Outcome, Failure> {
        self.begin(Signal::Logs, now);
        let passed = self.host.project_items(records.iter().map(Fed::record).collect());
        self.process_rows(passed)
    }

    fn begin(&mut self, signal: Signal, now: u64) {
        assert_eq!(signal, self.signal, "the component was started for another signal");
        self.set_time(now);
        self.host.begin();
    }

    fn set_time(&mut self, now: u64) {
        self.now = now;
        self.host.steady = self.host.steady.max(now.wrapping_sub(self.ahead));
    }

    /// The wall clock is set, forwards or back: times from here on are by it, and the steady clock takes no notice.
    pub fn jump(&mut self, nanoseconds: i64) {
        self.ahead = self.ahead.wrapping_add_signed(nanoseconds);
    }

    /// The steady clock begins anew at the next crash, as on a store that does not have it.
    pub fn forget_steady(&mut self) {
        self.host.steady = 0;
    }

    fn process_rows(&mut self, passed: usize) -> Result<Outcome, Failure> {
        self.host.project_values_of();
        let rows = self.host.rows();
        if rows > 0
            && let Err(failure) = self.instance.process(&mut self.host, self.signal, self.now)
        {
            self.crash(self.now)?;
            return Err(failure);
        }
        // A metric without points is a row and no item.
        let items = |rows: &Bitmap| {
            rows.count() - (0..self.host.rows()).filter(|row| rows.get(*row) && self.host.bare.get(*row)).count()
        };
        let (dropped, absorbed) = (items(&self.host.dropped), items(&self.host.absorbed));
        let bare = self.host.bare.count();
        let overlap = (0..rows).any(|row| self.host.dropped.get(row) && self.host.absorbed.get(row));
        assert!(!overlap, "a row is dropped and absorbed");
        self.host.finish();
        let emitted = self.take_emitted();
        let sent = self.take_sent();
        Ok(Outcome { passed: passed + rows - bare - dropped - absorbed, absorbed, dropped, emitted, sent })
    }

    fn take_sent(&mut self) -> Vec<Sent> {
        let mut items = std::mem::take(&mut self.host.fed);
        edits::apply(&self.host.edits, &self.host.descriptors, &mut items);
        let mut row = 0..;
        let mut goes_on = |item: &Fed| {
            let row = if item.is_row { row.next() } else { None };
            row.is_none_or(|row| !self.host.dropped.get(row) && !self.host.absorbed.get(row))
        };
        items.retain(&mut goes_on);
        items.into_iter().map(|item| item.sent).collect()
    }

    /// Flushes until nothing is left; returns what was emitted.
    pub fn flush(&mut self, now: u64) -> Result<Vec<Emitted>, Failure> {
        let mut emitted: Vec<Emitted> = Vec::new();
        loop {
            let (progress, more) = self.flush_once(now, false)?;
            for metric in more {
                let is_same = |known: &&mut Emitted| {
                    (&known.name, &known.unit, known.shape) == (&metric.name, &metric.unit, metric.shape)
                };
                match emitted.iter_mut().find(is_same) {
                    Some(known) => known.points.extend(metric.points),
                    None => emitted.push(metric),
                }
            }
            if progress == Progress::Done {
                return Ok(emitted);
            }
        }
    }

    /// One call of flush.
    pub fn flush_once(&mut self, now: u64, last: bool) -> Result<(Progress, Vec<Emitted>), Failure> {
        self.set_time(now);
        self.host.begin();
        let progress = self.instance.flush(&mut self.host, now, last)?;
        self.host.finish();
        Ok((progress, self.take_emitted()))
    }

    fn take_emitted(&mut self) -> Vec<Emitted> {
        let mut emitted = std::mem::take(&mut self.host.emitted);
        for metric in &mut emitted {
            metric.points.sort_by(|a, b| series(a).cmp(&series(b)));
        }
        emitted.sort_by(|a, b| a.name.cmp(&b.name));
        emitted
    }

    /// What the calls so far have written survives a crash.
    pub fn commit(&mut self) {
        self.committed = (self.host.durable.clone(), self.stored.clone());
    }

    /// The process dies and starts again: all but what was committed is lost.
    pub fn crash(&mut self, now: u64) -> Result<(), Failure> {
        let config = self.config.clone();
        self.restart_with(&config, now)
    }

    /// The same with another configuration.
    pub fn restart_with(&mut self, config: &str, now: u64) -> Result<(), Failure> {
        *self = self.restarted(config, now)?;
        Ok(())
    }

    /// The process stops, and starts again with another version of the plugin, for tests of what that makes of the state, such as
    /// [`Storage::carry_over`](crate::Storage::carry_over). `Next` is described and started on what was committed; all else is lost. It
    /// finds the format and the configuration of `P` in [`previous`](crate::Start::previous). Keys of durable keyings that both declare
    /// keep their codes.
    pub fn succeeded_by<Next: Processor>(mut self, config: &str, now: u64) -> Result<Harness<Next>, Failure> {
        self.restarted(config, now)
    }

    fn restarted<Next: Processor>(&mut self, config: &str, now: u64) -> Result<Harness<Next>, Failure> {
        let (durable, previous) = self.committed.clone();
        let mut host = MemoryHost::new();
        host.dictionary_entries = self.host.dictionary_entries;
        host.durable = durable;
        host.log.append(&mut self.host.log);
        // The steady clock stood still meanwhile.
        let ahead = now.wrapping_sub(self.host.steady);
        Harness::on(host, self.signal, previous, config, now, ahead)
    }

    /// The host, to look at or to change its bounds.
    pub fn host(&mut self) -> &mut MemoryHost {
        &mut self.host
    }

    /// The processor.
    pub fn processor(&self) -> &P {
        self.instance.processor()
    }
}

/// What sets a point apart from others of its metric.
fn series(point: &EmittedPoint) -> (&BTreeMap<String, String>, &str, &str) {
    (&point.attributes, &point.scope_name, &point.scope_version)
}

#[cfg(test)]
mod tests;
