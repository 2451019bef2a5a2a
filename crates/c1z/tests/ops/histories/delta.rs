//! Differences as files: the pair of deletions and upserts, and additions (`store-contract` §4.1,
//! §4.2).

use std::sync::Arc;

use c1z::engine::ids::Ksuids;
use c1z::engine::types::{SyncRun, SyncType, Timestamp};
use c1z::ops::RecordKind;
use c1z::ops::convert::FileFormat;
use c1z::ops::delta::{DeltaInput, DeltaOptions, additions, pair};
use testkit::chance::{Chance, SeededEntropy};
use testkit::clock::ManualClock;

use super::files::{Disk, named};
use super::judge::{Map, compare, map_of};
use super::syncs::{Format, Sync, history};
use super::{Counts, canaries, judge_all};

const NOW: Timestamp = Timestamp {
    seconds: 1_800_000_000,
    nanos: 0,
};

/// What is wrong with a result on purpose.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// A record that changed is not among the upserts.
    LostChange,
    /// A change of the expansion alone is not seen.
    BlindToExpansion,
    /// A deletion is missing.
    LostDeletion,
    /// Additions hold what changed, too.
    ChangesAdded,
    /// Additions are stamped anew.
    Restamped,
}

/// What the files must hold.
struct Expected {
    upserts: Map,
    deletions: Map,
    additions: Map,
}

fn expected(base: &Map, applied: &Map) -> Expected {
    let of_pair = |map: Map| -> Map {
        let records = map.into_iter();
        records
            .filter(|((kind, _), _)| *kind != RecordKind::Asset)
            .collect()
    };
    let missing_in = |map: &Map, other: &Map| -> Map {
        let records = map.iter().filter(|(id, _)| !other.contains_key(*id));
        records
            .map(|(id, told)| (id.clone(), told.clone()))
            .collect()
    };
    let additions = missing_in(applied, base);
    let mut upserts = additions.clone();
    for (id, told) in applied {
        if base
            .get(id)
            .is_some_and(|before| before.content() != told.content())
        {
            upserts.insert(id.clone(), told.clone());
        }
    }
    Expected {
        upserts: of_pair(upserts),
        deletions: of_pair(missing_in(base, applied)),
        additions,
    }
}

fn judge(seed: u64, fault: Option<Fault>, counts: &mut Counts) -> Result<(), String> {
    let mut chance = Chance::seeded(seed);
    let syncs = history(&mut chance, 2);
    let [base_sync, applied_sync] = syncs.as_slice() else {
        panic!("two syncs");
    };
    let disk = Disk::with(&syncs);
    let all_v1 = syncs.iter().all(|sync| sync.format == Format::V1);
    // Of v1 files either form is made.
    let format = if all_v1 && chance.percent(70) {
        Format::V1
    } else {
        Format::V3
    };
    let options = DeltaOptions {
        to: (all_v1 && format == Format::V3).then_some(FileFormat::V3),
        clock: Arc::new(ManualClock::at(NOW)),
        ids: Arc::new(Ksuids::new(Arc::new(SeededEntropy::seeded(seed)))),
        convert: disk.convert_options(),
        ..DeltaOptions::default()
    };
    let [base, applied] = [0, 1].map(|i| DeltaInput::latest(&disk.names[i]));
    let failed = |error: c1z::Error| format!("{error:?}");
    let told = pair(&base, &applied, "upserts", "deletions", &options).map_err(failed)?;
    let added = additions(&base, &applied, "additions", &options).map_err(failed)?;
    let formats = told.iter().chain([&added]).map(|told| told.format);
    if formats.into_iter().any(|of| of != named(format)) {
        return Err(format!("not written as {format:?}"));
    }

    let (old, new) = (map_of(base_sync, format), map_of(applied_sync, format));
    let expected = expected(&old, &new);
    let (here, mut upserts) = disk.read("upserts", format);
    let (gone, mut deletions) = disk.read("deletions", format);
    let (sum, mut additions) = disk.read("additions", format);
    if let Some(fault) = fault {
        bend(
            &old,
            [&mut upserts, &mut deletions, &mut additions],
            &new,
            fault,
        );
    }
    compare("upserts", &upserts, &expected.upserts)?;
    compare("deletions", &deletions, &expected.deletions)?;
    compare("additions", &additions, &expected.additions)?;
    judge_law(&old, &new, &upserts, &deletions)?;
    judge_runs([&here, &gone, &sum], &base_sync.run)?;
    count_all(&syncs, format, &old, &expected, counts);
    Ok(())
}

/// The base without the deletions and with the upserts says what the applied sync says.
fn judge_law(old: &Map, new: &Map, upserts: &Map, deletions: &Map) -> Result<(), String> {
    let mut result = old.clone();
    result.retain(|id, _| !deletions.contains_key(id));
    result.extend(upserts.clone());
    let said = |map: &Map| -> Map {
        let records = map
            .iter()
            .filter(|((kind, _), _)| *kind != RecordKind::Asset);
        let records = records.map(|(id, told)| {
            let mut told = told.clone();
            // Other times and flags alone are no change.
            told.at.clear();
            told.needs_expansion = false;
            (id.clone(), told)
        });
        records.collect()
    };
    compare("base and pair", &said(&result), &said(new))
}

fn judge_runs([here, gone, sum]: [&SyncRun; 3], base: &SyncRun) -> Result<(), String> {
    let parent = base.id.as_str();
    let is_now = |run: &SyncRun| run.started_at == Some(NOW) && run.ended_at == Some(NOW);
    let is_right = here.sync_type == SyncType::PartialUpserts
        && gone.sync_type == SyncType::PartialDeletions
        && sum.sync_type == SyncType::Partial
        && here.linked_id == gone.id.as_str()
        && gone.linked_id == here.id.as_str()
        && sum.linked_id.is_empty()
        // Both ended at one time: by id the upserts are the later sync.
        && here.id > gone.id
        && [here, gone, sum].iter().all(|run| is_now(run) && run.parent_id == parent)
        && [here, gone, sum].map(|run| run.supports_diff) == [true, true, false];
    if is_right {
        return Ok(());
    }
    Err(format!("wrong runs: {here:?} {gone:?} {sum:?}"))
}

/// Makes results wrong.
fn bend(old: &Map, [upserts, deletions, additions]: [&mut Map; 3], new: &Map, fault: Fault) {
    match fault {
        Fault::LostChange => {
            let changed = upserts.keys().find(|id| old.contains_key(*id)).cloned();
            changed.and_then(|id| upserts.remove(&id));
        }
        Fault::BlindToExpansion => upserts.retain(|id, told| {
            let before = old.get(id);
            before.is_none_or(|before| before.message != told.message)
        }),
        Fault::LostDeletion => drop(deletions.pop_first()),
        Fault::ChangesAdded => {
            let changed = new.iter().filter(|(id, told)| {
                let before = old.get(*id);
                before.is_some_and(|before| before.content() != told.content())
            });
            additions.extend(changed.map(|(id, told)| (id.clone(), told.clone())));
        }
        Fault::Restamped => {
            for told in additions.values_mut() {
                "2027-01-15 08:00:00".clone_into(&mut told.at);
            }
        }
    }
}

fn count_all(syncs: &[Sync], format: Format, old: &Map, expected: &Expected, counts: &mut Counts) {
    let name = match (
        syncs
            .iter()
            .map(|sync| sync.format)
            .collect::<Vec<_>>()
            .as_slice(),
        format,
    ) {
        ([Format::V1, Format::V1], Format::V1) => "v1 to v1",
        ([Format::V1, Format::V1], Format::V3) => "v1 to v1 as v3",
        ([Format::V1, _], _) => "v1 to v3",
        ([_, Format::V1], _) => "v3 to v1",
        _ => "v3 to v3",
    };
    counts.add(name, 1);
    let upserts = expected.upserts.iter();
    let changes: Vec<_> = upserts
        .filter_map(|(id, told)| Some((old.get(id)?, told)))
        .collect();
    let of_expansion = changes
        .iter()
        .filter(|(a, b)| a.message == b.message)
        .count();
    counts.add("changed", changes.len());
    counts.add("changed in the expansion alone", of_expansion);
    counts.add("added", expected.additions.len());
    counts.add("deleted", expected.deletions.len());
    counts.add_syncs(syncs, format);
}

#[test]
fn base_and_pair_are_the_applied_sync_and_additions_the_set_difference() {
    let counts = judge_all("delta", |seed, counts| judge(seed, None, counts));
    counts.require(&[
        "v1 to v1",
        "v1 to v1 as v3",
        "v1 to v3",
        "v3 to v1",
        "v3 to v3",
    ]);
    counts.require(&[
        "changed",
        "changed in the expansion alone",
        "deleted",
        "folded",
    ]);
}

#[test]
fn a_wrong_difference_is_noticed() {
    let faults = [
        Fault::LostChange,
        Fault::BlindToExpansion,
        Fault::LostDeletion,
        Fault::ChangesAdded,
        Fault::Restamped,
    ];
    canaries(&faults, |seed, fault, counts| {
        judge(seed, Some(fault), counts)
    });
}
