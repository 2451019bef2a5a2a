//! What stands twice: the manifest of the envelope repeats the sync run, its statistics and the digest
//! root, and statistics repeat what records can be counted for.

use super::figures::Figures;
use super::finding::{Class, Finding, Place};
use super::readable::Readable;
use super::report::Report;
use crate::digest::{self, Node};
use crate::engine::types::{SyncRun, SyncStats, Timestamp};
use crate::envelope::Manifest;
use crate::keyspace::{Key, MetadataKey};
use crate::record;

/// Compares the manifest with the single rows of the database.
pub(crate) fn check_manifest(
    readable: &Readable,
    figures: &Figures,
    manifest: &Manifest,
    report: &mut Report,
) {
    let mut comparison = Comparison {
        readable,
        figures,
        report,
    };
    comparison.manifest(manifest);
}

struct Comparison<'a> {
    readable: &'a Readable,
    figures: &'a Figures,
    report: &'a mut Report,
}

impl Comparison<'_> {
    fn add(&mut self, subject: &'static str, key: &[u8], detail: impl Into<String>) {
        let finding = Finding::new(Class::Manifest, subject, Place::key(key), detail);
        self.report.add(finding);
    }

    fn manifest(&mut self, manifest: &Manifest) {
        let key = Key::SyncRun.to_vec();
        if manifest.sync_runs.len() > 1 {
            let detail = format!("{} sync runs, one at most", manifest.sync_runs.len());
            self.add("sync-run", &key, detail);
        }
        if let Some(summary) = manifest.sync_runs.first()
            && !self.readable.is_hole(&key)
        {
            let said = record::manifest::from_summary(summary.clone());
            self.repeated_run(&key, &said);
        }
        let Some(root) = manifest.grant_digest_root.as_option() else {
            return;
        };
        let key = digest::global_root_key();
        match Node::from_manifest(root) {
            Ok(said) if said.is_none() || said == self.figures.root => {}
            Ok(said) if !self.readable.is_hole(&key) => {
                let detail = format!("manifest {said:?} database {:?}", self.figures.root);
                self.add("digest-root", &key, detail);
            }
            Ok(_) => {}
            Err(error) => self.add("digest-root", &key, error.chain()),
        }
    }

    fn repeated_run(&mut self, key: &[u8], said: &SyncRun) {
        let mut found = Vec::new();
        match &self.figures.run {
            None => found.push("a sync run that the database does not hold".to_owned()),
            Some(run) => {
                let pairs = [
                    ("id", said.id.to_string(), run.id.to_string()),
                    (
                        "type",
                        said.sync_type.to_string(),
                        run.sync_type.to_string(),
                    ),
                    ("parent", said.parent_id.clone(), run.parent_id.clone()),
                    ("start", shown(said.started_at), shown(run.started_at)),
                    ("end", shown(said.ended_at), shown(run.ended_at)),
                ];
                let differing = pairs.into_iter().filter(|(_, said, is)| said != is);
                found.extend(
                    differing.map(|(name, said, is)| {
                        format!("{name}: manifest `{said}` database `{is}`")
                    }),
                );
            }
        }
        for detail in found {
            self.add("sync-run", key, detail);
        }
        if let (Some(said), Some(stats)) = (&said.stats, &self.figures.stats)
            && said != stats
        {
            let differing = differing_counts(said, stats);
            let detail = if differing.is_empty() {
                "figures of the syncer differ".to_owned()
            } else {
                format!("manifest against database: {}", differing.join(", "))
            };
            self.add("stats", &MetadataKey::Stats.to_vec(), detail);
        }
    }
}

fn shown(time: Option<Timestamp>) -> String {
    time.map_or_else(|| "none".to_owned(), |time| time.to_string())
}

/// The counts in which two statistics differ, `name: first, second`.
fn differing_counts(first: &SyncStats, second: &SyncStats) -> Vec<String> {
    let totals = |stats: &SyncStats| {
        [
            ("resource types", stats.resource_types),
            ("resources", stats.resources),
            ("entitlements", stats.entitlements),
            ("grants", stats.grants),
            ("assets", stats.assets),
        ]
    };
    let mut found = Vec::new();
    for ((name, a), (_, b)) in totals(first).into_iter().zip(totals(second)) {
        if a != b {
            found.push(format!("{name}: {a}, {b}"));
        }
    }
    let maps = |stats: &SyncStats| {
        [
            ("resources", stats.resources_by_resource_type.clone()),
            ("entitlements", stats.entitlements_by_resource_type.clone()),
            ("grants", stats.grants_by_resource_type.clone()),
        ]
    };
    for ((name, a), (_, b)) in maps(first).into_iter().zip(maps(second)) {
        if a != b {
            found.push(format!("{name} by type: {a:?}, {b:?}"));
        }
    }
    found
}

/// Compares recorded statistics with the counts of the records.
pub(crate) fn check_counts(figures: &Figures, counted: &SyncStats, report: &mut Report) {
    let finished = figures.run.as_ref().is_some_and(SyncRun::is_finished);
    let (true, Some(recorded)) = (finished, &figures.stats) else {
        return;
    };
    let differing = differing_counts(recorded, counted);
    if !differing.is_empty() {
        let detail = format!("recorded against counted: {}", differing.join(", "));
        let place = Place::key(&MetadataKey::Stats.to_vec());
        report.add(Finding::new(Class::Stats, "counts", place, detail));
    }
}
