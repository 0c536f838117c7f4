//! Versions of a plugin for tests: the same component, told apart by a section that nobody reads.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::component::section;

/// A component with a custom section behind it: another file, another hash, the same plugin.
pub fn labelled(component: &[u8], label: &str) -> Vec<u8> {
    let name = b"test-version";
    let mut body = vec![name.len() as u8];
    body.extend_from_slice(name);
    body.extend_from_slice(label.as_bytes());
    [component, &section(0, &body)].concat()
}

/// Exchanges a file as careful people do: written beside it, renamed into place.
pub fn exchange(file: &Path, contents: &[u8]) -> Result<()> {
    let beside: PathBuf = file.with_extension("next");
    fs::write(&beside, contents)?;
    fs::rename(&beside, file).context("cannot rename a plugin into place")
}
