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
    let [mut metrics, mut traces, mut logs, mut edit, mut keys, mut emission, mut dictionary] =
        [1, 2, 3, 4, 5, 6, 7].map(Rng::with_seed);
    let metrics = requests(&mut metrics, 16, |rng| (&schema::METRICS, metrics::request(rng).encode_to_vec()));
    let traces = requests(&mut traces, 6, |rng| (&schema::TRACES, traces::request(rng).encode_to_vec()));
    let logs = requests(&mut logs, 6, |rng| (&schema::LOGS, logs::request(rng).encode_to_vec()));
    let all = [metrics.clone(), traces, logs].concat();
    let keys: Vec<Vec<u8>> = (0..12).map(|_| key(&mut keys)).collect();
    write(&home, "edit", all.iter().map(|request| edits(&mut edit, request)).collect())?;
    write(&home, "projection", all.clone())?;
    write(&home, "transcoding", all.clone())?;
    write(&home, "scan", all)?;
    write(&home, "values", keys.iter().flat_map(|key| values(key)).collect())?;
    write(&home, "keys", keys)?;
    write(&home, "emission", (0..8).map(|_| emissions(&mut emission)).collect())?;
    write(&home, "dictionary", (0..6).map(|_| (0..200).map(|_| dictionary.u8(..)).collect()).collect())?;
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

/// The values in a key.
fn values(key: &[u8]) -> Vec<Vec<u8>> {
    let elements = key::elements(key).unwrap_or_default();
    elements.iter().map(|element| element.value.to_vec()).collect()
}

/// As `edit.rs` reads it: the request, then what is asked for.
fn edits(rng: &mut Rng, request: &[u8]) -> Vec<u8> {
    let script: Vec<u8> = (0..rng.u32(10..150)).map(|_| rng.u8(..)).collect();
    [request, MARK, &script].concat()
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
