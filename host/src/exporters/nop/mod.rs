//! The nop exporter: takes everything and keeps nothing, as the OpenTelemetry Collector's does. For trying a pipeline out, and for
//! measuring one.

use crate::contract::{Batch, ComponentId, Consumed, Exporter, ExporterError};
use crate::families::{ComponentType, ExporterContext, ExporterType, FarEnd, MakeError, Stability};
use crate::otlp::{Strings, check};

/// `exporters: nop:`, which has no settings.
#[derive(Debug, Clone, Copy, Default, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {}

/// The type `nop`.
pub struct Type;

impl ComponentType for Type {
    const NAMES: &'static [&'static str] = &["nop"];
    const STABILITY: Stability = Stability::Beta;
    type Config = Config;
}

impl ExporterType for Type {
    fn make(_: &ComponentId, Config {}: Config, _: &ExporterContext<'_>) -> Result<FarEnd, MakeError> {
        Ok(FarEnd::Local(Box::new(NopExporter)))
    }
}

/// `exporters: nop:`, running.
#[derive(Debug, Clone, Copy)]
pub struct NopExporter;

impl Exporter for NopExporter {
    fn consume(&mut self, batch: &Batch) -> Result<Consumed, ExporterError> {
        let count = || {
            check(batch.signal, &batch.bytes, Strings::Bytes)
                .map_err(|error| ExporterError::Unreadable { offset: error.offset, reason: error.reason })
        };
        let items = batch.items.map_or_else(count, Ok)?;
        Ok(Consumed { items, dropped: 0, reason: "" })
    }
}
