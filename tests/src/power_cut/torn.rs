//! The end of a file that was being written when the power went.

use fastrand::Rng;

/// What a disk writes whole or not at all, in bytes.
pub const SECTOR: usize = 512;

/// What a file's unsynced end looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tear {
    /// It stops early, within a sector or between two.
    Short,
    /// The length was recorded before the data: from some sector on there are zeros.
    Zeros,
    /// The last sector holds something else.
    Garbage,
}

/// `written` as it may be when only `synced` was synced. Only an append is torn: of any other change nothing is left.
pub fn torn(synced: &[u8], written: &[u8], random: &mut Rng, tears: &[Tear]) -> Vec<u8> {
    let Some(tear) = random.choice(tears).filter(|_| written.len() > synced.len() && written.starts_with(synced))
    else {
        return synced.to_vec();
    };
    // A whole length over half the bytes is what is hardest to read.
    let length = match tear {
        Tear::Short => random.usize(synced.len()..=written.len()),
        _ if random.bool() => written.len(),
        _ => random.usize(synced.len() + 1..=written.len()),
    };
    let mut left = written[..length].to_vec();
    // What is synced stays, also where its last sector is written again.
    match tear {
        Tear::Short => {}
        Tear::Zeros => {
            let sector = random.usize(synced.len() / SECTOR..length.div_ceil(SECTOR));
            left[(sector * SECTOR).max(synced.len())..].fill(0);
        }
        Tear::Garbage => {
            let sector = (length - 1) / SECTOR;
            left[(sector * SECTOR).max(synced.len())..].fill_with(|| random.u8(..));
        }
    }
    left
}
