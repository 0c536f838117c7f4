//! The seeded 128-bit hash behind keyings.
//!
//! A row's key is the wrapping sum of its attributes' hashes, so their order does not matter and a level's sum is computed once.
//! The seed is drawn at start-up and never leaves the process: a sender cannot aim for a collision, and by chance two of a million
//! keys collide about once in 10^26 tables.

/// A seed for [`Hasher::hash`].
#[derive(Debug, Clone)]
pub struct Hasher {
    seed: [u64; 4],
}

impl Hasher {
    /// Draws a seed from the operating system's randomness.
    pub fn random() -> Hasher {
        use std::hash::{BuildHasher, RandomState};
        Hasher { seed: std::array::from_fn(|index| RandomState::new().hash_one(index)) }
    }

    /// The same seed in every process and for good, for what is stored. Whoever chooses the bytes can choose the hash.
    pub fn fixed() -> Hasher {
        // The fractional parts of the square roots of 2, 3, 5 and 7.
        Hasher { seed: [0x6a09_e667_f3bc_c908, 0xbb67_ae85_84ca_a73b, 0x3c6e_f372_fe94_f82b, 0xa54f_f53a_5f1d_36f1] }
    }

    /// The hash of `bytes` under a `salt` that separates levels.
    #[inline]
    pub fn hash(&self, salt: u8, bytes: &[u8]) -> u128 {
        let [s0, s1, s2, s3] = self.seed;
        let mut state = (s0, s1.wrapping_add(u64::from(salt).wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        if bytes.len() <= 16 {
            let (x, y) = short_words(bytes);
            state = mix(state, x, y);
        } else {
            let mut rest = bytes;
            while let Some((chunk, tail)) = rest.split_first_chunk::<16>() {
                if tail.is_empty() {
                    break;
                }
                let (x, y) = words(chunk);
                state = mix(state, x, y);
                rest = tail;
            }
            if let Some(last) = bytes.last_chunk::<16>() {
                let (x, y) = words(last);
                state = mix(state, x, y);
            }
        }
        // The length last, where no word of the input can stand in for it.
        let (high, low) = mix(state, s2 ^ bytes.len() as u64, s3);
        u128::from(high) << 64 | u128::from(low)
    }
}

/// One round: a 64×64→128 multiplication, with the factors mixed back in so that a zero factor loses nothing.
#[inline]
fn mix((a, b): (u64, u64), x: u64, y: u64) -> (u64, u64) {
    let (left, right) = (a ^ x, b ^ y);
    let product = u128::from(left) * u128::from(right);
    let (low, high) = (product as u64, (product >> 64) as u64);
    (low ^ right.rotate_left(32), high.wrapping_add(left))
}

#[inline]
fn words(chunk: &[u8; 16]) -> (u64, u64) {
    let whole = u128::from_le_bytes(*chunk);
    (whole as u64, (whole >> 64) as u64)
}

/// Up to 16 bytes as two words, overlapping where there are fewer; the length goes in later.
#[inline]
fn short_words(bytes: &[u8]) -> (u64, u64) {
    if let (Some(front), Some(back)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        return (u64::from_le_bytes(*front), u64::from_le_bytes(*back));
    }
    if let (Some(front), Some(back)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        return (u64::from(u32::from_le_bytes(*front)), u64::from(u32::from_le_bytes(*back)));
    }
    (bytes.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)), 0)
}

#[cfg(test)]
mod tests {
    use super::Hasher;
    use std::collections::HashSet;

    #[test]
    fn every_length_byte_and_salt_counts() {
        let hasher = Hasher::random();
        let mut seen = HashSet::new();
        for length in 0..80 {
            let zeros = vec![0; length];
            assert!(seen.insert(hasher.hash(0, &zeros)));
            assert!(seen.insert(hasher.hash(1, &zeros)));
            for position in 0..length {
                let mut one = zeros.clone();
                one[position] = 1;
                assert!(seen.insert(hasher.hash(0, &one)), "length {length}, position {position}");
            }
        }
    }

    #[test]
    fn the_seed_counts() {
        assert_ne!(Hasher::random().hash(0, b"x"), Hasher::random().hash(0, b"x"));
    }
}
