//! The host's own metrics: counters, gauges and histograms of durations, and the registry that shows them.
//!
//! Names are the OpenTelemetry Collector's where it has one (`otelcol_receiver_accepted_metric_points`), without a type suffix, as its own
//! endpoint writes them. Labels are attributes in OpenTelemetry's words (`otel.signal`); the text format writes `_` where a name of
//! Prometheus has no dot.
//!
//! A handle is an `Arc` of atomics, found once, when a part is built: counting costs no lock, no look-up and no allocation. That is why this
//! is no library. `opentelemetry_sdk` looks a set of attributes up in a map behind a lock each time (handles that are bound to a set are
//! experimental there), and what pushes for it brings a second client for HTTP or gRPC beside the exporters' own. A histogram of
//! `prometheus-client` is behind a lock. `metrics` keeps every observation until the next scrape. All that would be left to use is what is
//! here: three kinds of cells, a map and a page of text.

mod certificate;
mod histogram;
mod process;
mod registry;
mod text;

pub use certificate::show_certificate;
pub use histogram::{Histogram, Observations};
pub use process::resident_bytes;
pub use registry::{Counter, FamilyShown, Gauge, Kind, Labels, Registry, SeriesShown, Value};
