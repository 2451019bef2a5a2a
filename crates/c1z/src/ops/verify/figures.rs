//! The single rows of a database: stamps, markers, the sync run, statistics, the digest root.

use super::Task;
use super::expected::{Digests, Scope};
use super::finding::{Class, Finding, Place};
use super::readable::Readable;
use super::references;
use super::repeated;
use super::report::Report;
use crate::digest::{self, Node};
use crate::engine::types::{SyncRun, SyncStats, SyncType};
use crate::envelope::Manifest;
use crate::keyspace::{Family, Key, MetadataKey, prefix, stamp};
use crate::ksuid::Ksuid;
use crate::record::{stats, sync_run};
use crate::{Error, ErrorKind, Result};

/// What the single rows say.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    /// Whether the layout is one whose keys are checked.
    pub(crate) is_current: bool,
    pub(crate) run: Option<SyncRun>,
    /// Statistics of this sync.
    pub(crate) stats: Option<SyncStats>,
    pub(crate) root: Option<Node>,
    pub(crate) scope: Scope,
}

/// Reads and judges the single rows.
pub(crate) fn read(
    readable: &Readable,
    manifest: Option<&Manifest>,
    task: &Task<'_>,
) -> Result<(Report, Figures)> {
    let mut reader = Reader {
        readable,
        report: task.report(),
        figures: Figures::default(),
    };
    reader.stamps()?;
    reader.run()?;
    reader.scope()?;
    reader.statistics()?;
    if let Some(manifest) = manifest.filter(|_| reader.figures.is_current) {
        repeated::check_manifest(readable, &reader.figures, manifest, &mut reader.report);
    }
    Ok((reader.report, reader.figures))
}

struct Reader<'a> {
    readable: &'a Readable,
    report: Report,
    figures: Figures,
}

impl Reader<'_> {
    fn add(&mut self, class: Class, subject: &'static str, key: &[u8], detail: impl Into<String>) {
        let finding = Finding::new(class, subject, Place::key(key), detail);
        self.report.add(finding);
    }

    fn get(&self, key: MetadataKey<'_>) -> Result<Option<Vec<u8>>> {
        self.readable.get(&key.to_vec())
    }

    fn has_rows(&self) -> Result<bool> {
        self.readable.scan(&prefix::wiped_by_new_sync()).advance()
    }

    fn stamps(&mut self) -> Result<()> {
        let version_key = MetadataKey::KeyspaceVersion.to_vec();
        let format_key = MetadataKey::GrantIdFormat.to_vec();
        if self.readable.is_hole(&version_key) || self.readable.is_hole(&format_key) {
            self.add(
                Class::Unchecked,
                "stamps",
                &version_key,
                "the stamps cannot be read",
            );
            self.figures.is_current = true;
            return Ok(());
        }
        let version = self.get(MetadataKey::KeyspaceVersion)?;
        let format = self.get(MetadataKey::GrantIdFormat)?;
        let layout = stamp::layout(version.as_deref(), format.as_deref(), self.has_rows()?);
        match layout {
            Ok(stamp::Layout::Current) => self.figures.is_current = true,
            Ok(stamp::Layout::ExternalId) => self.add(
                Class::Unchecked,
                "layout",
                &format_key,
                "keys of the layout of July 2026: rows and indexes are not checked; \
                 convert the file and verify the result",
            ),
            Err(error) if error.kind() == ErrorKind::DataLoss => {
                self.add(Class::Stamp, "stamps", &version_key, error.chain());
            }
            Err(error) => self.add(
                Class::Unchecked,
                "layout",
                &version_key,
                format!("only files and tables were checked: {}", error.chain()),
            ),
        }
        Ok(())
    }

    fn run(&mut self) -> Result<()> {
        let key = Key::SyncRun.to_vec();
        let Some(value) = self.readable.get(&key)? else {
            if !self.readable.is_hole(&key) && self.figures.is_current {
                self.no_run(&key)?;
            }
            return Ok(());
        };
        match sync_run::decode(&value) {
            Ok(run) => {
                self.judge_run(&key, &run);
                self.figures.run = Some(run);
            }
            Err(error) => {
                let place = Place::key(&key);
                self.report.add(Finding::from_error(
                    Class::Record,
                    "sync-run",
                    place,
                    &error,
                ));
            }
        }
        Ok(())
    }

    fn no_run(&mut self, key: &[u8]) -> Result<()> {
        if self.has_rows()? {
            self.add(
                Class::SyncRun,
                "absent",
                key,
                "there are rows, but no sync run",
            );
        } else {
            self.add(Class::Absent, "sync", key, "the file holds no sync");
        }
        Ok(())
    }

    fn judge_run(&mut self, key: &[u8], run: &SyncRun) {
        let id = run.id.as_str();
        match Ksuid::parse(id) {
            Ok(ksuid) if ksuid.to_string() == id => {}
            _ => self.add(
                Class::SyncRun,
                "id",
                key,
                format!(
                    "`{}` is no canonical KSUID; Go does not open the file",
                    id.escape_debug()
                ),
            ),
        }
        if let SyncType::Other(text) = &run.sync_type {
            self.add(
                Class::SyncRun,
                "type",
                key,
                format!("unknown type `{text}`"),
            );
        }
        if run.started_at.is_none() {
            self.add(Class::SyncRun, "times", key, "no start");
        }
        match (run.started_at, run.ended_at) {
            (Some(start), Some(end)) if end < start => {
                let detail = format!("ended at {end}, before it started at {start}");
                // Go's compaction keeps the end of its source and starts now.
                self.add(Class::Unusual, "times", key, detail);
            }
            (_, None) => self.add(Class::Unfinished, "sync", key, "the sync is not finished"),
            _ => {}
        }
        for (name, other) in [("parent", &run.parent_id), ("link", &run.linked_id)] {
            if other == id {
                let detail = format!("the sync is its own {name}");
                self.add(Class::SyncRun, "relations", key, detail);
            }
        }
        if !run.parent_id.is_empty() {
            references::missing(&mut self.report, references::SYNC_PARENT, key, true);
        }
    }

    /// Which derived rows can be judged.
    fn scope(&mut self) -> Result<()> {
        let pending = [
            (MetadataKey::GrantIndexPending, "by-principal"),
            (MetadataKey::DigestBuildPending, "digests"),
        ];
        let mut marked = [false; 2];
        for ((marker, subject), marked) in pending.into_iter().zip(&mut marked) {
            *marked = self.get(marker)?.is_some();
            if *marked {
                self.marker(&marker.to_vec(), subject);
            }
        }
        let [index_pending, digests_pending] = marked;
        let root = self.readable.get(&digest::global_root_key())?;
        let lost = |family| self.readable.has_hole_in(family);
        let digests_lost =
            lost(Family::DigestNode) || lost(Family::Grant) || lost(Family::Entitlement);
        let any = |family: Family| self.readable.scan(&family.range()).advance();
        let (nodes, hashes) = (any(Family::DigestNode)?, any(Family::GrantHash)?);
        let digests = match &root {
            _ if digests_pending || digests_lost || !nodes => Digests::Unknown,
            Some(_) => Digests::Certified,
            None => Digests::InPart,
        };
        self.figures.scope = Scope {
            by_principal: !index_pending,
            hashes: !digests_pending && (nodes || hashes),
            digests,
        };
        if let Some(value) = root.filter(|_| !digests_pending) {
            match Node::decode(&value) {
                Ok(node) => self.figures.root = Some(node),
                Err(error) => {
                    let place = Place::key(&digest::global_root_key());
                    self.report.add(Finding::from_error(
                        Class::Record,
                        "digest-node",
                        place,
                        &error,
                    ));
                }
            }
        } else if nodes && !digests_pending {
            let key = digest::global_root_key();
            self.add(
                Class::Absent,
                "digest-root",
                &key,
                "digests are there in part",
            );
        }
        if !nodes && !digests_pending {
            let key = digest::global_root_key();
            self.add(
                Class::Absent,
                "digests",
                &key,
                "no digests; readers compute them",
            );
        }
        Ok(())
    }

    fn marker(&mut self, key: &[u8], subject: &'static str) {
        let finished = self.figures.run.as_ref().is_some_and(SyncRun::is_finished);
        if finished {
            self.add(
                Class::Marker,
                subject,
                key,
                "a finished sync still has the marker",
            );
        } else {
            self.add(
                Class::Unfinished,
                subject,
                key,
                "known to be incomplete; not used",
            );
        }
    }

    fn statistics(&mut self) -> Result<()> {
        let key = MetadataKey::Stats.to_vec();
        let Some(value) = self.readable.get(&key)? else {
            let finished = self.figures.run.as_ref().is_some_and(SyncRun::is_finished);
            if finished && !self.readable.is_hole(&key) {
                self.add(Class::Absent, "stats", &key, "no statistics; readers count");
            }
            return Ok(());
        };
        match (stats::decode(&value), &self.figures.run) {
            (Ok((of, stats)), Some(run)) if of == run.id.as_str() => {
                self.figures.stats = Some(stats);
            }
            (Ok((of, _)), _) => {
                let detail = format!(
                    "statistics of another sync `{}`; not used",
                    of.escape_debug()
                );
                self.add(Class::Stranger, "stats", &key, detail);
            }
            (Err(error), _) => {
                let place = Place::key(&key);
                self.report
                    .add(Finding::from_error(Class::Record, "stats", place, &error));
            }
        }
        let (stats, root) = (&self.figures.stats, &self.figures.root);
        if let (Some(stats), Some(root)) = (stats, root)
            && i64::try_from(root.count) != Ok(stats.grants)
        {
            let detail = format!(
                "statistics count {} grants, the digest root {}",
                stats.grants, root.count
            );
            self.add(Class::Stats, "grants", &key, detail);
        }
        Ok(())
    }
}

/// An error that says what is wrong with a single row.
pub(crate) fn unreadable(error: &Error) -> Finding {
    Finding::from_error(Class::Table, "table", Place::default(), error)
}
