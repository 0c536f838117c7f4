//! What a call pushed, checked as it comes and applied or discarded as a whole.

use std::collections::BTreeMap;

use crate::otlp::columns::Bitmap;
use crate::otlp::edit::Edits;
use crate::otlp::emit::Emission;

/// The results of one call.
#[derive(Debug, Default)]
pub struct Output {
    /// Rows that go no further.
    pub dropped: Bitmap,
    /// Rows taken into the plugin's state.
    pub absorbed: Bitmap,
    /// Edits of rows that go on.
    pub edits: Edits,
    /// Points to send on.
    pub emissions: Vec<Emission>,
    /// How many points `emissions` holds.
    pub emitted_rows: usize,
    /// Codes to forget, by keying.
    pub released: BTreeMap<usize, Vec<u32>>,
    /// Bytes of host memory that the results take.
    pub bytes: usize,
}
