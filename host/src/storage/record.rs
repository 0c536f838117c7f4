//! A stored value: versioned and checksummed, so that a value that is damaged or was moved to another key is never used.
//!
//! ```text
//! record = 0x01 crc32(key, payload):u32 little endian  payload
//! ```

/// Why a record cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Shorter than its header.
    #[error("record is cut")]
    Cut,
    /// Written by a later version.
    #[error("record has format {0}, this version reads format 1")]
    Version(u8),
    /// The checksum over key and payload differs.
    #[error("checksum does not match")]
    Checksum,
}

const VERSION: u8 = 1;
const HEADER: usize = 5;

fn checksum(key: &[u8], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(key);
    hasher.update(payload);
    hasher.finalize()
}

/// A payload as it is stored under `key`.
pub fn seal(key: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut record = Vec::with_capacity(HEADER + payload.len());
    record.push(VERSION);
    record.extend_from_slice(&checksum(key, payload).to_le_bytes());
    record.extend_from_slice(payload);
    record
}

/// The payload of a record found under `key`.
pub fn open<'r>(key: &[u8], record: &'r [u8]) -> Result<&'r [u8], RecordError> {
    match record {
        [VERSION, a, b, c, d, payload @ ..] => {
            let stored = u32::from_le_bytes([*a, *b, *c, *d]);
            if stored == checksum(key, payload) { Ok(payload) } else { Err(RecordError::Checksum) }
        }
        [VERSION, ..] | [] => Err(RecordError::Cut),
        [version, ..] => Err(RecordError::Version(*version)),
    }
}
