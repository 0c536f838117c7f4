//! How much one call may leave in the host.

/// Output metrics.
pub const DESCRIPTORS_MAX: usize = 65_536;
/// Bytes of one output metric's texts.
pub const DESCRIPTOR_BYTES_MAX: usize = 16 << 10;
/// Bytes of all output metrics' texts, and of all explicit bounds.
pub const DESCRIBED_BYTES_MAX: usize = 16 << 20;
/// Bytes of host memory that one call's results may take.
pub const OUTPUT_BYTES_MAX: usize = 256 << 20;
/// Edits of one call.
pub const EDITS_MAX: usize = 1024;
/// Bytes of one attribute's value, as a guest writes it.
pub const VALUE_MAX: usize = 16 << 20;
