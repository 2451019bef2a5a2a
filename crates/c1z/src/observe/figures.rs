//! What a store counts by itself, whether anybody looks or not: plain totals, taken as one snapshot.

use shingle::db::{DatabaseCounters, LevelShape};
use shingle::live::LiveMetrics;

use super::metric::{Metric, MetricKind, MetricUnit};
use crate::MemoryBudget;
use crate::envelope::ReadCounters;

macro_rules! figures {
    ($($kind:ident $unit:ident $field:ident $name:literal $help:literal;)*) => {
        /// Totals and states of a store at one moment.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct Figures {
            $(#[doc = $help] pub $field: u64,)*
            /// Tables and bytes of each level.
            pub levels: [LevelFigures; 7],
        }

        /// The metrics of [`Figures`], in the order of [`Figures::values`].
        pub(super) const METRICS: &[Metric] = &[$(Metric {
            name: $name,
            kind: MetricKind::$kind,
            unit: MetricUnit::$unit,
            labels: &[],
            help: $help,
        },)*];

        impl Figures {
            /// The values, in the order of the catalogue.
            pub(super) fn values(&self) -> [u64; METRICS.len()] {
                [$(self.$field,)*]
            }

            fn values_mut(&mut self) -> [&mut u64; METRICS.len()] {
                [$(&mut self.$field,)*]
            }
        }
    };
}

figures! {
    Counter Count point_reads "c1z_point_reads_total" "Point reads of databases";
    Counter Count scans "c1z_scans_total" "Scans of databases that ended";
    Counter Count scanned_rows "c1z_scanned_rows_total" "Rows that scans returned";
    Counter Count scanned_entries "c1z_scanned_entries_total" "Entries that scans looked at, visible or not";
    Counter Count tombstone_skips "c1z_tombstone_skips_total" "Range tombstones by which scans passed over entries";
    Counter Count tables_opened "c1z_tables_opened_total" "Times that a table was opened";
    Counter Count table_reads "c1z_table_reads_total" "Reads of table files";
    Counter Bytes table_read_bytes "c1z_table_read_bytes_total" "Bytes read from table files";
    Counter Count data_blocks "c1z_data_blocks_total" "Data blocks taken from files, not from the cache";
    Counter Count index_blocks "c1z_index_blocks_total" "Index blocks taken from files";
    Counter Bytes block_decoded_bytes "c1z_block_decoded_bytes_total" "Bytes of blocks after decompression";
    Counter Count cache_hits "c1z_cache_hits_total" "Lookups in block caches that found the block";
    Counter Count cache_misses "c1z_cache_misses_total" "Lookups in block caches that did not";
    Counter Count filter_negatives "c1z_filter_negatives_total" "Point reads that a bloom filter answered without a block";
    Counter Count envelope_reads "c1z_envelope_reads_total" "Positioned reads of envelopes";
    Counter Bytes envelope_read_bytes "c1z_envelope_read_bytes_total" "Bytes read from envelopes";
    Counter Count frames_decoded "c1z_frames_decoded_total" "Frames of envelopes that were decoded";
    Counter Bytes frame_decoded_bytes "c1z_frame_decoded_bytes_total" "Bytes that decoding frames gave";
    Counter Count stream_restarts "c1z_stream_restarts_total" "Passes over large frames that began again";
    Counter Count page_lookups "c1z_page_lookups_total" "Pages of v1 databases asked for";
    Counter Count page_reads "c1z_page_reads_total" "Pages of v1 databases read from files";
    Counter Count write_batches "c1z_write_batches_total" "Batches accepted";
    Counter Count write_rows "c1z_write_rows_total" "Changes of rows accepted";
    Counter Bytes write_bytes "c1z_write_bytes_total" "Bytes of accepted batches";
    Counter Bytes log_bytes "c1z_wal_bytes_total" "Bytes of write-ahead logs written";
    Counter Count log_syncs "c1z_wal_syncs_total" "Syncs of write-ahead logs";
    Counter Count flushes "c1z_flushes_total" "Times that memory was written to runs";
    Counter Bytes flushed_bytes "c1z_flushed_bytes_total" "Bytes of runs written from memory";
    Counter Count compactions "c1z_compactions_total" "Merges of runs, and ranges compacted on request";
    Counter Bytes compacted_bytes "c1z_compacted_bytes_total" "Bytes of runs that merges wrote";
    Counter Count seals "c1z_seals_total" "Seals that took effect";
    Counter Bytes folded_bytes "c1z_folded_bytes_total" "Bytes that seals, compactions on request and derived indexes wrote";
    Counter Count write_stalls "c1z_write_stalls_total" "Times that a writer waited for the background thread";
    Counter Count derived_reads "c1z_derived_reads_total" "Rows that writes read to keep a derived index true";
    Counter Count removals_failed "c1z_removals_failed_total" "Files that could not be removed; the next opening tries again";
    Gauge Bytes size "c1z_database_size_bytes" "Bytes on disk of the open stores: the file, or tables and logs";
    Gauge Bytes log_size "c1z_wal_size_bytes" "Bytes of logs that hold what is not on its way to tables";
    Gauge Bytes memtable_bytes "c1z_memtable_bytes" "Bytes of accepted writes in memory";
    Gauge Bytes cache_bytes "c1z_cache_bytes" "Bytes in block caches";
    Gauge Bytes memory_limit "c1z_memory_limit_bytes" "Sum of the memory budgets of the open stores";
    Gauge Bytes memory_used "c1z_memory_used_bytes" "Bytes reserved of these budgets";
    Gauge Bytes memory_peak "c1z_memory_peak_bytes" "Most bytes that were reserved at one time";
}

/// A level at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LevelFigures {
    /// Tables.
    pub tables: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Figures {
    /// Adds those of another store.
    pub(super) fn add(&mut self, other: &Self) {
        for (mine, more) in self.values_mut().into_iter().zip(other.values()) {
            *mine = mine.saturating_add(more);
        }
        for (mine, more) in self.levels.iter_mut().zip(&other.levels) {
            mine.tables += more.tables;
            mine.bytes += more.bytes;
        }
    }

    /// What stays when the store closes: its totals.
    pub(super) fn close(&mut self) {
        for (value, metric) in self.values_mut().into_iter().zip(METRICS) {
            if metric.kind == MetricKind::Gauge {
                *value = 0;
            }
        }
        self.levels = Default::default();
    }

    /// Bytes written to files for each byte of accepted batches; 0 while nothing was accepted.
    pub fn write_amplification(&self) -> f64 {
        if self.write_bytes == 0 {
            return 0.0;
        }
        let written =
            self.log_bytes + self.flushed_bytes + self.compacted_bytes + self.folded_bytes;
        as_f64(written) / as_f64(self.write_bytes)
    }

    /// Takes what reading a Pebble database cost.
    pub(crate) fn database(&mut self, counters: &DatabaseCounters, shapes: &[LevelShape]) {
        self.point_reads = counters.gets;
        self.scans = counters.scans;
        self.scanned_rows = counters.rows;
        self.scanned_entries = counters.entries;
        self.tombstone_skips = counters.skips;
        self.tables_opened = counters.tables_opened;
        self.table_reads = counters.table.file_reads;
        self.table_read_bytes = counters.table.file_bytes;
        self.data_blocks = counters.table.data_blocks;
        self.index_blocks = counters.table.index_blocks;
        self.block_decoded_bytes = counters.table.decoded_bytes;
        self.cache_hits = counters.table.cache_hits;
        self.cache_misses = counters.table.cache_misses;
        self.filter_negatives = counters.table.filter_negatives;
        self.cache_bytes = counters.cache_bytes;
        for (level, shape) in self.levels.iter_mut().zip(shapes) {
            level.tables = shape.tables as u64;
            level.bytes = shape.size;
        }
    }

    /// Takes what writing a Pebble database cost.
    pub(crate) fn live(&mut self, metrics: &LiveMetrics) {
        self.write_batches = metrics.batches;
        self.write_rows = metrics.operations;
        self.write_bytes = metrics.batch_bytes;
        self.log_bytes = metrics.log_bytes;
        self.log_syncs = metrics.log_syncs;
        self.log_size = metrics.log_bytes_now;
        self.flushes = metrics.spills;
        // Read one after the other while merges go on.
        self.flushed_bytes = metrics.run_bytes.saturating_sub(metrics.merged_bytes);
        self.compactions = metrics.merges + metrics.compactions;
        self.compacted_bytes = metrics.merged_bytes;
        self.seals = metrics.seals;
        self.folded_bytes = metrics.folded_bytes;
        self.write_stalls = metrics.stalls;
        self.derived_reads = metrics.derived_reads;
        self.removals_failed = metrics.removals_failed;
    }

    /// Takes what reading an envelope cost.
    pub(crate) fn envelope(&mut self, counters: &ReadCounters) {
        self.envelope_reads = counters.reads;
        self.envelope_read_bytes = counters.read_bytes;
        self.frames_decoded = counters.frames_decoded;
        self.frame_decoded_bytes = counters.decoded_bytes;
        self.stream_restarts = counters.stream_restarts;
    }

    /// Takes the state of a budget.
    pub(crate) fn budget(&mut self, budget: &MemoryBudget) {
        self.memory_limit = budget.limit();
        self.memory_used = budget.used();
        self.memory_peak = budget.peak();
    }
}

/// As the exposition format holds numbers; exact up to 2^53.
pub(super) fn as_f64(value: u64) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "the exposition format has no other numbers"
    )]
    let value = value as f64;
    value
}
