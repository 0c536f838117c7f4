//! Writes the seeds of the fuzzer: `cargo run --release --example seeds -- tests/fuzz/seeds`. The same ones each time;
//! those of JSON are written by hand and stay.
//!
//! They are requests as the tests generate them, plain and in other wire forms, and what the other targets make of them.
//! The fuzzer starts from these shapes; it would take it hours to think of them.

use std::fs;
use std::io::{Read, Result, Write};
use std::path::{Path, PathBuf};

use fastrand::Rng;
use flate2::Compression;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{
    Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, metric::Data,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use otelier_properties::generate::{attributes, logs, metrics, pick, schema, several, traces, vary};
use otelier_properties::otlp::Strings;
use otelier_properties::otlp::attribute::Attribute;
use otelier_properties::otlp::key::{self, KeyBuilder, Level};
use otelier_properties::{MARK, record};
use prost::Message;

/// Small, so that the fuzzer's changes meet something that matters.
const BYTES_MAX: usize = 1200;

fn main() -> Result<()> {
    let home = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "tests/fuzz/seeds".to_owned()));
    // A generator for each sort: more of one leaves the others as they are.
    let [mut metrics, mut traces, mut logs, mut edit, mut keys, mut emission, mut dictionary, mut scrape] =
        [1, 2, 3, 4, 5, 6, 7, 8].map(Rng::with_seed);
    let metrics = requests(&mut metrics, 16, |rng| (&schema::METRICS, metrics::request(rng).encode_to_vec()));
    let traces = requests(&mut traces, 6, |rng| (&schema::TRACES, traces::request(rng).encode_to_vec()));
    let logs = requests(&mut logs, 6, |rng| (&schema::LOGS, logs::request(rng).encode_to_vec()));
    let all = [metrics.clone(), traces, logs].concat();
    let keys: Vec<Vec<u8>> = (0..12).map(|_| key(&mut keys)).collect();
    let mut edited: Vec<Vec<u8>> = [&*all, &*all].concat().iter().map(|request| edits(&mut edit, request)).collect();
    edited.extend(rare_edits());
    write(&home, "edit", edited)?;
    write(&home, "projection", [&*all, &*refused(&all), &[records(2)]].concat())?;
    write(&home, "transcoding", all.clone())?;
    write(&home, "scan", all)?;
    let deep = [5, 6].into_iter().flat_map(|kind| [30, 31, 32].map(|depth| deep(kind, depth)));
    let damaged = [vec![0, 0], vec![1, 1, 0xff]];
    write(&home, "values", keys.iter().flat_map(|key| values(key)).chain(deep.clone()).chain(damaged).collect())?;
    write(&home, "keys", keys.into_iter().chain(deep.map(|value| [vec![1, 2, 0], value].concat())).collect())?;
    write(&home, "emission", (0..8).map(|_| emissions(&mut emission)).collect())?;
    write(&home, "dictionary", (0..6).map(|_| (0..200).map(|_| dictionary.u8(..)).collect()).collect())?;
    let shown = requests(&mut scrape, 24, |rng| (&schema::METRICS, metrics::request(rng).encode_to_vec()));
    let families = (0..8).map(|_| families(&mut scrape));
    write(&home, "scrape", shown.into_iter().chain(families).collect())?;
    write(&home, "decompression", packed(&metrics[0])?)?;
    write(&home, "records", metrics.iter().take(4).map(|request| record(b"some/key", request)).collect())
}

fn write(home: &Path, target: &str, seeds: Vec<Vec<u8>>) -> Result<()> {
    let folder = home.join(target);
    fs::create_dir_all(&folder)?;
    seeds.iter().enumerate().try_for_each(|(index, seed)| fs::write(folder.join(format!("{index:02}")), seed))
}

/// Requests that are neither empty nor large, every other one in another wire form.
fn requests(
    rng: &mut Rng,
    count: usize,
    mut one: impl FnMut(&mut Rng) -> (&'static schema::MessageSpec, Vec<u8>),
) -> Vec<Vec<u8>> {
    let mut requests = Vec::new();
    while requests.len() < count {
        let (spec, plain) = one(rng);
        let request = if requests.len() % 2 == 0 { plain } else { vary(rng, spec, &plain) };
        if (200..BYTES_MAX).contains(&request.len()) {
            requests.push(request);
        }
    }
    requests
}

fn key(rng: &mut Rng) -> Vec<u8> {
    let mut key = KeyBuilder::default();
    for attribute in several(rng, 6, |rng| attributes::key_value(rng, 3)) {
        let level = pick(rng, &[Level::Resource, Level::Scope, Level::Item, Level::ScopeIdentity]);
        let raw = attribute.encode_to_vec();
        // An attribute that was just encoded can be read; a key without it would do as well.
        let _ = Attribute::read(&raw, Strings::Utf8).and_then(|attribute| key.attribute(level, &attribute));
    }
    key.finish().0
}

/// Requests that show what is wrong with them when all else has been read.
fn refused(requests: &[Vec<u8>]) -> Vec<Vec<u8>> {
    requests.iter().step_by(4).map(|request| [request.as_slice(), &[7]].concat()).collect()
}

/// Lists (5) or maps (6) in one another, as keys have them.
fn deep(kind: u8, depth: usize) -> Vec<u8> {
    let one: &[u8] = if kind == 5 { &[5, 1] } else { &[6, 1, 0] };
    [one.repeat(depth), vec![0]].concat()
}

/// The values in a key.
fn values(key: &[u8]) -> Vec<Vec<u8>> {
    let elements = key::elements(key).unwrap_or_default();
    elements.iter().map(|element| element.value.to_vec()).collect()
}

/// As `edit.rs` reads it: the request, then what is asked for.
fn edits(rng: &mut Rng, request: &[u8]) -> Vec<u8> {
    let script: Vec<u8> = (0..rng.u32(20..200)).map(|_| rng.u8(..)).collect();
    [request, MARK, &script].concat()
}

/// A request of log records, below a resource that has an attribute twice.
fn records(count: usize) -> Vec<u8> {
    let attribute = |value| KeyValue {
        key: "a".to_owned(),
        value: Some(AnyValue { value: Some(Value::IntValue(value)) }),
        ..KeyValue::default()
    };
    let resource = Resource { attributes: vec![attribute(1), attribute(2)], ..Resource::default() };
    let scope = ScopeLogs { log_records: vec![LogRecord::default(); count], ..ScopeLogs::default() };
    let logs = ResourceLogs { resource: Some(resource), scope_logs: vec![scope], ..ResourceLogs::default() };
    ExportLogsServiceRequest { resource_logs: vec![logs] }.encode_to_vec()
}

/// A gauge beside a histogram, which the edits here do not read.
fn mixed() -> Vec<u8> {
    let gauge = Data::Gauge(Gauge { data_points: vec![NumberDataPoint::default()] });
    let histogram =
        Data::Histogram(Histogram { data_points: vec![HistogramDataPoint::default()], ..Histogram::default() });
    let metrics = [gauge, histogram].map(|data| Metric { data: Some(data), ..Metric::default() });
    let scope = ScopeMetrics { metrics: metrics.to_vec(), ..ScopeMetrics::default() };
    let resource = ResourceMetrics { scope_metrics: vec![scope], ..ResourceMetrics::default() };
    ExportMetricsServiceRequest { resource_metrics: vec![resource] }.encode_to_vec()
}

/// Edits that chance does not think of. In all of them no row goes, and one edit sets the first key there is on all rows.
fn rare_edits() -> [Vec<u8>; 4] {
    let edit = |request: Vec<u8>, level: u8, values: &[u8]| {
        [request.as_slice(), MARK, &[0, 0, 1, level, 1, 0, 1, 3, 0], values].concat()
    };
    // A text of 65536 bytes for each item, of few items and of too many.
    let long = [0, 1, 16];
    // Two values for the items of one resource, which are the same.
    let same = [1, 6, 3, 0, 6, 3, 0, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55];
    let one = [0, 6, 3, 0];
    [edit(records(10), 2, &long), edit(records(400), 2, &long), edit(records(10), 0, &same), edit(mixed(), 0, &one)]
}

/// As `emission/drawn.rs` reads it: a pool of keys, then emissions with exemplars behind each.
fn emissions(rng: &mut Rng) -> Vec<u8> {
    let keys: Vec<Vec<u8>> = std::iter::repeat_with(|| key(rng)).filter(|key| key.len() < 200).take(4).collect();
    let mut seed = vec![keys.len() as u8];
    for key in keys {
        seed.extend([rng.u8(..), (key.len() - 1) as u8]);
        seed.extend_from_slice(&key[1..]);
    }
    seed.extend((0..300).map(|_| rng.u8(..)));
    seed
}

/// As `scrape.rs` reads it, with lengths around those of buffers.
fn families(rng: &mut Rng) -> Vec<u8> {
    let mut seed = Vec::new();
    for _ in 0..6 {
        seed.push(rng.u8(..));
        for _ in 0..7 {
            let around = pick(rng, &[32_u64 << 10, 64 << 10]);
            seed.push(rng.u8(..4));
            seed.extend((around - 40 + rng.u64(..80)).to_le_bytes());
        }
    }
    seed
}

fn packed(data: &[u8]) -> Result<Vec<Vec<u8>>> {
    let mut all = Vec::new();
    for level in [Compression::none(), Compression::fast(), Compression::best()] {
        let (mut gzip, mut zlib) = (Vec::new(), Vec::new());
        flate2::read::GzEncoder::new(data, level).read_to_end(&mut gzip)?;
        flate2::read::ZlibEncoder::new(data, level).read_to_end(&mut zlib)?;
        all.extend([gzip, zlib]);
    }
    all.push(all[..3].concat());
    for (level, checksum) in [(1, false), (1, true), (19, false)] {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), level)?;
        encoder.include_checksum(checksum)?;
        encoder.write_all(data)?;
        all.push(encoder.finish()?);
    }
    // A frame that says its size in front, and one of many repeats.
    all.extend([zstd::bulk::compress(data, 3)?, zstd::bulk::compress(&data.repeat(50), 3)?]);
    Ok(all)
}

/// As `records.rs` reads it: the key, then what was found under it.
fn record(key: &[u8], payload: &[u8]) -> Vec<u8> {
    let payload = &payload[..payload.len().min(100)];
    [&[key.len() as u8], key, &record::seal(key, payload)].concat()
}
