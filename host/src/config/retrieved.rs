//! What a value's references named, and in which state that was.

use std::sync::Arc;

use sha2::{Digest, Sha256};

/// Something that was retrieved, and in which state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retrieved {
    /// As it was named, without what signs a request in.
    pub uri: String,
    /// The beginning of the SHA-256 of its content, in hexadecimal digits.
    pub revision: String,
}

/// Bytes of a hash that tell contents apart.
const REVISION_BYTES: usize = 6;

impl Retrieved {
    pub(super) fn new(uri: &str, content: &[u8]) -> Arc<Retrieved> {
        let hash = Sha256::digest(content);
        let revision = hash.iter().take(REVISION_BYTES).map(|byte| format!("{byte:02x}")).collect();
        Arc::new(Retrieved { uri: uri.to_owned(), revision })
    }
}
