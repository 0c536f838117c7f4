//! What is known of a row: one bit for each block, both combined by `and`.

/// Two bits; [`UNKNOWN`] besides, which changes nothing when it is combined.
pub type Verdict = u8;

/// All criteria of `include` so far hold; always so where there is no such block.
pub const INCLUDED: Verdict = 1;
/// All criteria of `exclude` so far hold; never so where there is no such block.
pub const EXCLUDED: Verdict = 2;
/// Nobody has asked yet.
pub const UNKNOWN: Verdict = 0xff;

/// Something for each block.
#[derive(Debug, Default, PartialEq)]
pub struct Both<T> {
    pub include: T,
    pub exclude: T,
}

/// What both blocks say.
pub fn verdict(include: bool, exclude: bool) -> Verdict {
    u8::from(include) | u8::from(exclude) << 1
}
