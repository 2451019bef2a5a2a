//! The rows of sync runs, and the statistics that such a row caches (`c1z1-sqlite` §2, §6.3).

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::Value as Json;

use crate::Result;
use crate::engine::types::{CallStat, SyncRun, SyncStats, Timestamp};
use crate::sqlite_file::Value;
use crate::v1_tables::Zone;

/// A sync run to be written.
#[derive(Clone, Copy, Debug)]
pub struct V1Run<'a> {
    /// Its row id; none: the one after the last.
    pub rowid: Option<i64>,
    /// The run. Of its statistics the figures are kept that are no counts; the counts are those of
    /// the rows that were written. A run without a start starts with its end, or in 1970.
    pub run: &'a SyncRun,
}

impl V1Run<'_> {
    /// When the sync started, for a file that must say so.
    pub(super) fn started_at(&self) -> Timestamp {
        let known = self.run.started_at.or(self.run.ended_at);
        known.unwrap_or_default()
    }

    /// Calls `take` with the values of all columns, in the order of the schema.
    pub(super) fn with_values<T>(
        &self,
        zone: &Zone,
        counts: &SyncStats,
        take: impl FnOnce(&[Value<'_>]) -> Result<T>,
    ) -> Result<T> {
        let run = self.run;
        let started = zone.text(self.started_at())?;
        let ended = run.ended_at.map(|at| zone.text(at)).transpose()?;
        let stats = ended
            .as_ref()
            .map(|_| stats_json(counts, run.stats.as_ref()));
        let verified = &run.verification;
        let coverage = match verified.coverage.as_slice() {
            [] => String::new(),
            ids => Json::from(ids).to_string(),
        };
        take(&[
            Value::Null,
            Value::text(run.id.as_str()),
            Value::text(&started),
            ended.as_deref().map_or(Value::Null, Value::text),
            Value::text(&run.token),
            Value::text(run.sync_type.as_str()),
            Value::text(&run.parent_id),
            Value::text(&run.linked_id),
            Value::Integer(run.supports_diff.into()),
            // The expansion columns are complete: whoever gives rows has looked.
            Value::Integer(1),
            stats.as_deref().map_or(Value::Null, Value::text),
            Value::text(&verified.generation),
            Value::text(&coverage),
            Value::text(&verified.mode),
        ])
    }
}

/// Counts and figures in the JSON form of the cache: members in the order of the original's
/// structure, what is zero or empty left out.
pub(crate) fn stats_json(counts: &SyncStats, figures: Option<&SyncStats>) -> String {
    let mut out = Object::default();
    out.number("resource_types", counts.resource_types);
    out.number("resources", counts.resources);
    out.number("entitlements", counts.entitlements);
    out.number("grants", counts.grants);
    for (name, map) in [
        (
            "resources_by_resource_type",
            &counts.resources_by_resource_type,
        ),
        ("grants_by_resource_type", &counts.grants_by_resource_type),
        (
            "entitlements_by_resource_type",
            &counts.entitlements_by_resource_type,
        ),
    ] {
        out.map(name, map, i64::to_string);
    }
    out.number("assets", counts.assets);
    if let Some(figures) = figures {
        out.map(
            "step_durations_ms",
            &figures.step_durations_ms,
            i64::to_string,
        );
        out.map("connector_call_stats", &figures.connector_call_stats, call);
        out.map("session_store_stats", &figures.session_store_stats, call);
    }
    out.finish()
}

fn call(stat: &CallStat) -> String {
    let mut out = Object::default();
    out.number("count", stat.count);
    out.number("total_ms", stat.total_ms);
    out.number("max_ms", stat.max_ms);
    out.number("errors", stat.errors);
    out.number("timeouts", stat.timeouts);
    out.finish()
}

/// A JSON object whose members keep the order in which they come.
#[derive(Default)]
struct Object(String);

impl Object {
    fn member(&mut self, name: &str, value: &str) {
        let comma = if self.0.is_empty() { "" } else { "," };
        // Writing to a string does not fail.
        let _ = write!(self.0, "{comma}{}:{value}", Json::from(name));
    }

    fn number(&mut self, name: &str, value: i64) {
        if value != 0 {
            self.member(name, &value.to_string());
        }
    }

    fn map<T>(&mut self, name: &str, map: &BTreeMap<String, T>, value: impl Fn(&T) -> String) {
        if map.is_empty() {
            return;
        }
        let mut members = Object::default();
        for (key, entry) in map {
            members.member(key, &value(entry));
        }
        self.member(name, &members.finish());
    }

    fn finish(self) -> String {
        format!("{{{}}}", self.0)
    }
}
