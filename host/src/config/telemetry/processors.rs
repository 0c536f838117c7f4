//! `logs.processors`, `traces.processors` and `traces.sampler`: what happens to the host's own logs and traces.

use std::num::NonZeroUsize;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::destination::PushExporter;
use crate::contract::TelemetryDestination;

/// Sends log records or spans, many at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchProcessor {
    /// How long the first of a batch waits for more.
    pub schedule_delay: Duration,
    /// How long sending a batch may take, retries included.
    pub export_timeout: Duration,
    /// How many may wait; what is more is dropped and counted.
    pub queue_max: usize,
    /// How many a batch has at the most.
    pub batch_max: usize,
    /// Where to.
    pub destination: TelemetryDestination,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Processor {
    /// Many at a time.
    batch: Batch,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Batch {
    /// How long the first of a batch waits for more, in milliseconds; 1000 for logs, 5000 for traces.
    #[serde(default)]
    schedule_delay: Option<u64>,
    /// How long sending a batch may take, retries included, in milliseconds.
    #[serde(default = "export_timeout_ms")]
    export_timeout: u64,
    /// How many may wait; what is more is dropped and counted.
    #[serde(default = "queue_max")]
    max_queue_size: NonZeroUsize,
    /// How many a batch has at the most.
    #[serde(default = "batch_max")]
    max_export_batch_size: NonZeroUsize,
    /// By whom.
    exporter: PushExporter,
}

fn export_timeout_ms() -> u64 {
    30_000
}

fn queue_max() -> NonZeroUsize {
    const { NonZeroUsize::new(2048).unwrap() }
}

fn batch_max() -> NonZeroUsize {
    const { NonZeroUsize::new(512).unwrap() }
}

impl Processor {
    /// With the delay of its signal.
    pub fn resolve(self, delay_ms: u64) -> BatchProcessor {
        let Batch { schedule_delay, export_timeout, max_queue_size, max_export_batch_size, exporter } = self.batch;
        BatchProcessor {
            schedule_delay: Duration::from_millis(schedule_delay.unwrap_or(delay_ms)),
            export_timeout: Duration::from_millis(export_timeout),
            queue_max: max_queue_size.get(),
            batch_max: max_export_batch_size.get().min(max_queue_size.get()),
            destination: exporter.destination(),
        }
    }
}

/// Which trips have a trace.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Sampler {
    /// Every one.
    #[serde(default)]
    always_on: Option<Nothing>,
    /// None.
    #[serde(default)]
    always_off: Option<Nothing>,
    /// A share of them.
    #[serde(default)]
    trace_id_ratio_based: Option<Ratio>,
    /// As `root` says: no trip has a parent.
    #[schemars(extend("x-collector" = "same; other keys than `root` are refused"))]
    #[serde(default)]
    parent_based: Option<ParentBased>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ParentBased {
    /// For trips without a parent, which are all.
    #[serde(default)]
    root: Option<Root>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Root {
    /// Every one.
    #[serde(default)]
    always_on: Option<Nothing>,
    /// None.
    #[serde(default)]
    always_off: Option<Nothing>,
    /// A share of them.
    #[serde(default)]
    trace_id_ratio_based: Option<Ratio>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Ratio {
    /// From 0, none, to 1, all.
    #[serde(default = "all")]
    ratio: f64,
}

fn all() -> f64 {
    1.0
}

/// What a sampler has to be.
const ONE: &str =
    "a sampler is one of `always_on`, `always_off`, `trace_id_ratio_based` and `parent_based`: write one of them";

impl Sampler {
    /// The share of trips that are sampled.
    pub fn ratio(self) -> Result<f64, &'static str> {
        let Sampler { always_on, always_off, trace_id_ratio_based, parent_based } = self;
        match parent_based {
            None => Root { always_on, always_off, trace_id_ratio_based }.ratio(),
            Some(_) if always_on.is_some() || always_off.is_some() || trace_id_ratio_based.is_some() => Err(ONE),
            Some(ParentBased { root }) => root.map_or(Ok(1.0), Root::ratio),
        }
    }
}

impl Root {
    fn ratio(self) -> Result<f64, &'static str> {
        match (self.always_on, self.always_off, self.trace_id_ratio_based) {
            (Some(Nothing {}), None, None) => Ok(1.0),
            (None, Some(Nothing {}), None) => Ok(0.0),
            (None, None, Some(Ratio { ratio })) if (0.0..=1.0).contains(&ratio) => Ok(ratio),
            (None, None, Some(_)) => Err("`ratio` is from 0 to 1"),
            _ => Err(ONE),
        }
    }
}
