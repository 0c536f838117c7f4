//! A plugin's file: read once, so that what was hashed is what is compiled.

use std::fs::OpenOptions;
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
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
    /// Reads a file. Anything else in its place, such as a named pipe that nobody writes to, is an error and not waited for.
    pub fn read(path: &Path) -> Result<PluginFile, LoadError> {
        let bytes = read_whole(path).map_err(|source| LoadError::Read { path: path.to_owned(), source })?;
        Ok(PluginFile::new(path, bytes))
    }

    /// The same with the contents in hand; `path` is for errors.
    pub fn new(path: &Path, bytes: Vec<u8>) -> PluginFile {
        let sha256 = Sha256::digest(&bytes).into();
        PluginFile { path: path.to_owned(), bytes, sha256 }
    }

    /// The same under the path that it once had: for people.
    pub fn come_from(self, path: &Path) -> PluginFile {
        PluginFile { path: path.to_owned(), ..self }
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

fn read_whole(path: &Path) -> io::Result<Vec<u8>> {
    let nonblocking = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
    let mut file = OpenOptions::new().read(true).custom_flags(nonblocking).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The beginning of a hash, in hexadecimal digits: for people.
pub fn short(hash: &Hash) -> String {
    hexadecimal(hash.get(..6).unwrap_or_default())
}

/// A hash in hexadecimal digits, as `sha256sum` prints them.
pub fn hexadecimal(hash: &[u8]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::process::Command;

    use super::PluginFile;

    #[test]
    fn what_is_no_file_is_told_and_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("plugin.wasm");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        for path in [pipe.as_path(), folder.path()] {
            let error = PluginFile::read(path).unwrap_err().to_string();
            assert!(error.contains("it is no file; name a file that can be read"), "{error}");
        }
        let missing = PluginFile::read(&folder.path().join("missing.wasm")).unwrap_err().to_string();
        assert!(missing.contains("build it with `cargo component"), "{missing}");
    }
}
