//! Merging: of every record the newest version, of equals that of the later file (`store-contract`
//! §4.6).

use std::collections::BTreeMap;
use std::sync::Arc;

use c1z::engine::ids::Ksuids;
use c1z::engine::types::{SyncRun, SyncType, Timestamp};
use c1z::ops::RecordKind;
use c1z::ops::convert::FileFormat;
use c1z::ops::merge::{MergeOptions, merge};
use testkit::chance::{Chance, SeededEntropy};
use testkit::clock::ManualClock;

use super::files::{Disk, named};
use super::judge::{Id, Map, Told, compare, id_of};
use super::syncs::{Format, Sync, history};
use super::{Counts, canaries, judge_all};

const OUT: &str = "out.c1z";

/// What is wrong with a result on purpose.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// Of two versions of one time the earlier file's stays.
    EarlierAtTies,
    /// The latest file wins whatever the times say.
    LastFile,
    /// What the latest file does not hold is gone.
    AbsenceDeletes,
    /// The flag beside a grant does not come along.
    ForgottenFlag,
}

/// All versions of each record, in the order of the files and of the rows in them.
fn versions(syncs: &[Sync], format: Format, assets: bool) -> BTreeMap<Id, Vec<(usize, Told)>> {
    let mut versions: BTreeMap<Id, Vec<(usize, Told)>> = BTreeMap::new();
    for (file, sync) in syncs.iter().enumerate() {
        for record in &sync.records {
            if assets || record.kind() != RecordKind::Asset {
                let told = Told::of(record, format);
                versions
                    .entry(id_of(record, format))
                    .or_default()
                    .push((file, told));
            }
        }
    }
    versions
}

/// The version that stays. An unknown time is an empty text, which is before all others.
fn winner(versions: &[(usize, Told)]) -> &(usize, Told) {
    let mut best = versions.first().unwrap();
    for version in versions {
        if version.1.at >= best.1.at {
            best = version;
        }
    }
    best
}

fn judge(seed: u64, fault: Option<Fault>, counts: &mut Counts) -> Result<(), String> {
    let mut chance = Chance::seeded(seed);
    let count = 2 + chance.below(3);
    let syncs = history(&mut chance, count);
    let disk = Disk::with(&syncs);
    let all_v1 = syncs.iter().all(|sync| sync.format == Format::V1);
    // Of v1 files either form is made.
    let format = if all_v1 && chance.percent(60) {
        Format::V1
    } else {
        Format::V3
    };
    let assets = chance.percent(50);
    let options = MergeOptions {
        to: (all_v1 && format == Format::V3).then_some(FileFormat::V3),
        assets,
        clock: Arc::new(ManualClock::at(Timestamp {
            seconds: 1_800_000_000,
            nanos: 0,
        })),
        ids: Arc::new(Ksuids::new(Arc::new(SeededEntropy::seeded(seed)))),
        convert: disk.convert_options(),
    };
    let told = merge(&disk.names, OUT, &options).map_err(|error| format!("{error:?}"))?;

    let versions = versions(&syncs, format, assets);
    let expected: Map = versions
        .iter()
        .map(|(id, versions)| (id.clone(), winner(versions).1.clone()))
        .collect();
    let (run, mut found) = disk.read(OUT, format);
    if let Some(fault) = fault {
        bend(&mut found, &versions, syncs.len() - 1, fault);
    }
    compare("merged", &found, &expected)?;
    let read: usize = versions.values().map(Vec::len).sum();
    if told.replaced != (read - expected.len()) as u64 || told.format != named(format) {
        return Err(format!("{told:?}, though {read} became {}", expected.len()));
    }
    judge_run(&run, &syncs)?;
    count_all(&syncs, format, &versions, counts);
    Ok(())
}

/// The run tells of no input but by its type and its end.
fn judge_run(run: &SyncRun, syncs: &[Sync]) -> Result<(), String> {
    let has = |of: &SyncType| syncs.iter().any(|sync| sync.run.sync_type == *of);
    let types = [SyncType::Full, SyncType::ResourcesOnly, SyncType::Partial];
    let sync_type = types.into_iter().find(has);
    let ended_at = syncs.iter().filter_map(|sync| sync.run.ended_at).max();
    let is_new = syncs.iter().all(|sync| sync.run.id != run.id);
    if Some(&run.sync_type) == sync_type.as_ref()
        && run.ended_at == ended_at
        && is_new
        && !run.supports_diff
        && [&run.parent_id, &run.linked_id, &run.token]
            .iter()
            .all(|text| text.is_empty())
    {
        return Ok(());
    }
    Err(format!("{run:?} is not {sync_type:?} until {ended_at:?}"))
}

/// Makes a result wrong.
fn bend(found: &mut Map, versions: &BTreeMap<Id, Vec<(usize, Told)>>, last: usize, fault: Fault) {
    for (id, versions) in versions {
        let best = winner(versions);
        match fault {
            Fault::EarlierAtTies => {
                let first = versions.iter().find(|version| version.1.at == best.1.at);
                found.insert(id.clone(), first.unwrap_or(best).1.clone());
            }
            Fault::LastFile => {
                let latest = versions.last().unwrap_or(best);
                found.insert(id.clone(), latest.1.clone());
            }
            Fault::AbsenceDeletes => {
                if versions.iter().all(|version| version.0 != last) {
                    found.remove(id);
                }
            }
            Fault::ForgottenFlag => {
                if let Some(told) = found.get_mut(id) {
                    told.needs_expansion = false;
                }
            }
        }
    }
}

fn count_all(
    syncs: &[Sync],
    format: Format,
    versions: &BTreeMap<Id, Vec<(usize, Told)>>,
    counts: &mut Counts,
) {
    let formats = syncs.iter().map(|sync| sync.format);
    let v3 = formats.filter(|format| *format == Format::V3).count();
    let name = match (v3, format) {
        (0, Format::V1) => "v1 into v1",
        (0, Format::V3) => "v1 into v3",
        (v3, _) if v3 == syncs.len() => "v3 into v3",
        _ => "mixed into v3",
    };
    counts.add(name, 1);
    counts.add("winners", versions.len());
    for versions in versions.values() {
        let best = winner(versions);
        let others = versions.iter().filter(|other| other.1 != best.1);
        let ties = others.filter(|other| other.1.at == best.1.at).count();
        counts.add("ties", ties);
        counts.add("losers", versions.len() - 1);
        counts.add("winners without a time", usize::from(best.1.at.is_empty()));
    }
    counts.add_syncs(syncs, format);
}

#[test]
fn of_every_record_the_newest_version_stays_of_equals_the_later() {
    let counts = judge_all("merge", |seed, counts| judge(seed, None, counts));
    counts.require(&[
        "v1 into v1",
        "v1 into v3",
        "v3 into v3",
        "mixed into v3",
        "ties",
        "folded",
    ]);
}

#[test]
fn a_wrong_winner_is_noticed() {
    let faults = [
        Fault::EarlierAtTies,
        Fault::LastFile,
        Fault::AbsenceDeletes,
        Fault::ForgottenFlag,
    ];
    canaries(&faults, |seed, fault, counts| {
        judge(seed, Some(fault), counts)
    });
}
