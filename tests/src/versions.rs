//! Versions of a plugin for tests: the same component, told apart by a section that nobody reads.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// A component with a custom section behind it: another file, another hash, the same plugin.
pub fn labelled(component: &[u8], label: &str) -> Vec<u8> {
    let name = b"test-version";
    let mut body = vec![name.len() as u8];
    body.extend_from_slice(name);
    body.extend_from_slice(label.as_bytes());
    let mut labelled = component.to_vec();
    // A custom section: id 0 and its length in LEB128.
    labelled.push(0);
    let mut length = body.len();
    while length >= 0x80 {
        labelled.push(length as u8 | 0x80);
        length >>= 7;
    }
    labelled.push(length as u8);
    labelled.extend_from_slice(&body);
    labelled
}

/// Exchanges a file as careful people do: written beside it, renamed into place.
pub fn exchange(file: &Path, contents: &[u8]) -> Result<()> {
    let beside: PathBuf = file.with_extension("next");
    fs::write(&beside, contents)?;
    fs::rename(&beside, file).context("cannot rename a plugin into place")
}
