//! One file of the cache: machine code, and what it was made from.
//!
//! ```text
//! entry = "otelier aot 1\n" 0x00 0x00        16 bytes
//!         sha256 of the plugin's file        32 bytes
//!         hash of compiler and settings      32 bytes: wasmtime's version, the target with its features, the engine's settings
//!         sha256 of the payload              32 bytes
//!         payload                            to the end of the file: what `Component::serialize` wrote
//! ```
//!
//! Every byte is either compared with what is expected or covered by the payload's hash, so no change of a file goes unnoticed.

use sha2::{Digest, Sha256};

use crate::wasm::file::{Hash, hexadecimal};

const MAGIC: &[u8; 16] = b"otelier aot 1\n\0\0";

/// What an entry has to be of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Of the plugin's file.
    pub plugin: Hash,
    /// Of the compiler and its settings.
    pub compatibility: Hash,
}

impl Key {
    /// The file's name: the plugin in full, and enough of the rest to tell versions apart.
    pub fn file_name(&self) -> String {
        let settings: String = hexadecimal(&self.compatibility).chars().take(16).collect();
        format!("{}-{settings}.aot", hexadecimal(&self.plugin))
    }
}

/// Why a file is not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// Too short for its header, or something else altogether.
    #[error("it is no entry of this cache")]
    Foreign,
    /// Somebody else could have written it.
    #[error("another user owns it or may write to it")]
    Writable,
    /// Of another plugin.
    #[error("it was compiled from another plugin")]
    Plugin,
    /// Of another compiler, or of the same with other settings.
    #[error("another compiler made it, or the same with other settings")]
    Compatibility,
    /// Its payload is not what was written.
    #[error("it is damaged")]
    Damaged,
    /// It cannot be read.
    #[error("it cannot be read")]
    Unreadable,
    /// Everything is as it was written, and yet the runtime does not take it.
    #[error("the runtime does not take it")]
    Refused,
}

/// An entry whose header and payload are what was written for its key. Only [`open`] makes one.
#[derive(Debug)]
pub struct Verified {
    file: Vec<u8>,
}

impl Verified {
    /// What `Component::serialize` wrote.
    pub fn payload(&self) -> &[u8] {
        self.file.get(HEADER..).unwrap_or_default()
    }
}

const HEADER: usize = 16 + 3 * 32;

/// The header of an entry.
pub fn header(key: &Key, payload: &[u8]) -> Vec<u8> {
    let hash: Hash = Sha256::digest(payload).into();
    [&MAGIC[..], &key.plugin, &key.compatibility, &hash].concat()
}

/// Checks a file's contents against its key.
pub fn open(key: &Key, file: Vec<u8>) -> Result<Verified, EntryError> {
    let (magic, rest) = file.split_first_chunk::<16>().ok_or(EntryError::Foreign)?;
    let (plugin, rest) = rest.split_first_chunk::<32>().ok_or(EntryError::Foreign)?;
    let (compatibility, rest) = rest.split_first_chunk::<32>().ok_or(EntryError::Foreign)?;
    let (hash, payload) = rest.split_first_chunk::<32>().ok_or(EntryError::Foreign)?;
    if magic != MAGIC {
        return Err(EntryError::Foreign);
    }
    if *plugin != key.plugin {
        return Err(EntryError::Plugin);
    }
    if *compatibility != key.compatibility {
        return Err(EntryError::Compatibility);
    }
    let found: Hash = Sha256::digest(payload).into();
    if found == *hash { Ok(Verified { file }) } else { Err(EntryError::Damaged) }
}
