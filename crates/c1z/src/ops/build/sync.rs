//! The builder of a sealed sync in a directory.

use std::path::PathBuf;
use std::sync::Arc;

use c1z_proto::storage::v3::GrantRecord;
use shingle::bulk::{BuiltDatabase, DatabaseWriter, Duplicates, SortOptions, SortedScan, Sorter};
use shingle::iter::Bounds;
use shingle::vfs::Fs;

use super::flow::{Flow, Passed, Rest};
use super::options::{BuildOptions, Digests, InputOrder, SameIdentity};
use crate::digest::Node;
use crate::engine::types::{SyncRun, SyncStats, Timestamp};
use crate::keyspace::{Family, MetadataKey, stamp};
use crate::ksuid::Ksuid;
use crate::ops::observe::{Meter, NoObserver, Observer, Step};
use crate::ops::{RecordKind, StoredRecord};
use crate::record::{SessionView, grant, message, primary_key_into, stats, sync_run, token};
use crate::{Error, Result};

const STRUCTURE: &str = "grant record";
/// Share of the memory that sorts records, in eighths.
const RECORDS_SHARE: usize = 4;

/// Keys of rows of the same identity that are kept as examples.
const MERGED_MAX: usize = 5;

/// Builds the directory of one sealed sync from its records.
pub struct SyncBuilder {
    input: Input,
    flow: Flow,
    same_identity: SameIdentity,
    observer: Arc<dyn Observer>,
    /// Calls of `put` so far.
    records: u64,
    key: Vec<u8>,
}

impl std::fmt::Debug for SyncBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SyncBuilder")
            .field("records", &self.records)
            .finish_non_exhaustive()
    }
}

/// Records on their way to the flow.
enum Input {
    /// They go straight.
    Ascending,
    /// They are sorted first.
    Any(Box<Sorter>),
}

/// A sync that was built.
#[derive(Clone, Debug)]
pub struct BuiltSync {
    /// Its directory and files.
    pub database: BuiltDatabase,
    /// The sync run as it was written, with the statistics that were written; none for a database
    /// without a sync.
    pub run: Option<SyncRun>,
    /// Counts of its records, whether or not they were written as statistics.
    pub counts: SyncStats,
    /// The root of the grant digests, if they were built.
    pub digest_root: Option<Node>,
    /// Rows that were put and went into another of the same identity.
    pub merged_rows: u64,
    /// The keys of the first of them, a few, where such rows were folded.
    pub merged: Vec<Vec<u8>>,
}

/// The sync run to write.
#[derive(Clone, Copy, Debug)]
pub struct RunToWrite<'a> {
    /// The run. If it has statistics, the figures in them that are no counts are kept, and the time
    /// when they were written; otherwise those figures come from the token, the time is the end of
    /// the sync.
    pub run: &'a SyncRun,
    /// The stored record that `run` was read from, if any: fields that a run does not have stay.
    pub stored: Option<&'a [u8]>,
}

impl SyncBuilder {
    /// A sync without records in `dir`, which is created if it does not exist; `is_finished` tells
    /// whether the run will have an end.
    ///
    /// # Errors
    /// `InvalidArgument` for a directory that holds a database; `Io` from the file system.
    pub fn new(
        fs: Arc<dyn Fs>,
        dir: impl Into<PathBuf>,
        options: &BuildOptions,
        is_finished: bool,
    ) -> Result<Self> {
        let database = DatabaseWriter::create(fs, dir, options.bulk())?;
        let digests = match options.digests {
            Digests::WhenFinished => is_finished,
            Digests::Always => true,
            Digests::Never => false,
        };
        let input = match options.order {
            InputOrder::Ascending => Input::Ascending,
            InputOrder::Any => {
                let sort = SortOptions {
                    duplicates: match options.same_identity {
                        SameIdentity::KeepLast => Duplicates::KeepLast,
                        SameIdentity::Fold => Duplicates::KeepAll,
                    },
                    ..options.sort(RECORDS_SHARE)
                };
                Input::Any(Box::new(Sorter::new(database.scratch().clone(), sort)))
            }
        };
        Ok(Self {
            input,
            flow: Flow::new(database, options, digests),
            same_identity: options.same_identity,
            observer: Arc::new(NoObserver),
            records: 0,
            key: Vec::new(),
        })
    }

    /// Watches the build from now on.
    #[must_use]
    pub fn observed_by(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observer = observer;
        self
    }

    /// Puts a record under the key that it has.
    ///
    /// # Errors
    /// `DataLoss` for a key that contradicts the layout, or a value that an index is derived from and
    /// that is no message; `InvalidArgument` for a record out of promised order.
    pub fn put(&mut self, record: &StoredRecord<'_>) -> Result<()> {
        self.records += 1;
        match &mut self.input {
            Input::Ascending => self
                .flow
                .row(record.kind.family(), record.key, record.value),
            Input::Any(rows) => Ok(rows.add(record.key, record.value)?),
        }
    }

    /// Puts a record under the key that its value says.
    ///
    /// # Errors
    /// `InvalidArgument` when a part of the identity is missing; otherwise as [`SyncBuilder::put`].
    pub fn put_value(&mut self, kind: RecordKind, value: &[u8]) -> Result<()> {
        let mut key = std::mem::take(&mut self.key);
        key.clear();
        let put = primary_key_into(kind.family(), value, &mut key).and_then(|()| {
            self.put(&StoredRecord {
                kind,
                key: &key,
                value,
            })
        });
        self.key = key;
        put
    }

    /// Puts an entry of the session store. Entries may come in any order.
    ///
    /// # Errors
    /// `Io` from the file system.
    pub fn put_session(&mut self, entry: &SessionView<'_>) -> Result<()> {
        let (mut key, mut value) = (Vec::new(), Vec::new());
        entry.key_into(&mut key);
        entry.encode_into(&mut value);
        self.flow.other(&key, &value)
    }

    /// Puts a row that is no record and nothing that the builder writes itself: a sidecar, or a row
    /// of somebody else. Such rows may come in any order; of several with one key the last stays.
    ///
    /// # Errors
    /// `InvalidArgument` for a row that the builder writes itself; `Io` from the file system.
    pub fn put_other(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        if is_own(key) {
            return Err(Error::invalid(format!(
                "row is written by the builder key=`{}`",
                key.escape_ascii()
            )));
        }
        self.flow.other(key, value)
    }

    /// Writes what is left. Without a run the database has no sync; then there must be no records.
    ///
    /// # Errors
    /// `InvalidArgument` for a sync id that is no KSUID, and for records without a run; `Io` and
    /// `DataLoss` from the file system. Then nothing is left in the directory.
    pub fn finish(self, run: Option<RunToWrite<'_>>) -> Result<BuiltSync> {
        match run {
            Some(run) => drop(Ksuid::parse(run.run.id.as_str())?),
            None if self.records > 0 => return Err(Error::invalid("records without a sync run")),
            None => {}
        }
        let (records, observer) = (self.records, Arc::clone(&self.observer));
        let mut merged = Vec::new();
        let passed = self.pass_records(&mut merged)?;
        let Passed {
            stats: counts,
            digest_root,
            mut rest,
        } = passed;
        Meter::start(&*observer, Step::Indexes, None)?;
        for key in [MetadataKey::KeyspaceVersion, MetadataKey::GrantIdFormat] {
            rest.other(&key.to_vec(), &stamp::CURRENT)?;
        }
        let run = run
            .map(|run| write_run(&mut rest, run, &counts))
            .transpose()?;
        let written = [
            counts.resource_types,
            counts.resources,
            counts.entitlements,
            counts.grants,
            counts.assets,
        ];
        let written = written.iter().map(|n| n.unsigned_abs()).sum::<u64>();
        Ok(BuiltSync {
            database: rest.finish()?,
            run,
            counts,
            digest_root,
            merged_rows: records.saturating_sub(written),
            merged,
        })
    }

    /// Sends records that were sorted through the flow.
    fn pass_records(self, merged: &mut Vec<Vec<u8>>) -> Result<Passed> {
        let mut flow = self.flow;
        if let Input::Any(rows) = self.input {
            let mut meter = Meter::start(&*self.observer, Step::Sort, Some(self.records))?;
            let mut scan = rows.finish()?.scan(Bounds::all());
            match self.same_identity {
                SameIdentity::KeepLast => pass(&mut scan, &mut flow, &mut meter)?,
                SameIdentity::Fold => pass_folded(scan, &mut flow, &mut meter, merged)?,
            }
            meter.end()?;
        }
        flow.finish()
    }
}

/// Whether the builder writes the row itself, or such a row is never written.
pub(crate) fn is_own(key: &[u8]) -> bool {
    let Some(family) = Family::of(key) else {
        return false;
    };
    let mark = [
        MetadataKey::KeyspaceVersion,
        MetadataKey::GrantIdFormat,
        MetadataKey::Stats,
        MetadataKey::GrantIndexPending,
        MetadataKey::DigestBuildPending,
    ];
    family.is_primary()
        || family.is_derived()
        || family.is_retired()
        || family == Family::SyncRun
        || mark.iter().any(|mark| mark.to_vec() == key)
}

fn pass(scan: &mut SortedScan, flow: &mut Flow, meter: &mut Meter<'_>) -> Result<()> {
    while let Some(row) = scan.next()? {
        if let Some(record) = StoredRecord::of_row(row.key, row.value) {
            flow.row(record.kind.family(), record.key, record.value)?;
        }
        meter.row()?;
    }
    Ok(())
}

/// As [`pass`], but grants with one key become one.
fn pass_folded(
    mut scan: SortedScan,
    flow: &mut Flow,
    meter: &mut Meter<'_>,
    merged: &mut Vec<Vec<u8>>,
) -> Result<()> {
    let mut held = Held::default();
    while let Some(row) = scan.next()? {
        if row.is_newest {
            held.send(flow)?;
            held.begin(row.key, row.value);
        } else {
            if merged.len() < MERGED_MAX {
                merged.push(row.key.to_vec());
            }
            held.add(row.value)?;
        }
        meter.row()?;
    }
    held.send(flow)
}

/// The row at hand and what was folded into it.
#[derive(Default)]
struct Held {
    key: Vec<u8>,
    value: Vec<u8>,
    folded: Option<GrantRecord>,
}

impl Held {
    fn begin(&mut self, key: &[u8], value: &[u8]) {
        self.key.clear();
        self.key.extend_from_slice(key);
        self.value.clear();
        self.value.extend_from_slice(value);
    }

    /// Takes another row with the same key, which was put before.
    fn add(&mut self, value: &[u8]) -> Result<()> {
        if Family::of(&self.key) != Some(Family::Grant) {
            return Ok(());
        }
        let held = match self.folded.take() {
            Some(folded) => folded,
            None => message::decode(STRUCTURE, &self.value)?,
        };
        self.folded = Some(grant::fold(held, message::decode(STRUCTURE, value)?));
        Ok(())
    }

    fn send(&mut self, flow: &mut Flow) -> Result<()> {
        if let Some(folded) = self.folded.take() {
            self.value = message::encode(&folded);
        }
        match StoredRecord::of_row(&self.key, &self.value) {
            Some(record) => flow.row(record.kind.family(), record.key, record.value),
            None => Ok(()),
        }
    }
}

/// Writes the row of the sync run and, for a finished sync, that of the statistics.
fn write_run(rest: &mut Rest, run: RunToWrite<'_>, counts: &SyncStats) -> Result<SyncRun> {
    let RunToWrite { run, stored } = run;
    let value = sync_run::encode_over(run, stored)?;
    rest.other(Family::SyncRun.header(), &value)?;
    let mut run = run.clone();
    let Some(ended_at) = run.ended_at else {
        run.stats = None;
        return Ok(run);
    };
    let figures = run.stats.take();
    let stats = statistics(figures, &run.token, ended_at, counts);
    let value = stats::encode(&stats, run.id.as_str())?;
    rest.other(&MetadataKey::Stats.to_vec(), &value)?;
    run.stats = Some(stats);
    Ok(run)
}

/// The counts, with the figures of the syncer.
fn statistics(
    figures: Option<SyncStats>,
    token: &str,
    ended_at: Timestamp,
    counts: &SyncStats,
) -> SyncStats {
    let figures = figures.unwrap_or_else(|| {
        let mut lifted = SyncStats::default();
        token::lift_into(token, &mut lifted);
        lifted
    });
    SyncStats {
        step_durations_ms: figures.step_durations_ms,
        connector_call_stats: figures.connector_call_stats,
        session_store_stats: figures.session_store_stats,
        ingest_quality: figures.ingest_quality,
        written_at: figures.written_at.or(Some(ended_at)),
        ..counts.clone()
    }
}
