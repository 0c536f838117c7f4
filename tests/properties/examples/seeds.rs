//! Writes the seeds of the fuzzer: `cargo run --release --example seeds -- tests/fuzz/seeds`. The same ones each time;
//! those of JSON are written by hand and stay.
//!
//! They are requests as the tests generate them, plain and in other wire forms, and what the other targets make of them.
//! The fuzzer starts from these shapes; it would take it hours to think of them.

// The generator of the oracle's tests says `otelier::` where it means the host.
extern crate otelier_properties as otelier;

use std::fs;
use std::io::{Read, Result, Write};
use std::path::{Path, PathBuf};

use fastrand::Rng;
use flate2::Compression;
use otelier_properties::otlp::Strings;
use otelier_properties::otlp::attribute::Attribute;
use otelier_properties::otlp::key::{KeyBuilder, Level};
use otelier_properties::record;
use prost::Message;

use self::generate::{attributes, logs, metrics, pick, schema, several, traces, vary};

#[allow(dead_code, unused_imports)]
#[path = "../../src/generate/mod.rs"]
mod generate;

/// Small, so that the fuzzer's changes meet something that matters.
const BYTES_MAX: usize = 1200;

fn main() -> Result<()> {
    let home = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "tests/fuzz/seeds".to_owned()));
    let rng = &mut Rng::with_seed(1);
    let of_metrics = requests(rng, 16, |rng| (&schema::METRICS, metrics::request(rng).encode_to_vec()));
    let of_traces = requests(rng, 6, |rng| (&schema::TRACES, traces::request(rng).encode_to_vec()));
    let of_logs = requests(rng, 6, |rng| (&schema::LOGS, logs::request(rng).encode_to_vec()));
    let packed = packed(&of_metrics[0])?;
    let records = of_metrics.iter().take(4).map(|request| record(b"some/key", request)).collect();
    write(&home, "projection", of_metrics.clone())?;
    write(&home, "edit", of_metrics.clone())?;
    let of_all = [of_metrics[..6].to_vec(), of_traces, of_logs].concat();
    write(&home, "scan", of_all.clone())?;
    write(&home, "transcoding", of_all)?;
    write(&home, "keys", (0..12).map(|_| key(rng)).collect())?;
    write(&home, "emission", (0..8).map(|_| emissions(rng)).collect())?;
    write(&home, "dictionary", (0..6).map(|_| (0..200).map(|_| rng.u8(..)).collect()).collect())?;
    write(&home, "decompression", packed)?;
    write(&home, "records", records)
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

/// As `emission.rs` reads it: a pool of keys, then emissions.
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
