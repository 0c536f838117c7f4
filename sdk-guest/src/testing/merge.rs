//! What the host makes of a stored number and one that is merged into it.

use crate::MergeOp;

/// Of integers.
pub(super) fn integers(op: MergeOp, stored: Option<[u8; 8]>, value: i64) -> [u8; 8] {
    let merged = match (stored.map(i64::from_le_bytes), op) {
        (None, _) => value,
        (Some(stored), MergeOp::Add) => stored.saturating_add(value),
        (Some(stored), MergeOp::Min) => stored.min(value),
        (Some(stored), MergeOp::Max) => stored.max(value),
    };
    merged.to_le_bytes()
}

/// Of doubles: -0 is less than 0, to the minimum and the maximum a NaN is no number, and there is one NaN.
pub(super) fn doubles(op: MergeOp, stored: Option<[u8; 8]>, value: f64) -> [u8; 8] {
    let merged = match (stored.map(f64::from_le_bytes), op) {
        (None, _) => value,
        (Some(stored), MergeOp::Add) => stored + value,
        (Some(stored), _) if stored.is_nan() || value.is_nan() => {
            if stored.is_nan() {
                value
            } else {
                stored
            }
        }
        (Some(stored), MergeOp::Min) => {
            if stored.total_cmp(&value).is_le() {
                stored
            } else {
                value
            }
        }
        (Some(stored), MergeOp::Max) => {
            if stored.total_cmp(&value).is_ge() {
                stored
            } else {
                value
            }
        }
    };
    let bits = if merged.is_nan() { 0x7ff8_0000_0000_0000 } else { merged.to_bits() };
    bits.to_le_bytes()
}

#[cfg(test)]
mod tests {
    use crate::storage::Storage;
    use crate::testing::MemoryHost;
    use crate::{Blob, Host, MergeOp, StorageError};

    fn keys(keys: &[&[u8]]) -> Blob {
        keys.iter().copied().collect()
    }

    #[test]
    fn numbers_are_merged_in_order_or_not_at_all() {
        let mut host = MemoryHost::default();
        Host::projection_state(&mut host, 1);
        let mut storage = Storage { host: &mut host };
        storage.merge_integers(MergeOp::Add, keys(&[b"a", b"b", b"a"]), vec![1, i64::MAX, 2]).unwrap();
        storage.merge_integers(MergeOp::Max, keys(&[b"a"]), vec![-1]).unwrap();
        storage.merge_integers(MergeOp::Add, keys(&[b"b"]), vec![1]).unwrap();
        storage.merge_doubles(MergeOp::Min, keys(&[b"c", b"c"]), vec![f64::NAN, -0.0]).unwrap();
        storage.set(b"text", b"seven".to_vec()).unwrap();
        let refused = storage.merge_integers(MergeOp::Add, keys(&[b"a", b"text"]), vec![5, 5]);
        assert_eq!(refused, Err(StorageError::NoNumber(1)));
        assert_eq!(storage.get(b"a").unwrap(), Some(3_i64.to_le_bytes().to_vec()));
        assert_eq!(storage.get(b"b").unwrap(), Some(i64::MAX.to_le_bytes().to_vec()));
        assert_eq!(storage.get(b"c").unwrap(), Some((-0.0_f64).to_le_bytes().to_vec()));
    }
}
