//! From gathered rows to a file: what is a record and what is not, whether anything is missing, and
//! the build.

use shingle::bulk::Sorted;
use shingle::iter::Bounds;

use super::RepairOptions;
use super::gather::Gathered;
use super::report::{Loss, RepairReport, RepairedSync, RunSource, counts};
use super::versions::Newest;
use crate::digest::{DigestBuilder, GrantHasher, Node};
use crate::engine::types::{SyncId, SyncRun, SyncStats, SyncType, Timestamp};
use crate::envelope::Manifest;
use crate::keyspace::{Family, Key, MetadataKey};
use crate::ksuid::Ksuid;
use crate::ops::build::{RunToWrite, V3Builder};
use crate::ops::{RecordKind, StoredRecord};
use crate::record::{self, AssetView, SessionView, primary_key_into, stats, sync_run};
use crate::{Error, ErrorKind, Result};

/// Dropped records that are shown.
pub(super) const EXAMPLES_MAX: usize = 10;

/// Receives rows.
type Each<'e> = dyn FnMut(&[u8], &[u8]) -> Result<()> + 'e;

/// Rows of a database, and what is known about them.
pub(super) struct Material {
    pub(super) rows: Sorted,
    pub(super) gathered: Gathered,
    pub(super) manifest: Option<Manifest>,
}

/// What the first walk over the rows finds.
#[derive(Default)]
struct Found {
    run: Option<(SyncRun, Option<Vec<u8>>)>,
    /// The sync that statistics or assets name.
    id: Option<String>,
    recorded: Option<SyncStats>,
    counted: SyncStats,
    root: Node,
    moved: u64,
    dropped: u64,
    examples: Vec<String>,
}

impl Material {
    /// Calls `each` with every row that is not deleted, ascending.
    fn walk(&self, each: &mut Each<'_>) -> Result<()> {
        let mut scan = self.rows.scan(Bounds::all());
        let mut newest = Newest::default();
        let mut key: Option<Vec<u8>> = None;
        let (tombstones, has_manifest) = (&self.gathered.tombstones, self.gathered.has_manifest);
        while let Some(row) = scan.next()? {
            if !row.is_newest {
                newest.add(row.value, has_manifest);
                continue;
            }
            if let Some(key) = &key
                && let Some(value) = newest.value(key, tombstones)?
            {
                each(key, value)?;
            }
            let held = key.get_or_insert_default();
            held.clear();
            held.extend_from_slice(row.key);
            newest.begin(row.value);
        }
        if let Some(key) = &key
            && let Some(value) = newest.value(key, tombstones)?
        {
            each(key, value)?;
        }
        Ok(())
    }

    /// Writes the output.
    pub(super) fn rebuild(
        mut self,
        output: &std::path::Path,
        options: &RepairOptions,
    ) -> Result<RepairReport> {
        let mut found = self.find()?;
        let manifest_run = self.manifest.as_ref().and_then(|m| m.sync_runs.first());
        let manifest_run = manifest_run.map(|run| record::manifest::from_summary(run.clone()));
        if let Some(run) = &manifest_run
            && found.recorded.is_none()
        {
            found.recorded.clone_from(&run.stats);
        }
        let (mut run, stored, run_source) = match (found.run.take(), manifest_run) {
            (Some((run, stored)), _) => (run, stored, RunSource::Row),
            (None, Some(run)) => (run, None, RunSource::Manifest),
            (None, None) if found.id.is_some() => {
                let id = found.id.take().unwrap_or_default();
                (run_of_id(id)?, None, RunSource::Id)
            }
            (None, None) => {
                let message = "neither the sync run nor the manifest can be read";
                return Err(Error::new(ErrorKind::DataLoss, message)
                    .with_hint("without them nobody can say what the records are of"));
            }
        };
        let is_complete = run_source != RunSource::Id && self.is_complete(&found);
        self.warn(&found, &run, is_complete, run_source);
        run.stats.clone_from(&found.recorded);
        if is_complete {
            // Counts and digest prove that no record stood there.
            let spared = std::mem::take(&mut self.gathered.losses);
            let spared = spared.into_iter().map(|loss| loss.detail);
            self.gathered.warnings.extend(spared);
        } else {
            run.ended_at = None;
        }
        let finished = run.is_finished();
        let mut builder = V3Builder::new(output, &options.build, &options.pack, finished)?;
        self.put(&mut builder, is_complete)?;
        let written = builder.finish(Some(RunToWrite {
            run: &run,
            stored: stored.as_deref(),
        }))?;
        let saved = written.sync.counts;
        Ok(RepairReport {
            syncs: vec![RepairedSync {
                id: run.id,
                saved: saved.clone(),
                recorded: found.recorded.clone(),
            }],
            saved,
            recorded: found.recorded,
            is_complete,
            run_source,
            losses: self.gathered.losses,
            moved: found.moved,
            dropped: found.dropped,
            dropped_examples: found.examples,
            warnings: self.gathered.warnings,
            file_len: written.envelope.file_len,
        })
    }

    fn find(&self) -> Result<Found> {
        let mut found = Found::default();
        let mut hasher = GrantHasher::new();
        let mut digests = DigestBuilder::new();
        let mut canonical = Vec::new();
        let mut in_order = true;
        self.walk(&mut |key, value| {
            let Some(record) = StoredRecord::of_row(key, value) else {
                found.other(key, value);
                return Ok(());
            };
            if !found.judge(&record, &mut canonical) {
                return Ok(());
            }
            if canonical != key {
                found.moved += 1;
                in_order = false;
            }
            stats::count(&mut found.counted, &canonical)?;
            if record.kind == RecordKind::Grant && in_order {
                let hashed = hasher.hash(key, value)?;
                digests.grant(&hashed, &mut |_, _| Ok(()))?;
            }
            Ok(())
        })?;
        found.root = digests.finish(&mut |_, _| Ok(()))?;
        Ok(found)
    }

    /// Whether every record is there: because nothing was damaged, or because counts and the digest
    /// over all grants say so.
    fn is_complete(&self, found: &Found) -> bool {
        if found.dropped > 0 {
            return false;
        }
        if self.gathered.losses.is_empty() && self.gathered.has_manifest {
            return true;
        }
        let Some(recorded) = &found.recorded else {
            return false;
        };
        let root = self
            .manifest
            .as_ref()
            .and_then(|m| m.grant_digest_root.as_option());
        let root = root.and_then(|root| Node::from_manifest(root).ok().flatten());
        // Without a digest grants of another version cannot be told from those that were lost.
        counts(recorded) == counts(&found.counted) && root == Some(found.root)
    }

    fn warn(&mut self, found: &Found, run: &SyncRun, is_complete: bool, source: RunSource) {
        let warnings = &mut self.gathered.warnings;
        if !self.gathered.has_manifest {
            warnings.push(
                "the MANIFEST of the database is lost: rows that were deleted or replaced may have \
                 come back"
                    .to_owned(),
            );
        }
        if source == RunSource::Manifest {
            warnings.push("the sync run is lost; its token is not there".to_owned());
        }
        if source == RunSource::Id {
            warnings.push("the sync run is lost; only its id is known".to_owned());
        }
        if !is_complete && run.is_finished() {
            warnings.push(
                "records may be missing: the sync is written as unfinished, so that nobody takes it \
                 for the whole truth"
                    .to_owned(),
            );
        }
        if let Some(recorded) = &found.recorded {
            for ((kind, had), (_, has)) in counts(recorded).into_iter().zip(counts(&found.counted))
            {
                if has < had {
                    let detail = format!("{} of {had} records are lost", had - has);
                    let mut loss = Loss::unknown(detail);
                    loss.kinds.push(kind);
                    self.gathered.losses.push(loss);
                }
            }
        }
    }

    fn put(&self, builder: &mut V3Builder, is_complete: bool) -> Result<()> {
        let mut canonical = Vec::new();
        let graph = MetadataKey::EntitlementGraph.to_vec();
        let stats_key = MetadataKey::Stats.to_vec();
        let mut judged = Found::default();
        self.walk(&mut |key, value| {
            let sync = builder.sync();
            if let Some(record) = StoredRecord::of_row(key, value) {
                if judged.judge(&record, &mut canonical) {
                    sync.put(&StoredRecord {
                        key: &canonical,
                        ..record
                    })?;
                }
                return Ok(());
            }
            match Family::of(key) {
                Some(Family::SyncRun) => Ok(()),
                // The graph names the digest that it was made for.
                _ if key == stats_key || (key == graph && !is_complete) => Ok(()),
                Some(Family::Session) if SessionView::parse(value).is_err() => Ok(()),
                _ => sync.put_other(key, value),
            }
        })
    }
}

/// A run of which nothing but the id is left, which holds the time of its start.
pub(super) fn run_of_id(id: String) -> Result<SyncRun> {
    let seconds = Ksuid::parse(&id)?.unix_seconds();
    let start = Timestamp {
        seconds: i64::try_from(seconds).unwrap_or(i64::MAX),
        nanos: 0,
    };
    let id = SyncId::from_stored(id);
    Ok(SyncRun::started(
        id,
        SyncType::Partial,
        String::new(),
        start,
    ))
}

impl Found {
    /// Whether the record decodes; its key, as its fields say it, goes to `canonical`.
    fn judge(&mut self, record: &StoredRecord<'_>, canonical: &mut Vec<u8>) -> bool {
        canonical.clear();
        let judged = record
            .decode()
            .and_then(|()| primary_key_into(record.kind.family(), record.value, canonical));
        let Err(error) = judged else {
            if record.kind == RecordKind::Asset && self.id.is_none() {
                let asset = AssetView::parse(record.value).ok();
                let of = asset.map(|asset| asset.sync_id.to_owned());
                self.id = of.filter(|id| !id.is_empty());
            }
            return true;
        };
        self.dropped += 1;
        if self.examples.len() < EXAMPLES_MAX {
            let key = Key::parse(record.key).map_or_else(
                |_| record.key.escape_ascii().to_string(),
                |key| key.to_string(),
            );
            self.examples.push(format!("{key}: {error}"));
        }
        false
    }

    fn other(&mut self, key: &[u8], value: &[u8]) {
        if key == Family::SyncRun.header() {
            if let Ok(run) = sync_run::decode(value) {
                self.run = Some((run, Some(value.to_vec())));
            }
        } else if key == MetadataKey::Stats.to_vec()
            && let Ok((of, stats)) = stats::decode(value)
        {
            self.recorded = Some(stats);
            self.id = Some(of);
        }
    }
}
