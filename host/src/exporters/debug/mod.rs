//! The debug exporter: what passes, as text for people.
//!
//! The texts are the OpenTelemetry Collector's, level for level, so that its users find what they know. Every batch is counted;
//! which ones are written is up to the sampling settings. Nothing here is fast, and nothing keeps more than a few lines in memory.

mod config;
mod detailed;
mod go;
mod normal;
mod sampler;
mod sink;
mod summary;
#[cfg(test)]
mod tests;
mod view;

use std::io::Write;

pub use config::{Config, Verbosity};

use super::{Clock, monotonic_clock};
use crate::contract::{Batch, ComponentId, Consumed, Exporter, ExporterError, Signal};
use crate::families::{ComponentType, ExporterContext, ExporterType, FarEnd, FormerKey, MakeError, Stability};
use crate::otlp::wire::Fault;
use crate::otlp::{Malformed, Strings, check};
use sampler::Sampler;
use sink::Sink;

/// The type `debug`.
pub struct Type;

impl ComponentType for Type {
    /// `logging` is what it was called once.
    const NAMES: &'static [&'static str] = &["debug", "logging"];
    const STABILITY: Stability = Stability::Beta;
    const FORMER_KEYS: &'static [FormerKey] =
        &[FormerKey { old: &["loglevel"], new: &["verbosity"], value: verbosity_of }];
    type Config = Config;
}

/// What earlier Collectors wrote at a level of their log.
fn verbosity_of(level: &str) -> Option<String> {
    let verbosity = match level.to_ascii_lowercase().as_str() {
        "debug" => "detailed",
        "info" => "normal",
        "warn" | "error" | "dpanic" | "panic" | "fatal" => "basic",
        _ => return None,
    };
    Some(verbosity.to_owned())
}

impl ExporterType for Type {
    fn make(id: &ComponentId, config: Config, _: &ExporterContext<'_>) -> Result<FarEnd, MakeError> {
        Ok(FarEnd::Local(Box::new(DebugExporter::new(id.clone(), config, Box::new(std::io::stdout())))))
    }
}

/// `exporters: debug:`, running.
pub struct DebugExporter {
    id: ComponentId,
    config: Config,
    output: Box<dyn Write + Send>,
    clock: Clock,
    samplers: [Sampler; Signal::ALL.len()],
}

impl DebugExporter {
    /// An exporter that writes to `output`.
    pub fn new(id: ComponentId, config: Config, output: Box<dyn Write + Send>) -> Self {
        Self::with_clock(id, config, output, monotonic_clock())
    }

    /// The same with another clock, which the sampling counts seconds by.
    pub fn with_clock(id: ComponentId, config: Config, output: Box<dyn Write + Send>, clock: Clock) -> Self {
        DebugExporter { id, config, output, clock, samplers: Default::default() }
    }

    fn is_sampled(&mut self, signal: Signal) -> bool {
        let (now, config) = ((self.clock)(), self.config);
        let sampler = self.samplers.get_mut(signal as usize);
        sampler.is_none_or(|sampler| sampler.admit(now, config.sampling_initial, config.sampling_thereafter))
    }

    fn write(&mut self, batch: &Batch, items: u64) -> Result<(), ExporterError> {
        let mut sink = Sink::new(&mut *self.output);
        let written = write_batch(&mut sink, self.config.verbosity, batch, items);
        sink.finish()?;
        written.map_err(|fault| unreadable(fault.within(&batch.bytes)))
    }
}

impl Exporter for DebugExporter {
    fn consume(&mut self, batch: &Batch) -> Result<Consumed, ExporterError> {
        let items = check(batch.signal, &batch.bytes, Strings::Bytes).map_err(unreadable)?;
        if self.is_sampled(batch.signal) {
            self.write(batch, items)?;
        } else {
            tracing::trace!(exporter = %self.id, signal = %batch.signal, items, "batch not written: sampling");
        }
        Ok(Consumed { items, dropped: 0, reason: "" })
    }
}

/// What a batch holds, as the exporter's level `detailed` writes it.
pub fn detailed_text(batch: &Batch) -> String {
    let mut text = Vec::new();
    let mut sink = Sink::new(&mut text);
    // A batch was checked when it came; memory takes every write.
    let _ = write_batch(&mut sink, Verbosity::Detailed, batch, batch.items.unwrap_or(0));
    let _ = sink.finish();
    String::from_utf8_lossy(&text).into_owned()
}

fn write_batch(sink: &mut Sink<'_>, verbosity: Verbosity, batch: &Batch, items: u64) -> Result<(), Fault> {
    summary::write(sink, batch.signal, &batch.bytes, items)?;
    match verbosity {
        Verbosity::Basic => Ok(()),
        Verbosity::Normal => normal::write(sink, batch.signal, &batch.bytes),
        Verbosity::Detailed => detailed::write(sink, batch.signal, &batch.bytes),
    }
}

fn unreadable(malformed: Malformed) -> ExporterError {
    ExporterError::Unreadable { offset: malformed.offset, reason: malformed.reason }
}
