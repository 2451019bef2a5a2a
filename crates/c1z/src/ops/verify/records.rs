//! The check of all records but grants, and of the rows that are no records.

use super::Task;
use super::expected;
use super::finding::{Class, Finding, Place};
use super::grants::misplaced;
use super::readable::Readable;
use super::references::{self, References, body};
use super::report::Report;
use super::sums::Sums;
use crate::Result;
use crate::engine::types::SyncStats;
use crate::keyspace::{Deriver, Family, IndexSet, Key, KeyRange, MetadataKey};
use crate::ops::{RecordKind, StoredRecord};
use crate::record::{SessionView, primary_key_into, stats};

/// What came of it.
pub(crate) struct Records {
    pub(crate) report: Report,
    /// Sums of the rows that resources imply.
    pub(crate) sums: Sums,
    /// Counts of everything but grants.
    pub(crate) stats: SyncStats,
}

/// Checks resource types, resources, entitlements and assets, and looks at the rest.
pub(crate) fn check(readable: &Readable, task: &Task<'_>) -> Result<Records> {
    let mut checker = Checker {
        out: Records {
            report: task.report(),
            sums: Sums::new(task.seed),
            stats: SyncStats::default(),
        },
        deriver: Deriver::new(IndexSet::ALL),
        key: Vec::new(),
    };
    for kind in RecordKind::ALL {
        if kind != RecordKind::Grant {
            checker.family(readable, kind, task)?;
        }
    }
    checker.sessions(readable, task)?;
    checker.strangers(readable, task)?;
    Ok(checker.out)
}

struct Checker {
    out: Records,
    deriver: Deriver,
    key: Vec<u8>,
}

impl Checker {
    fn family(&mut self, readable: &Readable, kind: RecordKind, task: &Task<'_>) -> Result<()> {
        let family = kind.family();
        let mut references = match kind {
            RecordKind::Resource => {
                let name = references::RESOURCE_TYPE;
                Some(References::new(readable, name, Family::ResourceType, 1)?)
            }
            RecordKind::Entitlement => {
                let name = references::ENTITLEMENT_RESOURCE;
                Some(References::new(readable, name, Family::Resource, 2)?)
            }
            _ => None,
        };
        let mut rows = readable.scan(&family.range());
        let mut count = 0;
        while rows.advance()? {
            let Some((key, value)) = rows.row() else {
                break;
            };
            task.meter.row(&mut count)?;
            if !self.record(kind, key, value) {
                continue;
            }
            if let Some(references) = &mut references {
                references.check(key, body(family, key), &mut self.out.report)?;
            }
        }
        task.meter.end(count)?;
        self.out.report.checked.rows += count;
        self.out.report.checked.records += count;
        Ok(())
    }

    /// Whether the row is a record under its own key; otherwise there is a finding.
    fn record(&mut self, kind: RecordKind, key: &[u8], value: &[u8]) -> bool {
        let subject = kind.as_str();
        let record = StoredRecord { kind, key, value };
        let judged = match Key::parse(key) {
            Err(error) => Err((Class::Key, error)),
            Ok(_) => record.decode().map_err(|error| (Class::Record, error)),
        };
        let judged = judged.and_then(|()| {
            self.key.clear();
            primary_key_into(kind.family(), value, &mut self.key)
                .map_err(|error| (Class::Record, error))
        });
        if let Err((class, error)) = judged {
            let finding = Finding::from_error(class, subject, Place::key(key), &error);
            self.out.report.add(finding);
            return false;
        }
        if self.key != key {
            let finding = misplaced(subject, key, &self.key);
            self.out.report.add(finding);
        }
        let counted = stats::count(&mut self.out.stats, key).and_then(|()| {
            let sums = &mut self.out.sums;
            expected::of_resource(&mut self.deriver, key, value, &mut |family, key, value| {
                sums.add(family, key, value);
                Ok(())
            })
        });
        if let Err(error) = counted {
            let finding = Finding::from_error(Class::Record, subject, Place::key(key), &error);
            self.out.report.add(finding);
        }
        true
    }

    fn sessions(&mut self, readable: &Readable, task: &Task<'_>) -> Result<()> {
        let mut rows = readable.scan(&Family::Session.range());
        let mut count = 0;
        while rows.advance()? {
            let Some((key, value)) = rows.row() else {
                break;
            };
            task.meter.row(&mut count)?;
            let (class, error) = match (Key::parse(key), SessionView::parse(value)) {
                (Err(error), _) => (Class::Key, error),
                (_, Err(error)) => (Class::Record, error),
                (Ok(_), Ok(view)) => {
                    self.key.clear();
                    view.key_into(&mut self.key);
                    if self.key != key {
                        let finding = misplaced("session", key, &self.key);
                        self.out.report.add(finding);
                    }
                    continue;
                }
            };
            let finding = Finding::from_error(class, "session", Place::key(key), &error);
            self.out.report.add(finding);
        }
        task.meter.end(count)?;
        self.out.report.checked.rows += count;
        Ok(())
    }

    /// Rows that nobody reads: retired families, foreign keys, metadata with names that are not known.
    fn strangers(&mut self, readable: &Readable, task: &Task<'_>) -> Result<()> {
        for range in unread() {
            let mut rows = readable.scan(&range);
            let mut count = 0;
            while rows.advance()? {
                let Some((key, _)) = rows.row() else {
                    break;
                };
                task.meter.row(&mut count)?;
                self.stranger(key);
            }
            task.meter.end(count)?;
            self.out.report.checked.rows += count;
        }
        Ok(())
    }

    fn stranger(&mut self, key: &[u8]) {
        let (subject, detail) = match Key::parse(key) {
            Err(error) => {
                let place = Place::key(key);
                let finding = Finding::from_error(Class::Key, "metadata", place, &error);
                return self.out.report.add(finding);
            }
            Ok(Key::Metadata(MetadataKey::Unknown(_) | MetadataKey::IndexMigration(_))) => (
                "metadata",
                "a row of somebody else; it is kept and not read",
            ),
            Ok(Key::Metadata(_) | Key::SyncRun) => return,
            Ok(Key::Retired(..)) => ("retired", "a row of a family that is no longer read"),
            Ok(_) => ("unassigned", "a row outside of every family"),
        };
        let place = Place::key(key);
        self.out
            .report
            .add(Finding::new(Class::Stranger, subject, place, detail));
    }
}

/// The ranges between and behind the families that are checked elsewhere.
fn unread() -> Vec<KeyRange> {
    let mut ranges = Vec::new();
    let mut lower = Vec::new();
    for family in Family::ALL {
        let is_read = family.is_primary() || family.is_derived() || family == Family::Session;
        if !is_read {
            continue;
        }
        let range = family.range();
        if lower < range.lower {
            ranges.push(KeyRange {
                lower,
                upper: Some(range.lower),
            });
        }
        lower = range.upper.unwrap_or_default();
    }
    ranges.push(KeyRange { lower, upper: None });
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_read_once() {
        let read: Vec<KeyRange> = Family::ALL
            .into_iter()
            .filter(|f| f.is_primary() || f.is_derived() || *f == Family::Session)
            .map(Family::range)
            .chain(unread())
            .collect();
        let keys: [&[u8]; 9] = [
            b"",
            b"\x02",
            b"\x03",
            b"\x03\x01\0a",
            b"\x03\x06",
            b"\x03\x07\x02\0x",
            b"\x03\x0a\x08\0",
            b"\x03\xffstats\0",
            b"zzz",
        ];
        for key in keys {
            let times = read.iter().filter(|range| range.contains(key)).count();
            assert_eq!(times, 1, "{}", key.escape_ascii());
        }
    }
}
