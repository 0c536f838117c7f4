//! A plugin's file: read once, so that what was hashed is what is compiled.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::engine::LoadError;

/// SHA-256 of something.
pub type Hash = [u8; 32];

/// The contents of a plugin's file and what they hash to.
#[derive(Debug)]
pub struct PluginFile {
    path: PathBuf,
    bytes: Vec<u8>,
    sha256: Hash,
}

impl PluginFile {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<PluginFile, LoadError> {
        let bytes = std::fs::read(path).map_err(|source| LoadError::Read { path: path.to_owned(), source })?;
        Ok(PluginFile::new(path, bytes))
    }

    /// The same with the contents in hand; `path` is for errors.
    pub fn new(path: &Path, bytes: Vec<u8>) -> PluginFile {
        let sha256 = Sha256::digest(&bytes).into();
        PluginFile { path: path.to_owned(), bytes, sha256 }
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it holds.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What that hashes to.
    pub fn sha256(&self) -> &Hash {
        &self.sha256
    }
}

/// A hash in hexadecimal digits, as `sha256sum` prints them.
pub fn hexadecimal(hash: &[u8]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}
