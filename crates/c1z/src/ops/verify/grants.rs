//! The check of all grants: each decodes, stands under the key that it says, and has its entitlement.
//! On the way the rows that grants imply are summed up.

use std::collections::BTreeMap;

use super::Task;
use super::expected::{self, GrantRow, Scope};
use super::finding::{Class, Finding, Place};
use super::readable::Readable;
use super::references;
use super::report::Report;
use super::sums::Sums;
use crate::Result;
use crate::engine::types::SyncStats;
use crate::keyspace::{EntitlementIdentity, Key};
use crate::record::GrantView;

const SUBJECT: &str = "grant";

/// What came of it.
pub(crate) struct Grants {
    pub(crate) report: Report,
    /// Sums of the rows that grants and entitlements imply.
    pub(crate) sums: Sums,
    /// Counts of grants, nothing else.
    pub(crate) stats: SyncStats,
}

/// Checks all grants.
pub(crate) fn check(readable: &Readable, scope: Scope, task: &Task<'_>) -> Result<Grants> {
    let mut sums = Sums::new(task.seed);
    let mut checker = Checker {
        report: task.report(),
        counts: BTreeMap::new(),
        run: 0,
        resource_type: None,
        total: 0,
        key: Vec::new(),
    };
    let mut rows = 0;
    expected::of_grants(
        readable,
        scope,
        &mut |family, key, value| {
            sums.add(family, key, value);
            Ok(())
        },
        &mut |row| {
            checker.check(row);
            task.meter.row(&mut rows)
        },
    )?;
    task.meter.end(rows)?;
    checker.close_run();
    checker.report.checked.rows = rows;
    checker.report.checked.records = rows;
    let stats = SyncStats {
        grants: checker.total,
        grants_by_resource_type: checker.counts,
        ..SyncStats::default()
    };
    Ok(Grants {
        report: checker.report,
        sums,
        stats,
    })
}

struct Checker {
    report: Report,
    counts: BTreeMap<String, i64>,
    /// Grants of the entitlement at hand.
    run: i64,
    /// Type of the resource of that entitlement.
    resource_type: Option<String>,
    total: i64,
    key: Vec<u8>,
}

impl Checker {
    fn check(&mut self, row: &GrantRow<'_>) {
        let (grant, view) = match &row.parsed {
            Ok(parsed) => parsed,
            Err(error) => return self.malformed(row.key, error),
        };
        if row.opens_partition {
            self.close_run();
            let identity = EntitlementIdentity::decode(grant.partition).ok();
            let resource_type = identity.map(|identity| identity.resource_type);
            self.resource_type =
                resource_type.and_then(|bytes| String::from_utf8(bytes.into_owned()).ok());
        }
        self.run += 1;
        self.check_key(row.key, view);
        if !row.has_entitlement {
            let name = references::GRANT_ENTITLEMENT;
            references::missing(&mut self.report, name, row.key, row.opens_partition);
        }
    }

    /// Key and value are well formed apart; do they belong together?
    fn check_key(&mut self, key: &[u8], view: &GrantView<'_>) {
        let identity = match view.identity() {
            Ok(identity) => identity,
            Err(error) => {
                let place = Place::key(key);
                let finding = Finding::from_error(Class::Record, SUBJECT, place, &error);
                return self.report.add(finding);
            }
        };
        self.key.clear();
        Key::Grant(identity).encode_into(&mut self.key);
        if self.key != key {
            let found = misplaced(SUBJECT, key, &self.key);
            self.report.add(found);
        }
    }

    #[cold]
    fn malformed(&mut self, key: &[u8], error: &crate::Error) {
        let class = if Key::parse(key).is_err() {
            Class::Key
        } else {
            Class::Record
        };
        let place = Place::key(key);
        self.report
            .add(Finding::from_error(class, SUBJECT, place, error));
    }

    fn close_run(&mut self) {
        if self.run > 0 {
            self.total += self.run;
            let resource_type = self.resource_type.take().unwrap_or_default();
            *self.counts.entry(resource_type).or_default() += self.run;
            self.run = 0;
        }
    }
}

/// A record under `key` whose fields say `expected`.
pub(crate) fn misplaced(subject: &'static str, key: &[u8], expected: &[u8]) -> Finding {
    let place = Place::key(key);
    if let Err(error) = Key::parse(key) {
        return Finding::from_error(Class::Key, subject, place, &error);
    }
    let expected = Key::parse(expected).map_or_else(|e| e.to_string(), |key| key.to_string());
    let detail = format!("the fields of the record name another row: `{expected}`");
    Finding::new(Class::RecordKey, subject, place, detail)
}
