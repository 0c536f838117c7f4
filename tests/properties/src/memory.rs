//! Memory is bounded by a constant times the input, with some bytes of its own.
//!
//! Counted where the process has [`PeakAlloc`] as its allocator and does one thing at a time; elsewhere it counts zero.
//! What C allocates (zstd's window) is not seen.

use peak_alloc::PeakAlloc;

/// Runs `work` and says how many bytes it took at once.
pub fn counted<T>(work: impl FnOnce() -> T) -> (T, usize) {
    PeakAlloc.reset_peak_usage();
    let before = PeakAlloc.current_usage();
    let result = work();
    (result, PeakAlloc.peak_usage().saturating_sub(before))
}

/// Panics when `taken` bytes are more than `base` and `factor` times those of the input.
#[track_caller]
pub fn is_bounded(taken: usize, input: usize, factor: usize, base: usize) {
    let allowed = factor.saturating_mul(input).saturating_add(base);
    assert!(taken <= allowed, "{taken} bytes of memory for an input of {input}, allowed are {allowed}");
}

/// Runs `work` and panics when it took more than `base` bytes and `factor` times those of its input at once.
#[track_caller]
pub fn bounded<T>(input: usize, factor: usize, base: usize, work: impl FnOnce() -> T) -> T {
    let (result, taken) = counted(work);
    is_bounded(taken, input, factor, base);
    result
}
