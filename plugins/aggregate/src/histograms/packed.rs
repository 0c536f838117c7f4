//! An exponential histogram as words: scale, zero count, zero threshold, both sides' offset and length, then their counts.

use otelier_sdk::aggregate::Exponential;
use otelier_sdk::aggregate::exponential::Side;

/// Words in front of the counts.
pub const HEAD: usize = 5;

pub fn pack(histogram: &Exponential) -> Vec<u64> {
    let Exponential { scale, zero_count, zero_threshold, positive, negative } = histogram;
    let mut words = vec![i64::from(*scale).cast_unsigned(), *zero_count, zero_threshold.to_bits()];
    for side in [positive, negative] {
        words.push(u64::from(side.offset.cast_unsigned()) | (side.counts.len() as u64) << 32);
    }
    words.extend(&positive.counts);
    words.extend(&negative.counts);
    words
}

/// Reads what `pack` wrote; more words may follow.
pub fn unpack(words: &[u64]) -> Option<Exponential> {
    let (&[scale, zero_count, zero_threshold, positive, negative], counts) = words.split_first_chunk::<HEAD>()?;
    let length = |side: u64| (side >> 32) as usize;
    let (above, rest) = counts.split_at_checked(length(positive))?;
    let below = rest.get(..length(negative))?;
    let side = |head: u64, counts: &[u64]| Side { offset: (head as u32).cast_signed(), counts: counts.to_vec() };
    Some(Exponential {
        scale: i32::try_from(scale.cast_signed()).ok()?,
        zero_count,
        zero_threshold: f64::from_bits(zero_threshold),
        positive: side(positive, above),
        negative: side(negative, below),
    })
}
