//! The line that every written batch begins with: `Metrics {"resource metrics": 1, "metrics": 1, "data points": 100}`.

use super::sink::Sink;
use super::view::{Fields, Levels, walk};
use crate::contract::Signal;
use crate::otlp::wire::Fault;

#[derive(Default)]
struct Counts {
    resources: u64,
    /// Metrics, spans or log records.
    items: u64,
}

impl Levels for Counts {
    fn resource(&mut self, _index: usize, _level: &Fields<'_>) -> Result<(), Fault> {
        self.resources += 1;
        Ok(())
    }

    fn scope(&mut self, _index: usize, _level: &Fields<'_>) -> Result<(), Fault> {
        Ok(())
    }

    fn item(&mut self, _index: usize, _item: &Fields<'_>) -> Result<(), Fault> {
        self.items += 1;
        Ok(())
    }
}

/// Writes the line; `points` counts data points, which are below the levels that all signals share.
pub fn write(sink: &mut Sink<'_>, signal: Signal, request: &[u8], points: u64) -> Result<(), Fault> {
    let mut counts = Counts::default();
    walk(request, &mut counts)?;
    let Counts { resources, items } = counts;
    match signal {
        Signal::Metrics => sink.line(format_args!(
            r#"Metrics {{"resource metrics": {resources}, "metrics": {items}, "data points": {points}}}"#
        )),
        Signal::Traces => sink.line(format_args!(r#"Traces {{"resource spans": {resources}, "spans": {items}}}"#)),
        Signal::Logs => sink.line(format_args!(r#"Logs {{"resource logs": {resources}, "log records": {items}}}"#)),
    }
    Ok(())
}
