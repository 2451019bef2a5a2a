//! Comparing: what was created, deleted and modified, by the identity that both files know
//! (`store-contract` §4.1, §4.2, D10).

use std::collections::BTreeMap;

use c1z::Error;
use c1z::engine::Identity;
use c1z::ops::NoObserver;
use c1z::ops::RecordKind;
use c1z::ops::diff::{Change, Compared, DiffOptions, Side, common_identity, diff};
use c1z::{MemoryBudget, Store};
use c1z_proto::connector::v2;
use c1z_proto::encode_canonical;
use c1z_proto::google::protobuf::Any;
use testkit::chance::Chance;

use super::files::Disk;
use super::judge::{Id, folded, id_of};
use super::projection::projected;
use super::records::{Body, Record};
use super::syncs::{Format, Sync, history};
use super::{Counts, canaries, judge_all};

/// What happened to a record, and its message: as the applied sync has it, of deleted ones as the
/// base has it.
type Event = (RecordKind, Change, Vec<u8>);

/// What is wrong with a result on purpose.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// A change is not seen.
    LostChange,
    /// A deletion is not seen.
    LostDeletion,
    /// A created record is called modified.
    WrongName,
}

/// The whole message of a record, its expansion as the last annotation, as lists give it.
fn message(record: &Record, format: Format) -> Vec<u8> {
    let record = match format {
        Format::V1 => record.clone(),
        Format::V3 => projected(record),
    };
    match record.body {
        Body::ResourceType(of) => encode_canonical(&of),
        Body::Resource(of) => encode_canonical(&of),
        Body::Entitlement(of) => encode_canonical(&of),
        Body::Grant {
            mut message,
            expansion,
            ..
        } => {
            message.annotations.extend(expansion.map(|of| Any {
                type_url: "type.googleapis.com/c1.connector.v2.GrantExpandable".to_owned(),
                value: encode_canonical(&of),
                ..Default::default()
            }));
            encode_canonical(&message)
        }
        Body::Asset { data, .. } => data,
    }
}

/// The records of a sync by identity. Of a v1 file several may have one; each is an event of its
/// own, and the others are compared with the last.
fn held(sync: &Sync, format: Format) -> BTreeMap<Id, Vec<Vec<u8>>> {
    let mut held: BTreeMap<Id, Vec<Vec<u8>>> = BTreeMap::new();
    for record in sync
        .records
        .iter()
        .filter(|record| record.kind() != RecordKind::Asset)
    {
        let version = message(record, format);
        held.entry(id_of(record, format)).or_default().push(version);
    }
    held
}

fn expected(base: &Sync, applied: &Sync, format: Format) -> Vec<Event> {
    let (old, new) = (held(base, format), held(applied, format));
    let mut events = Vec::new();
    for (id, versions) in &new {
        let before = old.get(id).and_then(|versions| versions.last());
        for version in versions {
            match before {
                None => events.push((id.0, Change::Created, version.clone())),
                Some(before) if before != version => {
                    events.push((id.0, Change::Modified, version.clone()));
                }
                Some(_) => {}
            }
        }
    }
    for (id, versions) in old.iter().filter(|(id, _)| !new.contains_key(*id)) {
        events.extend(
            versions
                .iter()
                .map(|version| (id.0, Change::Deleted, version.clone())),
        );
    }
    events.sort();
    events
}

/// Adds the events of one kind, and looks up the old version of each record that changed.
fn events<R: Compared>(
    kind: RecordKind,
    base: Side<'_>,
    applied: Side<'_>,
    options: &DiffOptions<'_>,
    found: &mut Vec<Event>,
) -> Result<(), String> {
    let mut visit = |change, record: R| {
        if change == Change::Modified {
            let old = record.counterpart(base, options.identity)?;
            let old = old.ok_or_else(|| Error::invalid("a changed record has no old version"))?;
            if old.identity(options.identity) != record.identity(options.identity) {
                return Err(Error::invalid("the old version is another record"));
            }
        }
        found.push((kind, change, encode_canonical(&record)));
        Ok::<_, Error>(())
    };
    diff(base, applied, options, &NoObserver, &mut visit).map_err(|error| format!("{error:?}"))
}

/// How the rows of a file are come by.
#[derive(Clone, Copy)]
enum Way {
    /// Through the contract, record by record.
    Records,
    /// As they are stored, where both files are v3.
    Stored,
}

fn found(
    way: Way,
    [base, applied]: [(&Store, &Sync); 2],
    changes: &[Change],
    memory: u64,
) -> Result<Vec<Event>, String> {
    let (old, new) = (base.0.reader(), applied.0.reader());
    let (identity, as_v3) = common_identity(old, new);
    let options = DiffOptions {
        identity,
        as_v3,
        changes,
        budget: MemoryBudget::new(memory),
    };
    let [base, applied] = [base, applied].map(|(store, sync)| match way {
        Way::Records => Side::new(store.reader(), &sync.run.id),
        Way::Stored => Side::of_store(store, &sync.run.id),
    });
    let all_v1 = old.metadata().format == "v1" && new.metadata().format == "v1";
    if (identity == Identity::External) != all_v1 {
        return Err(format!("compared by {identity:?}"));
    }
    let mut found = Vec::new();
    let kinds = RecordKind::ALL;
    events::<v2::ResourceType>(kinds[0], base, applied, &options, &mut found)?;
    events::<v2::Resource>(kinds[1], base, applied, &options, &mut found)?;
    events::<v2::Entitlement>(kinds[2], base, applied, &options, &mut found)?;
    events::<v2::Grant>(kinds[3], base, applied, &options, &mut found)?;
    found.sort();
    Ok(found)
}

fn judge(seed: u64, fault: Option<Fault>, counts: &mut Counts) -> Result<(), String> {
    let mut chance = Chance::seeded(seed);
    let syncs = history(&mut chance, 2);
    let [base, applied] = syncs.as_slice() else {
        panic!("two syncs");
    };
    let disk = Disk::with(&syncs);
    let stores = [0, 1].map(|i| disk.open(&disk.names[i]));
    let sides = [(&stores[0], base), (&stores[1], applied)];
    let format = match (base.format, applied.format) {
        (Format::V1, Format::V1) => Format::V1,
        _ => Format::V3,
    };
    let all = expected(base, applied, format);
    let mut events = found(Way::Records, sides, &Change::ALL, 16 << 20)?;
    if found(Way::Stored, sides, &Change::ALL, 16 << 20)? != events {
        return Err("stored rows and records differ".to_owned());
    }
    if let Some(fault) = fault {
        bend(&mut events, fault);
    }
    if events != all {
        return Err(differing(&events, &all));
    }
    let one = [*chance.pick(&Change::ALL).unwrap()];
    let of_one: Vec<Event> = all
        .iter()
        .filter(|event| event.1 == one[0])
        .cloned()
        .collect();
    let events = found(Way::Stored, sides, &one, 96_000 * 2)?;
    if events != of_one {
        return Err(differing(&events, &of_one));
    }
    for (i, side) in sides.into_iter().enumerate() {
        for way in [Way::Records, Way::Stored] {
            let of_itself = found(way, [side, side], &Change::ALL, 16 << 20)?;
            if folded(side.1, format) == 0 && !of_itself.is_empty() {
                return Err(format!("sync {i} differs from itself"));
            }
        }
    }
    count_all(&syncs, format, &all, counts);
    Ok(())
}

fn differing(found: &[Event], expected: &[Event]) -> String {
    let not_in = |events: &[Event], others: &[Event]| -> Vec<Event> {
        let events = events.iter().filter(|event| !others.contains(event));
        events.cloned().collect()
    };
    format!(
        "missing {:?}, too many {:?}, of {} {}",
        not_in(expected, found),
        not_in(found, expected),
        expected.len(),
        found.len()
    )
}

/// Makes a result wrong.
fn bend(events: &mut Vec<Event>, fault: Fault) {
    let wanted = match fault {
        Fault::LostChange => Change::Modified,
        Fault::LostDeletion => Change::Deleted,
        Fault::WrongName => Change::Created,
    };
    let Some(at) = events.iter().position(|event| event.1 == wanted) else {
        return;
    };
    match fault {
        Fault::WrongName => events[at].1 = Change::Modified,
        _ => drop(events.remove(at)),
    }
}

fn count_all(syncs: &[Sync], format: Format, events: &[Event], counts: &mut Counts) {
    let name = match (syncs[0].format, syncs[1].format) {
        (Format::V1, Format::V1) => "v1 to v1",
        (Format::V1, Format::V3) => "v1 to v3",
        (Format::V3, Format::V1) => "v3 to v1",
        (Format::V3, Format::V3) => "v3 to v3",
    };
    counts.add(name, 1);
    for change in Change::ALL {
        let count = events.iter().filter(|event| event.1 == change).count();
        counts.add(change.as_str(), count);
    }
    counts.add_syncs(syncs, format);
}

#[test]
fn changes_are_those_that_maps_of_all_records_show() {
    let counts = judge_all("diff", |seed, counts| judge(seed, None, counts));
    counts.require(&["v1 to v1", "v1 to v3", "v3 to v1", "v3 to v3"]);
    counts.require(&["created", "modified", "deleted", "folded"]);
}

#[test]
fn a_wrong_change_is_noticed() {
    let faults = [Fault::LostChange, Fault::LostDeletion, Fault::WrongName];
    canaries(&faults, |seed, fault, counts| {
        judge(seed, Some(fault), counts)
    });
}
