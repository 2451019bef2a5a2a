//! Statistics: recorded, recounted, and the legacy map.

use std::collections::BTreeMap;

use c1z::engine::Profile;
use c1z::engine::types::{CallStat, SyncId, SyncStats, SyncType};

use super::Checker;
use crate::golden::dump::{CallStatJson, Outcome, StatsJson};

/// Keys of the legacy map that Go's SQLite engine does not have.
const NOT_IN_SQLITE: [&str; 2] = ["resources", "assets"];
/// Keys that it leaves out for syncs of resources only.
const NOT_FOR_RESOURCES: [&str; 2] = ["entitlements", "grants"];

impl Checker<'_> {
    /// The legacy map. Ours has the keys of both Go engines and zero-filled types (`store-contract` §7): a zero that
    /// Go's Pebble engine leaves out, and keys that Go's SQLite engine does not know, are no differences.
    pub(super) fn stats_map(&mut self, line: usize, expected: &Outcome<BTreeMap<String, i64>>) {
        let (id, of) = self.named(&expected.sync_id);
        let found = self.reader.stats_map(Some(&id), of.as_ref());
        let profile = self.profile;
        self.outcome(
            "stats",
            line,
            "stats_map",
            expected.result.as_ref(),
            found,
            |this, expected, mut found| {
                if profile == Profile::GoSqlite {
                    found.retain(|key, _| !NOT_IN_SQLITE.contains(&key.as_str()));
                }
                if profile == Profile::GoSqlite && of == Some(SyncType::ResourcesOnly) {
                    found.retain(|key, _| !NOT_FOR_RESOURCES.contains(&key.as_str()));
                }
                this.counts(line, "stats_map", expected, &found);
            },
        );
    }

    /// Statistics of a sync. Go's Pebble engine takes over what the token says only when the sync ends, the contract
    /// whenever the token says it (`store-contract` §7): of an unfinished sync the counts are compared.
    pub(super) fn stats(&mut self, line: usize, expected: &Outcome<StatsJson>) {
        let (id, of) = self.named(&expected.sync_id);
        let found = self.reader.stats(Some(&id), of.as_ref());
        let profile = self.profile;
        let mut runs = self.dump.sync_runs();
        let is_finished = runs.any(|run| run.id == expected.sync_id && run.ended_at.is_some());
        self.outcome(
            "stats",
            line,
            "stats",
            expected.result.as_ref(),
            found,
            |this, expected, found| {
                this.report.count("stats");
                if !is_same(expected, &found, profile, is_finished) {
                    let (expected, found) =
                        (format!("{expected:?}"), format!("{:?}", shown(&found)));
                    this.record("stats", line, "stats", &expected, &found);
                }
                for (about, total, parts) in [
                    (
                        "resources by type add up",
                        found.resources,
                        &found.resources_by_resource_type,
                    ),
                    (
                        "grants by type add up",
                        found.grants,
                        &found.grants_by_resource_type,
                    ),
                    (
                        "entitlements by type add up",
                        found.entitlements,
                        &found.entitlements_by_resource_type,
                    ),
                ] {
                    this.compare("stats", line, about, &total, &parts.values().sum::<i64>());
                }
                let by_type = this.reader.entitlement_stats(Some(&id), of.as_ref());
                let by_type = by_type.map_err(|error| error.kind());
                this.compare(
                    "stats",
                    line,
                    "entitlement_stats",
                    &Ok(found.entitlements_by_resource_type),
                    &by_type,
                );
            },
        );
    }

    /// Grants by the resource type of their entitlement.
    pub(super) fn grant_stats(&mut self, line: usize, expected: &Outcome<BTreeMap<String, i64>>) {
        let (id, of) = self.named(&expected.sync_id);
        let found = self.reader.grant_stats(Some(&id), of.as_ref());
        self.outcome(
            "stats",
            line,
            "grant_stats",
            expected.result.as_ref(),
            found,
            |this, expected, found| {
                this.counts(line, "grant_stats", expected, &found);
            },
        );
    }

    fn counts(
        &mut self,
        line: usize,
        about: &str,
        expected: &BTreeMap<String, i64>,
        found: &BTreeMap<String, i64>,
    ) {
        if self.profile == Profile::GoSqlite {
            return self.compare("stats", line, about, expected, found);
        }
        self.compare(
            "stats",
            line,
            about,
            &without_zeros(expected),
            &without_zeros(found),
        );
    }

    /// The sync and its own type, as the dump asked.
    fn named(&self, sync_id: &str) -> (SyncId, Option<SyncType>) {
        let run = self.dump.sync_runs().find(|run| run.id == sync_id);
        let of = run.map(|run| SyncType::from_stored(&run.sync_type));
        (SyncId::from_stored(sync_id), of)
    }
}

/// Statistics as the dump writes them.
pub(super) fn shown(stats: &SyncStats) -> StatsJson {
    let calls = |calls: &BTreeMap<String, CallStat>| {
        let shown = |call: &CallStat| CallStatJson {
            count: call.count,
            total_ms: call.total_ms,
            max_ms: call.max_ms,
            errors: call.errors,
            timeouts: call.timeouts,
        };
        calls
            .iter()
            .map(|(key, call)| (key.clone(), shown(call)))
            .collect()
    };
    StatsJson {
        resource_types: stats.resource_types,
        resources: stats.resources,
        entitlements: stats.entitlements,
        grants: stats.grants,
        assets: stats.assets,
        resources_by_resource_type: stats.resources_by_resource_type.clone(),
        grants_by_resource_type: stats.grants_by_resource_type.clone(),
        entitlements_by_resource_type: stats.entitlements_by_resource_type.clone(),
        step_durations_ms: stats.step_durations_ms.clone(),
        connector_call_stats: calls(&stats.connector_call_stats),
        session_store_stats: calls(&stats.session_store_stats),
    }
}

/// Whether statistics are those of the dump: exactly, or but for zeros by type in a v3 file, where Go's Pebble engine
/// leaves them out and ours fills them in (`store-contract` §7).
pub(super) fn is_same(
    expected: &StatsJson,
    found: &SyncStats,
    profile: Profile,
    is_finished: bool,
) -> bool {
    let mut expected = expected.clone();
    let mut found = shown(found);
    if profile == Profile::GoPebble {
        for stats in [&mut expected, &mut found] {
            for by_type in [
                &mut stats.resources_by_resource_type,
                &mut stats.grants_by_resource_type,
                &mut stats.entitlements_by_resource_type,
            ] {
                by_type.retain(|_, count| *count != 0);
            }
            if !is_finished {
                stats.step_durations_ms.clear();
                stats.connector_call_stats.clear();
                stats.session_store_stats.clear();
            }
        }
    }
    expected == found
}

fn without_zeros(counts: &BTreeMap<String, i64>) -> BTreeMap<String, i64> {
    let counts = counts.iter().filter(|(_, count)| **count != 0);
    counts.map(|(key, count)| (key.clone(), *count)).collect()
}
