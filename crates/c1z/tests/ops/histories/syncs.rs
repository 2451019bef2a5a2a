//! Syncs of a history: each is made from the one before.

use std::collections::BTreeSet;

use c1z::engine::types::{SyncId, SyncRun, SyncType, Timestamp};
use testkit::chance::Chance;

use super::changes::change;
use super::records::{Record, new_record, rename, time};

/// When all histories begin: 2023-11-14 22:13:20 UTC.
pub(super) const BEGIN: i64 = 1_700_000_000;

/// How a sync is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    V1,
    V3,
}

/// A sync and what it is written as.
#[derive(Clone, Debug)]
pub(super) struct Sync {
    pub(super) format: Format,
    pub(super) run: SyncRun,
    /// In the order in which they are written.
    pub(super) records: Vec<Record>,
    /// Syncs in the same file that nobody may read instead; v1 files alone have them.
    pub(super) others: Vec<Sync>,
}

/// So many syncs, of formats drawn by `chance`.
pub(super) fn history(chance: &mut Chance, count: usize) -> Vec<Sync> {
    let mut syncs: Vec<Sync> = Vec::with_capacity(count);
    // Of one format in half of the histories; otherwise mixed.
    let common = chance.percent(50).then(|| format(chance));
    for number in 0..count {
        let records = match syncs.last() {
            // One in eight is empty, the first or a later one.
            _ if chance.below(8) == 0 => Vec::new(),
            Some(last) if chance.below(8) > 0 => next_of(&last.records, chance),
            _ => first(chance),
        };
        let format = common.unwrap_or_else(|| format(chance));
        let mut sync = sync(format, number, records, chance);
        if format == Format::V1 {
            sync.others = others(number, chance);
        }
        syncs.push(sync);
    }
    syncs
}

fn format(chance: &mut Chance) -> Format {
    if chance.percent(50) {
        Format::V1
    } else {
        Format::V3
    }
}

/// A finished sync that supports a diff.
fn sync(format: Format, number: usize, mut records: Vec<Record>, chance: &mut Chance) -> Sync {
    fit(format, &mut records);
    let types = [SyncType::Full, SyncType::Partial, SyncType::ResourcesOnly];
    let at = |seconds: usize| Timestamp {
        seconds: BEGIN + seconds as i64,
        nanos: 0,
    };
    // A later file may have ended earlier.
    let (start, len) = (100 + 10 * number, chance.below(40));
    let sync_type = chance.pick(&types).unwrap().clone();
    let id = SyncId::from_stored(ksuid(chance));
    let mut run = SyncRun::started(id, sync_type, String::new(), at(start));
    run.ended_at = Some(at(start + len));
    run.supports_diff = true;
    Sync {
        format,
        run,
        records,
        others: Vec::new(),
    }
}

/// An id of the right form.
fn ksuid(chance: &mut Chance) -> String {
    let digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let digits: Vec<char> = digits.chars().collect();
    let rest = (0..26).filter_map(|_| chance.pick(&digits));
    std::iter::once(&'2').chain(rest).collect()
}

/// An earlier finished sync and a later unfinished one, each or none.
fn others(number: usize, chance: &mut Chance) -> Vec<Sync> {
    let mut others = Vec::new();
    for is_finished in [true, false] {
        if chance.percent(70) {
            continue;
        }
        let records = (0..chance.below(4)).map(|_| new_record(chance)).collect();
        let mut other = sync(Format::V1, number, records, chance);
        if is_finished {
            other.run.ended_at = other.run.started_at.map(|at| Timestamp {
                seconds: at.seconds - 50,
                ..at
            });
        } else {
            other.run.ended_at = None;
        }
        others.push(other);
    }
    others
}

/// Leaves out what a file of the format cannot hold: a second record of one identity, and times that v1 files must have.
fn fit(format: Format, records: &mut Vec<Record>) {
    let mut seen = BTreeSet::new();
    records.retain(|record| {
        let id = match format {
            Format::V1 => vec![record.external_id()],
            Format::V3 => record.structure(),
        };
        seen.insert((record.kind(), id))
    });
    if format == Format::V1 {
        for record in records {
            record.at.get_or_insert(0);
        }
    }
}

fn first(chance: &mut Chance) -> Vec<Record> {
    let mut records = Vec::new();
    for _ in 0..chance.below(20) {
        let record = new_record(chance);
        let twin = chance.percent(20).then(|| {
            let mut twin = record.clone();
            rename(&mut twin, chance);
            change(&mut twin, chance);
            twin
        });
        records.push(record);
        records.extend(twin);
    }
    records
}

fn next_of(last: &[Record], chance: &mut Chance) -> Vec<Record> {
    let mut records = Vec::new();
    for record in last {
        let mut record = record.clone();
        match chance.below(10) {
            0 | 1 => continue,
            2..=4 => change(&mut record, chance),
            5 => rename(&mut record, chance),
            6 => {
                // Beside its old self.
                records.push(record.clone());
                rename(&mut record, chance);
            }
            _ => {}
        }
        if chance.percent(40) {
            record.at = time(chance);
        }
        records.push(record);
    }
    records.extend((0..chance.below(5)).map(|_| new_record(chance)));
    records
}
