//! `tests/collections`: what the clients sent when it was last written, a file for each request and encoding.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use otelier::contract::Signal;

use crate::environment;
use crate::request::Request;

/// One request, in both encodings.
#[derive(Debug, Clone)]
pub struct Entry {
    /// `python/metrics-gauge`.
    pub name: String,
    /// By its name.
    pub signal: Signal,
    /// As the client sent it.
    pub protobuf: Vec<u8>,
    /// As the client sent it, or the same in JSON.
    pub json: Vec<u8>,
}

impl Entry {
    /// What it says.
    pub fn request(&self) -> Result<Request> {
        Request::decode(self.signal, &self.protobuf).with_context(|| self.name.clone())
    }
}

/// Every entry, in the order of the names.
pub fn read() -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for client in std::fs::read_dir(folder())?.flatten().filter(|entry| entry.path().is_dir()) {
        for file in std::fs::read_dir(client.path())?.flatten().map(|entry| entry.path()) {
            if file.extension().is_some_and(|ending| ending == "pb") {
                entries.push(entry(&client.file_name().to_string_lossy(), &file)?);
            }
        }
    }
    entries.sort_by(|one, other| one.name.cmp(&other.name));
    ensure!(entries.len() > 20, "only {} requests in {}", entries.len(), folder().display());
    Ok(entries)
}

fn entry(client: &str, file: &Path) -> Result<Entry> {
    let stem = file.file_stem().context("a file without a name")?.to_string_lossy();
    let json = file.with_extension("json");
    Ok(Entry {
        name: format!("{client}/{stem}"),
        signal: signal_of(&stem)?,
        protobuf: std::fs::read(file)?,
        json: std::fs::read(&json).with_context(|| json.display().to_string())?,
    })
}

/// A name begins with its signal.
fn signal_of(name: &str) -> Result<Signal> {
    let is_first = |signal: &Signal| name.split('-').next() == Some(signal.name());
    Signal::ALL.into_iter().find(is_first).with_context(|| format!("{name} does not begin with a signal"))
}

/// Where it is.
pub fn folder() -> PathBuf {
    environment::repository().join("tests/collections")
}
