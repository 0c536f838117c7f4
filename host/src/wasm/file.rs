//! A plugin's file: read once, so that what was hashed is what is compiled.

use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::load_error::LoadError;
use crate::contract::PLUGIN_BYTES_MAX;
use crate::files::bounded::{self, ReadError};
use crate::files::private;

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
    /// Reads a file of which no manifest says how large it may be.
    pub fn read(path: &Path) -> Result<PluginFile, LoadError> {
        PluginFile::read_up_to(path, PLUGIN_BYTES_MAX)
    }

    /// Reads a file that has no more than so many bytes. Anything else in its place, such as a named pipe that nobody writes to, is an error and
    /// not waited for.
    pub fn read_up_to(path: &Path, bytes_max: u64) -> Result<PluginFile, LoadError> {
        let place = path.to_owned();
        match bounded::read(path, bytes_max) {
            Ok(bytes) => Ok(PluginFile::new(path, bytes)),
            Err(ReadError::TooLarge { bytes_max }) => Err(LoadError::TooLarge { path: place, bytes_max }),
            Err(ReadError::Io(source)) => Err(LoadError::Read { path: place, source }),
            Err(ReadError::NoFile | ReadError::Silent) => {
                Err(LoadError::Read { path: place, source: io::Error::other("it is no file") })
            }
        }
    }

    /// Reads a file of the state directory's, with no more than so many bytes.
    pub fn read_own(path: &Path, bytes_max: u64) -> Result<PluginFile, LoadError> {
        let missing = || LoadError::Read { path: path.to_owned(), source: io::ErrorKind::NotFound.into() };
        let bytes = private::read(path, bytes_max)?.ok_or_else(missing)?;
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
        let large = folder.path().join("large.wasm");
        std::fs::File::create(&large).unwrap().set_len(10 << 30).unwrap();
        let error = PluginFile::read(&large).unwrap_err().to_string();
        assert!(error.contains("has more than 67108864 bytes") && error.contains("`plugin_bytes_max`"), "{error}");
        let missing = PluginFile::read(&folder.path().join("missing.wasm")).unwrap_err().to_string();
        assert!(missing.contains("build it with `otelier plugin build`"), "{missing}");
    }
}
