//! The text that is written.

use std::fmt::Write;

use super::MERGER;
use crate::manifest::{COMPARER, FormatVersion, Level};

/// Target length in bytes of a table on L0; it doubles with every level.
const TARGET_FILE_LEN: u64 = 2 << 20;

/// The section `Options` of a file that the reference implementation writes for the same use, in
/// its order. Constant, whatever the machine: files of ours do not depend on where they are made.
/// An empty value at [`FORMAT_VERSION`] is filled in.
const OPTIONS: &[(&str, &str)] = &[
    ("bytes_per_sync", "524288"),
    ("cache_size", "268435456"),
    ("cleaner", "delete"),
    ("compaction_debt_concurrency", "1073741824"),
    ("compaction_garbage_fraction_for_max_concurrency", "0.40"),
    ("comparer", COMPARER),
    ("disable_wal", "false"),
    ("enable_columnar_blocks", "true"),
    ("flush_delay_delete_range", "0s"),
    ("flush_delay_range_key", "0s"),
    ("flush_split_bytes", "2097152"),
    (FORMAT_VERSION, ""),
    (
        "key_schema",
        "DefaultKeySchema(leveldb.BytewiseComparator,16)",
    ),
    ("l0_compaction_concurrency", "10"),
    ("l0_compaction_file_threshold", "500"),
    ("l0_compaction_threshold", "8"),
    ("l0_stop_writes_threshold", "20"),
    ("lbase_max_bytes", "268435456"),
    ("concurrent_compactions", "2"),
    ("max_concurrent_compactions", "2"),
    ("max_concurrent_downloads", "1"),
    ("max_manifest_file_size", "134217728"),
    ("max_open_files", "1024"),
    ("mem_table_size", "67108864"),
    ("mem_table_stop_writes_threshold", "4"),
    ("min_deletion_rate", "0"),
    ("free_space_threshold_bytes", "17179869184"),
    ("free_space_timeframe", "10s"),
    ("obsolete_bytes_max_ratio", "0.200000"),
    ("obsolete_bytes_timeframe", "5m0s"),
    ("merger", MERGER),
    ("multilevel_compaction_heuristic", "wamp(0.00, false)"),
    ("read_compaction_rate", "16000"),
    ("read_sampling_multiplier", "16"),
    ("num_deletions_threshold", "100"),
    ("deletion_size_ratio_threshold", "0.500000"),
    ("tombstone_dense_compaction_threshold", "0.100000"),
    ("strict_wal_tail", "true"),
    ("table_cache_shards", "2"),
    ("validate_on_ingest", "false"),
    ("wal_dir", ""),
    ("wal_bytes_per_sync", "0"),
    ("secondary_cache_size_bytes", "0"),
    ("create_on_shared", "0"),
];

const FORMAT_VERSION: &str = "format_major_version";

/// Settings of every level but the target length.
const LEVEL: &[(&str, &str)] = &[
    ("block_restart_interval", "16"),
    ("block_size", "32768"),
    ("block_size_threshold", "90"),
    ("compression", "Snappy"),
    ("filter_policy", "none"),
    ("filter_type", "table"),
    ("index_block_size", "32768"),
];

/// The text of an OPTIONS file for a database that this crate writes.
pub fn render(version: FormatVersion) -> String {
    let mut text = String::from("[Version]\n  pebble_version=0.1\n\n[Options]\n");
    let number = version.number().to_string();
    for &(key, value) in OPTIONS {
        let value = if key == FORMAT_VERSION {
            &number
        } else {
            value
        };
        put(&mut text, key, value);
    }
    for level in Level::all() {
        put_section(&mut text, level);
    }
    text
}

fn put_section(text: &mut String, level: Level) {
    let index = level.index();
    // Writing to a string cannot fail.
    let _ = write!(text, "\n[Level \"{index}\"]\n");
    for &(key, value) in LEVEL {
        put(text, key, value);
    }
    put(
        text,
        "target_file_size",
        &(TARGET_FILE_LEN << index).to_string(),
    );
}

fn put(text: &mut String, key: &str, value: &str) {
    for part in ["  ", key, "=", value, "\n"] {
        text.push_str(part);
    }
}
