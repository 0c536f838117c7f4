//! One file of the cache: machine code, and what it was made from.
//!
//! ```text
//! entry = payload                            what `Component::serialize` wrote
//!         "otelier aot 2\n" 0x00 0x00        16 bytes
//!         sha256 of the plugin's file        32 bytes
//!         hash of compiler and settings      32 bytes: wasmtime's version, the target with its features, the engine's settings
//!         sha256 of the payload              32 bytes
//! ```
//!
//! The payload comes first because the file is mapped into memory as it is, and the runtime wants its code on a page's border.
//! Every byte is either compared with what is expected or covered by the payload's hash, so no change of a file goes unnoticed.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use sha2::{Digest, Sha256};

use crate::wasm::file::{Hash, hexadecimal};

/// How much of a file is read at once, in bytes.
const PIECE: usize = 128 << 10;
const MAGIC: &[u8; 16] = b"otelier aot 2\n\0\0";

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

/// An open file whose payload and trailer are what was written for its key. Only [`open`] makes one.
#[derive(Debug)]
pub struct Verified {
    file: File,
    /// Of the payload, in bytes.
    length: usize,
}

impl Verified {
    /// The file, which begins with what `Component::serialize` wrote.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// What `Component::serialize` wrote.
    pub fn payload(&self) -> io::Result<Vec<u8>> {
        let mut payload = vec![0; self.length];
        self.file.read_exact_at(&mut payload, 0)?;
        Ok(payload)
    }
}

const TRAILER: usize = 16 + 3 * 32;

/// What follows the payload of an entry.
pub fn trailer(key: &Key, payload: &[u8]) -> Vec<u8> {
    let hash: Hash = Sha256::digest(payload).into();
    [&MAGIC[..], &key.plugin, &key.compatibility, &hash].concat()
}

/// Checks a file against its key. It is `Damaged` as well when it has more than `bytes_max` bytes.
pub fn open(key: &Key, file: File, bytes_max: u64) -> Result<Verified, EntryError> {
    let bytes = file.metadata().map_err(|_| EntryError::Unreadable)?.len();
    if bytes > bytes_max {
        return Err(EntryError::Damaged);
    }
    let length = usize::try_from(bytes).ok().and_then(|bytes| bytes.checked_sub(TRAILER)).ok_or(EntryError::Foreign)?;
    let mut trailer = [0; TRAILER];
    file.read_exact_at(&mut trailer, length as u64).map_err(|_| EntryError::Unreadable)?;
    let hash = check(key, &trailer)?;
    let found = digest(&file, length).map_err(|_| EntryError::Unreadable)?;
    if found == hash { Ok(Verified { file, length }) } else { Err(EntryError::Damaged) }
}

/// The payload's hash, from a trailer that is of this key.
fn check(key: &Key, trailer: &[u8; TRAILER]) -> Result<Hash, EntryError> {
    let (magic, rest) = trailer.split_first_chunk::<16>().ok_or(EntryError::Foreign)?;
    let (plugin, rest) = rest.split_first_chunk::<32>().ok_or(EntryError::Foreign)?;
    let (compatibility, rest) = rest.split_first_chunk::<32>().ok_or(EntryError::Foreign)?;
    let hash = rest.first_chunk::<32>().ok_or(EntryError::Foreign)?;
    if magic != MAGIC {
        return Err(EntryError::Foreign);
    }
    if *plugin != key.plugin {
        return Err(EntryError::Plugin);
    }
    if *compatibility != key.compatibility {
        return Err(EntryError::Compatibility);
    }
    Ok(*hash)
}

/// The hash of the first `length` bytes of a file, read in pieces that stay in the processor's cache.
fn digest(file: &File, length: usize) -> io::Result<Hash> {
    let mut hasher = Sha256::new();
    let mut piece = vec![0; PIECE];
    for at in (0..length).step_by(PIECE) {
        let piece = piece.get_mut(..PIECE.min(length - at)).unwrap_or_default();
        file.read_exact_at(piece, at as u64)?;
        hasher.update(&*piece);
    }
    Ok(hasher.finalize().into())
}
