//! How the database is set: what it keeps in memory, and what it takes for damage.

use rocksdb::{BlockBasedOptions, Cache, Options, WriteOptions};

use crate::descriptors;
use crate::storage::Family;

const BLOCK_CACHE_BYTES: usize = 8 << 20;
/// Values from this size on are kept beside their keys.
const BLOB_BYTES_MIN: u64 = 1 << 10;

/// Of a write.
pub fn write(sync: bool) -> WriteOptions {
    let mut options = WriteOptions::default();
    options.set_sync(sync);
    options
}

/// Of the database.
pub fn database() -> Options {
    let mut options = Options::default();
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    // State is rewritten often: most of what is written is replaced or deleted before a memtable is full, and never leaves it.
    options.set_db_write_buffer_size(32 << 20);
    options.set_max_total_wal_size(64 << 20);
    options.set_keep_log_file_num(2);
    options.set_max_open_files(descriptors::of_store());
    // A log that stops short ends in a write that was never acknowledged; anything else that does not read is damage.
    options.set_wal_recovery_mode(rocksdb::DBRecoveryMode::TolerateCorruptedTailRecords);
    // State is read from end to end at start, queues in the order in which they were written: let the system read ahead.
    options.set_advise_random_on_open(false);
    options.set_paranoid_checks(true);
    // A log that is gone is damage, and not an empty store.
    options.set_track_and_verify_wals_in_manifest(true);
    options
}

/// Of one of its column families.
pub fn family(family: Family) -> Options {
    let mut options = Options::default();
    if matches!(family, Family::Payload | Family::Dead) {
        // Beside the keys, so that ordering keys never moves payloads.
        options.set_enable_blob_files(true);
        options.set_min_blob_size(BLOB_BYTES_MIN);
        options.set_blob_file_size(64 << 20);
        options.set_enable_blob_gc(true);
    }
    options.set_write_buffer_size(16 << 20);
    // What a memtable leaves is mostly short-lived, and packed by its writers: compressed once it has sunk to where it stays.
    options.set_compression_type(rocksdb::DBCompressionType::None);
    options.set_bottommost_compression_type(rocksdb::DBCompressionType::Lz4);
    // Each compaction writes all pages again; what waits for one is read at start only.
    options.set_level_zero_file_num_compaction_trigger(8);
    // State is read at start, once and from end to end; afterwards components have it in their own memory.
    let mut blocks = BlockBasedOptions::default();
    blocks.set_block_cache(&Cache::new_lru_cache(BLOCK_CACHE_BYTES));
    options.set_block_based_table_factory(&blocks);
    options
}
