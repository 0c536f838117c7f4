//! An exporter that keeps what it gets, for tests to compare with what was sent: each batch goes to a file as the bytes
//! that came out of the pipeline.
//!
//! A record of the file: the signal's number, the length in four bytes, little endian, and the batch.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use otelier::contract::{Batch, ComponentId, Consumed, Exporter, ExporterError, Signal};
use otelier::families::{ComponentType, ExporterContext, ExporterEntry, ExporterType, FarEnd, MakeError};
use serde_json::json;

use crate::host::{Configuration, Host};
use crate::request::Request;
use crate::wait;

/// The exporter type `capture`.
pub const TYPE: ExporterEntry = ExporterEntry::of::<Type>();

struct Type;

/// `exporters: {capture: …}`.
#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Config {
    file: PathBuf,
}

impl ComponentType for Type {
    const NAMES: &'static [&'static str] = &["capture"];
    type Config = Config;
}

impl ExporterType for Type {
    fn make(_: &ComponentId, config: Config, _: &ExporterContext<'_>) -> Result<FarEnd, MakeError> {
        let file = OpenOptions::new().create(true).append(true).open(config.file)?;
        Ok(FarEnd::Local(Box::new(Capture { file })))
    }
}

struct Capture {
    file: File,
}

impl Exporter for Capture {
    fn consume(&mut self, batch: &Batch) -> Result<Consumed, ExporterError> {
        let request = Request::decode(batch.signal, &batch.bytes);
        let request = request.map_err(|_| ExporterError::Unreadable { offset: 0, reason: "no request" })?;
        let length = u32::try_from(batch.bytes.len()).unwrap_or(u32::MAX);
        let record = [&[batch.signal as u8], &length.to_le_bytes()[..], &batch.bytes].concat();
        self.file.write_all(&record)?;
        Ok(Consumed { items: request.items().len() as u64, dropped: 0, reason: "" })
    }
}

/// A configuration that takes every signal in over OTLP and keeps it in `file`; metrics pass these processors.
pub fn configuration(file: &Path, processors: &[&str]) -> Configuration {
    Configuration::default()
        .set("exporters/capture", json!({"file": file}))
        .pipeline("metrics", processors, &["capture"])
        .pipeline("traces", &[], &["capture"])
        .pipeline("logs", &[], &["capture"])
}

/// Waits until `count` batches are in `file`; an error shows how many there are, and the host's own metrics.
pub fn wait_for(host: &Host<'_>, file: &Path, count: usize) -> Result<Vec<Request>> {
    let arrived = wait::until(&format!("{count} batches have arrived"), || {
        let batches = read(file)?;
        Ok((batches.len() >= count).then_some(batches))
    });
    arrived
        .with_context(|| format!("{} arrived; {:#?}", read(file).map_or(0, |all| all.len()), host.own_metrics().ok()))
}

/// The batches that are in `file` as a whole.
pub fn read(file: &Path) -> Result<Vec<Request>> {
    let bytes = std::fs::read(file).with_context(|| file.display().to_string())?;
    let mut rest = &bytes[..];
    let mut batches = Vec::new();
    while let Some((signal, length, body)) = head(rest) {
        let Some(batch) = body.get(..length) else { break };
        let signal = Signal::ALL.into_iter().find(|known| *known as u8 == signal).context("a signal that is none")?;
        batches.push(Request::decode(signal, batch)?);
        rest = body.get(length..).unwrap_or_default();
    }
    Ok(batches)
}

fn head(rest: &[u8]) -> Option<(u8, usize, &[u8])> {
    let (signal, rest) = rest.split_first()?;
    let (length, body) = rest.split_first_chunk::<4>()?;
    Some((*signal, u32::from_le_bytes(*length) as usize, body))
}
