//! The exporter as a whole: requests in, exact expositions out.
#![allow(clippy::unwrap_used, clippy::panic)]

mod bounds;
mod cases;
mod compounds;
mod conflicts;
mod exposition;
mod http;
mod labels;
mod lengths;
mod lifecycle;
mod request;
mod shared;
mod strict;
mod sweep;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;

use super::exposition::Format;
use super::scrape::ScrapeBody;
use super::*;
use crate::contract::{InvalidUtf8, Metadata};
use request::Request;

/// An exporter whose clock the test sets.
struct Bench {
    exporter: PrometheusExporter,
    registry: Registry,
    seconds: Arc<AtomicU64>,
}

impl Bench {
    fn new(config: &str) -> Bench {
        let (registry, seconds) = (Registry::default(), Arc::new(AtomicU64::new(0)));
        let config: Config = serde_json::from_str(config).unwrap();
        let clock = Arc::clone(&seconds);
        let clock: Clock = Arc::new(move || Duration::from_secs(clock.load(Ordering::Relaxed)));
        let exporter = PrometheusExporter::with_clock("prometheus".parse().unwrap(), config, &registry, clock);
        Bench { exporter, registry, seconds }
    }

    fn set_clock(&self, seconds: u64) {
        self.seconds.store(seconds, Ordering::Relaxed);
    }

    fn consume(&mut self, request: Request) -> Consumed {
        self.consume_bytes(request.bytes())
    }

    fn consume_bytes(&mut self, bytes: Vec<u8>) -> Consumed {
        self.exporter.consume(&batch(Signal::Metrics, bytes)).unwrap()
    }

    fn dropped(&self, reason: &str) -> i64 {
        self.registry.total("otelier_exporter_dropped_items", &[("reason", reason)])
    }

    /// What a counter that is told apart by one label has counted.
    fn noted(&self, counter: &str, value: &str) -> i64 {
        let label = match counter {
            "changes" => "change",
            "conflicting_points" => "conflict",
            _ => "reason",
        };
        self.registry.total(&format!("otelier_prometheus_{counter}"), &[(label, value)])
    }

    /// An answer, which is read strictly.
    fn scrape(&self, format: Format) -> String {
        let body = self.exporter.scrape(format, false);
        let text = String::from_utf8(collect(body)).unwrap();
        strict::read(format, &text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        text
    }

    /// The lines of an OpenMetrics answer without its end.
    fn open_metrics(&self) -> String {
        self.scrape(Format::OpenMetrics).strip_suffix("# EOF\n").unwrap().to_owned()
    }

    /// Without what is said where there is nothing.
    fn text(&self) -> String {
        let text = self.scrape(Format::Text);
        if text.starts_with("# Nothing to show yet") { String::new() } else { text }
    }
}

fn batch(signal: Signal, bytes: Vec<u8>) -> Batch {
    Batch {
        signal,
        bytes: Bytes::from(bytes),
        items: None,
        invalid_utf8: InvalidUtf8::Accept,
        metadata: Metadata::default(),
    }
}

fn collect(body: ScrapeBody) -> Vec<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(body.collect()).unwrap().to_bytes().to_vec()
}
