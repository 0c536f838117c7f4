//! What a series costs the Prometheus exporter: time to take a point, time to show a sample, memory to hold it.
//!
//! Requests are encoded outside the measured time. Points arrive three ways: as series that are new, in the order in which
//! they came before, and in an order of their own. Times are the thread's processor time, the least of several rounds.

use std::fs;
use std::io;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use http_body::Body;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Histogram, HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum,
    metric, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use otelier::contract::{Batch, Exporter as _, InvalidUtf8, Metadata, Signal};
use otelier::exporters::prometheus::{Config, PrometheusExporter, ScrapeFormat};
use otelier::telemetry::Registry;
use prost::Message as _;

use crate::kernel;

const START: u64 = 1_700_000_000_000_000_000;
/// Points of one request.
const BATCH: usize = 8192;

/// Measures the Prometheus exporter alone, in this process.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// How many series.
    #[arg(long, default_value_t = 1_000_000)]
    series: usize,
    /// How often each is measured.
    #[arg(long, default_value_t = 3)]
    rounds: u64,
    /// One label of three is unique to its series; otherwise the three make up the series in combination.
    #[arg(long)]
    unique: bool,
    /// Histograms of ten bounds instead of counters: 13 series of Prometheus each.
    #[arg(long)]
    histograms: bool,
}

/// The bounds of a histogram.
const BOUNDS: [f64; 10] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];

impl Options {
    /// Samples of each series in the text format; OpenMetrics has `_created` as well.
    fn samples(&self) -> usize {
        if self.histograms { BOUNDS.len() + 3 } else { 1 }
    }
}

/// Runs it and prints one JSON line.
pub fn run(options: &Options) -> Result<()> {
    let mut exporter = exporter(options)?;
    let order: Vec<usize> = (0..options.series).collect();
    // What encoding a request takes is no series.
    drop(request(options, order.get(..BATCH).unwrap_or_default(), 0));
    let before = resident()?;
    let created = feed(&mut exporter, options, &order, 1)?;
    let held = resident()? - before;
    let mut shuffled = order.clone();
    fastrand::Rng::with_seed(7).shuffle(&mut shuffled);
    let mut least = [f64::INFINITY; 5];
    for round in 0..options.rounds {
        let measured = [
            feed(&mut exporter, options, &order, 2 * round + 2)?,
            feed(&mut exporter, options, &shuffled, 2 * round + 3)?,
            scrape(&exporter, options, ScrapeFormat::Text, false)?,
            scrape(&exporter, options, ScrapeFormat::OpenMetrics, false)?,
            scrape(&exporter, options, ScrapeFormat::Text, true)?,
        ];
        least = std::array::from_fn(|index| least[index].min(measured[index]));
    }
    let line = serde_json::json!({
        "series": options.series,
        "bytes_per_series": held * 1024.0 * 1024.0 / options.series as f64,
        "resident_mib": resident()?,
        "resident_most_mib": kernel::memory(std::process::id())?.most_mib,
        "ingest_new_ns": created,
        "ingest_same_order_ns": least[0],
        "ingest_other_order_ns": least[1],
        "text_ns": least[2],
        "open_metrics_ns": least[3],
        "text_gzip_ns": least[4],
    });
    println!("{line}");
    Ok(())
}

fn exporter(options: &Options) -> Result<PrometheusExporter> {
    let config = Config { series_max: options.series * options.samples() + 16, ..Config::default() };
    Ok(PrometheusExporter::new("prometheus".parse()?, config, &Registry::default()))
}

/// Hands over one point of each series in this order; returns nanoseconds a point.
fn feed(exporter: &mut PrometheusExporter, options: &Options, order: &[usize], round: u64) -> Result<f64> {
    let mut spent = 0;
    for numbers in order.chunks(BATCH) {
        let batch = Batch {
            signal: Signal::Metrics,
            bytes: Bytes::from(request(options, numbers, round)),
            invalid_utf8: InvalidUtf8::Accept,
            items: None,
            metadata: Metadata::default(),
        };
        let start = processor_time_ns()?;
        let consumed = exporter.consume(&batch)?;
        spent += processor_time_ns()? - start;
        ensure!(consumed.items == numbers.len() as u64, "not every point was taken: {consumed:?}");
    }
    Ok(spent as f64 / order.len() as f64)
}

/// Reads one whole scrape; returns nanoseconds a sample.
fn scrape(exporter: &PrometheusExporter, options: &Options, format: ScrapeFormat, gzip: bool) -> Result<f64> {
    let start = processor_time_ns()?;
    let mut body = pin!(exporter.scrape(format, gzip));
    let mut context = Context::from_waker(Waker::noop());
    let mut bytes = 0;
    loop {
        let frame: Poll<Option<Result<_, io::Error>>> = body.as_mut().poll_frame(&mut context);
        match frame {
            Poll::Ready(None) => break,
            Poll::Ready(Some(frame)) => bytes += frame?.data_ref().map_or(0, Bytes::len),
            Poll::Pending => {}
        }
    }
    let spent = processor_time_ns()? - start;
    ensure!(bytes > options.series, "the scrape is too short");
    let samples = options.samples() + usize::from(format == ScrapeFormat::OpenMetrics);
    Ok(spent as f64 / (options.series * samples) as f64)
}

fn request(options: &Options, numbers: &[usize], round: u64) -> Vec<u8> {
    let data = if options.histograms { histogram(options, numbers, round) } else { sum(options, numbers, round) };
    let metric = Metric { name: "requests".to_owned(), data: Some(data), ..Metric::default() };
    let scope = ScopeMetrics { metrics: vec![metric], ..ScopeMetrics::default() };
    let resource = Some(Resource::default());
    let resource_metrics = vec![ResourceMetrics { resource, scope_metrics: vec![scope], ..ResourceMetrics::default() }];
    ExportMetricsServiceRequest { resource_metrics }.encode_to_vec()
}

fn time(round: u64) -> u64 {
    START + round * 5_000_000_000
}

fn sum(options: &Options, numbers: &[usize], round: u64) -> metric::Data {
    let point = |number: &usize| NumberDataPoint {
        attributes: attributes(*number, options.unique),
        start_time_unix_nano: START,
        time_unix_nano: time(round),
        value: Some(number_data_point::Value::AsInt((round * 1000 + *number as u64 % 977).cast_signed())),
        ..NumberDataPoint::default()
    };
    metric::Data::Sum(Sum {
        data_points: numbers.iter().map(point).collect(),
        aggregation_temporality: AggregationTemporality::Cumulative.into(),
        is_monotonic: true,
    })
}

fn histogram(options: &Options, numbers: &[usize], round: u64) -> metric::Data {
    let point = |number: &usize| HistogramDataPoint {
        attributes: attributes(*number, options.unique),
        start_time_unix_nano: START,
        time_unix_nano: time(round),
        count: round * (BOUNDS.len() as u64 + 1),
        sum: Some(round as f64 * 0.37),
        bucket_counts: vec![round; BOUNDS.len() + 1],
        explicit_bounds: BOUNDS.to_vec(),
        ..HistogramDataPoint::default()
    };
    metric::Data::Histogram(Histogram {
        data_points: numbers.iter().map(point).collect(),
        aggregation_temporality: AggregationTemporality::Cumulative.into(),
    })
}

fn attributes(number: usize, unique: bool) -> Vec<KeyValue> {
    let (method, route, pod) = (number % 5, number / 5 % 200, number / 1000);
    let last = if unique { format!("{number:08x}-4c1f-5d3a") } else { format!("shop-cart-{pod}") };
    [("method", format!("METHOD-{method}")), ("route", format!("/api/v1/resource/{route}")), ("pod", last)]
        .map(|(key, text)| KeyValue {
            key: key.to_owned(),
            value: Some(AnyValue { value: Some(any_value::Value::StringValue(text)) }),
            ..KeyValue::default()
        })
        .into()
}

fn resident() -> Result<f64> {
    Ok(kernel::memory(std::process::id())?.now_mib)
}

/// Of this thread, as the scheduler counts it.
fn processor_time_ns() -> Result<u64> {
    let text = fs::read_to_string("/proc/thread-self/schedstat").context("the kernel does not count processor time")?;
    text.split_ascii_whitespace().next().and_then(|number| number.parse().ok()).context("no number in schedstat")
}
