//! What a guest may not do.

use super::super::declared::DeclareError;
use super::maxima::{DESCRIPTOR_BYTES_MAX, DESCRIPTORS_MAX, EDITS_MAX, OUTPUT_BYTES_MAX, VALUE_MAX};
use crate::contract::Signal;
use crate::otlp::edit::Takes;
use crate::otlp::key;

/// A request the contract does not allow.
#[derive(Debug, thiserror::Error)]
pub enum Violation {
    /// More imports than the manifest grants.
    #[error("more than {0} imports in one call; `host_calls` of the manifest says how many may be")]
    HostCalls(u64),
    /// Imports that take the time of a call.
    #[error("what it asks of the host takes longer than the call may")]
    Deadline,
    /// Something of WASI that plugins do not have.
    #[error("WASI is virtual here, without files, sockets and waiting: {0}")]
    Wasi(String),
    /// An import called where it must not be.
    #[error("`{0}` is not available in this call")]
    Phase(&'static str),
    /// A column that was not declared, or was pulled before.
    #[error("column `{0}` was not declared in `describe`, or was pulled before in this call")]
    Column(&'static str),
    /// The same of one that is pulled by name.
    #[error("column `{0}` was not declared in `describe`, or was pulled before in this call")]
    NamedColumn(String),
    /// A column of values that would be too large.
    #[error("a column of values cannot be filled: {0}")]
    Values(#[source] crate::otlp::Malformed),
    /// A keying that does not exist.
    #[error("keying {0} was not declared")]
    Keying(u32),
    /// A code nobody gave out.
    #[error("code {code} of keying {keying} stands for nothing")]
    Code {
        /// The keying.
        keying: u32,
        /// The code.
        code: u32,
    },
    /// A descriptor nobody described.
    #[error("descriptor {0} was not described")]
    Descriptor(u32),
    /// Too many output metrics.
    #[error("more than {DESCRIPTORS_MAX} output metrics, or one with more than {DESCRIPTOR_BYTES_MAX} bytes of text")]
    Descriptors,
    /// A metric of the batch that was not there.
    #[error("no metric has the descriptor {0}")]
    InputDescriptor(u32),
    /// Bounds nobody described.
    #[error("bounds {0} were not described")]
    Bounds(u32),
    /// Bounds that cannot be.
    #[error("explicit bounds do not ascend, are more than 4,096, or there are more than 65,536 lists of them")]
    BadBounds,
    /// Buckets that do not fit their bounds.
    #[error("a histogram point has not one bucket more than it has bounds")]
    Buckets,
    /// More edits than are worth looking through.
    #[error("more than {EDITS_MAX} edits in one call")]
    Edits,
    /// An attribute nobody can edit.
    #[error("attributes of the request's metadata cannot be edited")]
    Metadata,
    /// A value that no attribute takes.
    #[error("the value of an attribute or field is longer than {VALUE_MAX} bytes, or there is none for a row")]
    Value,
    /// Something else than attributes to set, or keys to remove.
    #[error("an edit of many attributes takes {takes}, and was given something else")]
    Attributes {
        /// What it takes.
        takes: &'static str,
    },
    /// A field that there is not, or that stays as it is.
    #[error("{signal} have no field `{name}` that can be set")]
    Field {
        /// The signal.
        signal: Signal,
        /// What was asked for.
        name: String,
    },
    /// A value that the field does not take.
    #[error("the field `{name}` takes {takes}, and was given something else")]
    FieldValue {
        /// The field.
        name: &'static str,
        /// What it takes.
        takes: Takes,
    },
    /// Exemplars for nothing.
    #[error("exemplars without an emission before them, out of order, or malformed")]
    Exemplars,
    /// Too much of everything.
    #[error("the results of one call take more than {OUTPUT_BYTES_MAX} bytes")]
    Bytes,
    /// A storage key that cannot be.
    #[error("an empty storage key, or a range that ends before it starts")]
    StorageKey,
    /// Not one value for each key.
    #[error("there are not as many values as storage keys")]
    StorageValues,
    /// A key that no dictionary takes.
    #[error("a key is longer than {} bytes", key::KEY_MAX)]
    KeyLength,
    /// A kind that cannot be emitted.
    #[error("the emission does not fit the kind of its metric; summaries cannot be emitted")]
    Kind,
    /// Columns of one emission differ in length.
    #[error("the columns of an emission differ in length")]
    Lengths,
    /// More than the manifest grants.
    #[error("more than {0} points emitted in one call; raise `emitted_rows` in the manifest, or emit fewer")]
    Emitted(usize),
    /// Ends of buckets that do not fit their counts.
    #[error("the ends of buckets do not ascend to the number of counts")]
    BucketEnds,
    /// Bits behind the last row.
    #[error("a bitmap has rows that there are not")]
    Rows,
    /// Bits in both bitmaps.
    #[error("a row is dropped and absorbed")]
    Removed,
    /// A blob whose ends do not fit its bytes.
    #[error("the ends of a blob do not fit its bytes")]
    Blob,
    /// A key that is not canonical.
    #[error("a key is not in the canonical encoding: {0}")]
    Key(#[from] crate::otlp::Malformed),
    /// A bad declaration.
    #[error("{0}")]
    Declare(#[from] DeclareError),
}
