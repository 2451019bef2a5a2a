//! Faults planted one by one: each is found, with its key, and nothing else is.

use std::path::Path;
use std::sync::Arc;

use c1z::digest;
use c1z::engine::types::Timestamp;
use c1z::keyspace::{Family, GrantKey, Key, MetadataKey};
use c1z::ops::NoObserver;
use c1z::ops::verify::{Class, Depth, Report, verify};
use c1z::record::{stats, sync_run};
use shingle::key::SeqNo;
use shingle::manifest::marker::{self, Mark};
use shingle::manifest::{self, FileName, FileNumber, TableMeta, VersionEdit, Writer};
use shingle::vfs::Fs;

use crate::support::*;

fn check_rows(rows: &Rows) -> Report {
    full(&database(rows), "db")
}

fn first_of(rows: &Rows, family: Family) -> (Vec<u8>, Vec<u8>) {
    // Without its global root a digest is one in part, which has a test of its own.
    let global = digest::global_root_key();
    let mut of_family = rows
        .iter()
        .filter(|(key, _)| Family::of(key) == Some(family) && **key != global);
    let (key, value) = of_family.next().unwrap();
    (key.clone(), value.clone())
}

/// The one finding that is no notice.
fn only(report: &Report, class: Class, subject: &str) -> (u64, Vec<u8>) {
    let found = faults(report);
    assert_eq!(found.len(), 1, "{found:?}");
    let group = report.group(class, subject);
    let group = group.unwrap_or_else(|| panic!("{class} {subject} is not in {found:?}"));
    let key = group.examples[0].place.key.clone().unwrap_or_default();
    (group.count, key)
}

const INDEXES: [(Family, &str); 5] = [
    (Family::ResourceByParent, "by-parent"),
    (Family::GrantByPrincipal, "by-principal"),
    (Family::GrantNeedsExpansion, "needs-expansion"),
    (Family::GrantHash, "grant-hash"),
    (Family::DigestNode, "digest-node"),
];

/// A row of `family` that no record implies.
fn orphan_of(family: Family, rows: &Rows) -> (Vec<u8>, Vec<u8>) {
    let (mut key, value) = first_of(rows, family);
    if family == Family::DigestNode {
        let key = digest::root_key(b"zz\0zz\x001\0zz");
        return (key, digest::Root::default().encode().to_vec());
    }
    key.extend_from_slice(b"zz");
    (key, value)
}

#[test]
fn every_fault_of_every_index_is_found() {
    let mut planted = 0;
    for (family, name) in INDEXES {
        let rows = golden_rows("expandable-pending");
        assert_eq!(faults(&check_rows(&rows)), []);
        let (key, value) = first_of(&rows, family);

        let mut missing = rows.clone();
        missing.remove(&key);
        let found = only(&check_rows(&missing), Class::IndexMissing, name);
        assert_eq!(found, (1, key.clone()), "{name}");

        let (orphan, of_value) = orphan_of(family, &rows);
        let mut more = rows.clone();
        more.insert(orphan.clone(), of_value);
        let found = only(&check_rows(&more), Class::IndexOrphan, name);
        assert_eq!(found, (1, orphan), "{name}");

        let mut wrong = rows.clone();
        let mut other = value;
        match other.last_mut() {
            Some(byte) => *byte ^= 1,
            None => other.push(b'x'),
        }
        wrong.insert(key.clone(), other);
        let found = only(&check_rows(&wrong), Class::IndexWrong, name);
        assert_eq!(found, (1, key), "{name}");
        planted += 3;
    }
    println!("{planted} index faults planted, all found with their keys, nothing else found");
}

#[test]
fn an_index_that_is_gone_is_counted_and_shown_in_part() {
    let mut rows = golden_rows("realistic");
    let grants = count_of(&rows, Family::Grant);
    rows.retain(|key, _| Family::of(key) != Some(Family::GrantByPrincipal));
    let report = check_rows(&rows);
    let (count, _) = only(&report, Class::IndexMissing, "by-principal");
    assert_eq!(count, grants as u64);
    let group = report.group(Class::IndexMissing, "by-principal").unwrap();
    assert_eq!(group.examples.len(), 10);
    assert!(
        group.examples[0]
            .place
            .readable_key()
            .unwrap()
            .starts_with("by-principal ")
    );
}

#[test]
fn digests_in_part_are_judged_as_far_as_they_go() {
    let mut rows = golden_rows("realistic");
    rows.remove(&digest::global_root_key());
    let root = |key: &[u8]| {
        GrantKey::parse(key)
            .map(|grant| (digest::root_key(grant.partition), grant.partition.to_vec()))
    };
    let (grant, _) = first_of(&rows, Family::Grant);
    let (node, partition) = root(&grant).unwrap();
    // As an edit without a seal leaves it: the touched partition has nothing.
    rows.remove(&node);
    let hashes = c1z::keyspace::prefix::hash_rows_of(&partition);
    rows.retain(|key, _| !hashes.contains(key));
    let report = check_rows(&rows);
    assert_eq!(faults(&report), []);
    assert!(report.group(Class::Absent, "digest-root").is_some());
    // A root that is there must be right.
    let other = rows
        .keys()
        .find(|key| Family::of(key) == Some(Family::DigestNode))
        .unwrap()
        .clone();
    rows.get_mut(&other).unwrap()[16] ^= 1;
    assert_eq!(
        only(&check_rows(&rows), Class::IndexWrong, "digest-node"),
        (1, other)
    );
}

#[test]
fn wrong_statistics_and_roots_are_found() {
    let rows = golden_rows("realistic");
    let key = MetadataKey::Stats.to_vec();
    let (of, mut counts) = stats::decode(&rows[&key]).unwrap();
    counts.resources += 1;
    let mut planted = rows.clone();
    planted.insert(key.clone(), stats::encode(&counts, &of).unwrap());
    assert_eq!(
        only(&check_rows(&planted), Class::Stats, "counts"),
        (1, key.clone())
    );

    counts.resources -= 1;
    counts.grants += 1;
    planted.insert(key, stats::encode(&counts, &of).unwrap());
    let found = faults(&check_rows(&planted));
    assert_eq!(
        found,
        [(Class::Stats, "counts", 1), (Class::Stats, "grants", 1)]
    );

    let mut planted = rows;
    let root = digest::global_root_key();
    planted.get_mut(&root).unwrap()[15] ^= 0x80;
    assert_eq!(
        only(&check_rows(&planted), Class::IndexWrong, "digest-node"),
        (1, root)
    );
}

#[test]
fn records_that_are_none_are_found_and_imply_nothing() {
    let rows = golden_rows("realistic");
    for family in [
        Family::ResourceType,
        Family::Resource,
        Family::Entitlement,
        Family::Grant,
        Family::Asset,
    ] {
        let (key, mut value) = first_of(&rows, family);
        value.truncate(value.len() - 1);
        let mut planted = rows.clone();
        planted.insert(key.clone(), value);
        let found = faults(&check_rows(&planted));
        assert_eq!(found[0].0, Class::Record, "{family:?} {found:?}");
        assert_eq!(found[0].2, 1);
    }
}

#[test]
fn a_record_under_another_key_is_found() {
    let rows = golden_rows("realistic");
    let (key, value) = first_of(&rows, Family::ResourceType);
    let mut planted = rows.clone();
    let mut other = key;
    other.push(b'x');
    planted.insert(other.clone(), value);
    let report = check_rows(&planted);
    let found = report.group(Class::RecordKey, "resource_type").unwrap();
    assert_eq!(found.examples[0].place.key, Some(other));

    let mut planted = rows;
    planted.insert(b"\x03\x04\0group\0eng".to_vec(), b"".to_vec());
    let report = check_rows(&planted);
    assert!(
        report.group(Class::Key, "grant").is_some(),
        "{:?}",
        faults(&report)
    );
}

#[test]
fn markers_stamps_and_runs_are_judged() {
    let rows = golden_rows("realistic");
    let plant = |change: &dyn Fn(&mut Rows)| {
        let mut planted = rows.clone();
        change(&mut planted);
        faults(&check_rows(&planted))
    };
    for (marker, subject) in [
        (MetadataKey::GrantIndexPending, "by-principal"),
        (MetadataKey::DigestBuildPending, "digests"),
    ] {
        let found = plant(&|rows| drop(rows.insert(marker.to_vec(), Vec::new())));
        assert_eq!(found, [(Class::Marker, subject, 1)]);
    }
    let found = plant(&|rows| {
        rows.insert(MetadataKey::KeyspaceVersion.to_vec(), vec![2]);
    });
    assert_eq!(found, [(Class::Stamp, "stamps", 1)]);

    let stored = rows[Family::SyncRun.header()].clone();
    let with_run = |change: &dyn Fn(&mut c1z::engine::types::SyncRun)| {
        let mut run = sync_run::decode(&stored).unwrap();
        change(&mut run);
        let value = sync_run::encode_over(&run, Some(&stored)).unwrap();
        plant(&|rows| drop(rows.insert(Family::SyncRun.header().to_vec(), value.clone())))
    };
    let id = sync_run::decode(&stored).unwrap().id;
    let found = with_run(&|run| run.parent_id = id.to_string());
    assert_eq!(found, [(Class::SyncRun, "relations", 1)]);
    let found = with_run(&|run| run.started_at = None);
    assert_eq!(found, [(Class::SyncRun, "times", 1)]);
    let found = with_run(&|run| run.id = c1z::engine::types::SyncId::from_stored("!"));
    assert_eq!(found[0], (Class::SyncRun, "id", 1));
    let found = plant(&|rows| drop(rows.remove(Family::SyncRun.header())));
    assert_eq!(found, [(Class::SyncRun, "absent", 1)]);
    let found = with_run(&|run| run.ended_at = Some(Timestamp::default()));
    assert_eq!(
        found,
        [],
        "an end before the start is a notice: Go's compaction writes it"
    );
}

#[test]
fn references_to_what_is_not_there_are_counted() {
    let rows = golden_rows("realistic");
    let mut planted = rows.clone();
    planted.retain(|key, _| {
        !matches!(
            Family::of(key),
            Some(Family::ResourceType | Family::Resource | Family::Entitlement)
        )
    });
    let gone = check_rows(&planted);
    let grants = count_of(&rows, Family::Grant) as u64;
    for name in ["grant-entitlement", "grant-principal"] {
        let group = gone.group(Class::Reference, name).unwrap();
        assert_eq!(group.count, grants, "{name}");
        assert!(group.examples.len() <= 10);
    }
    for (family, target, name) in [
        (
            Family::Entitlement,
            Family::Resource,
            "entitlement-resource",
        ),
        (Family::Resource, Family::ResourceType, "resource-type"),
    ] {
        let mut planted = rows.clone();
        planted.retain(|key, _| Family::of(key) != Some(target));
        let group = check_rows(&planted);
        let group = group.group(Class::Reference, name).unwrap();
        assert_eq!(group.count, count_of(&rows, family) as u64, "{name}");
    }
    let rows = golden_rows("expandable-pending");
    let mut planted = rows.clone();
    planted.retain(|key, _| Family::of(key) != Some(Family::Resource));
    let report = check_rows(&planted);
    let parents = report.group(Class::Reference, "resource-parent").unwrap();
    assert_eq!(
        parents.count,
        count_of(&rows, Family::ResourceByParent) as u64
    );
    // A sync that names a parent: `old-schema-2025` in the golden files.
}

/// Rewrites the MANIFEST of `db` with the entry of one table changed.
fn change_table(fs: &Arc<dyn Fs>, change: &dyn Fn(&mut TableMeta)) {
    let dir = Path::new("db");
    let names = fs.list(dir).unwrap();
    let number = |name: &String| match FileName::parse(name) {
        FileName::Manifest(number) => Some(number),
        _ => None,
    };
    let number = names.iter().find_map(number).unwrap();
    let path = dir.join(FileName::Manifest(number).to_string());
    let version = manifest::replay(&**fs, &path).unwrap().version;
    let (level, table) = version.tables().nth(1).unwrap();
    let mut changed = (**table).clone();
    change(&mut changed);
    let mut edit = VersionEdit::default();
    edit.removed_tables.push((level, table.number));
    edit.added_tables.push((level, changed));
    edit.last_seq = Some(SeqNo(20));
    let next = FileNumber(version.next_file().0 + 1);
    let mut writer = Writer::create(&**fs, dir, next, &version).unwrap();
    writer.append(&edit).unwrap();
    writer.sync().unwrap();
    marker::set(&**fs, dir, &Mark::Manifest(next)).unwrap();
}

#[test]
fn bounds_that_do_not_hold_are_found() {
    let rows = golden_rows("realistic");
    let found = |change: &dyn Fn(&mut TableMeta)| {
        let fs = database(&rows);
        change_table(&fs, change);
        faults(&full(&fs, "db"))
    };
    assert_eq!(found(&|_| {}), []);
    for (what, change) in [
        (
            "smallest",
            &(|meta: &mut TableMeta| meta.smallest.user.push(0)) as &dyn Fn(&mut TableMeta),
        ),
        ("largest", &|meta: &mut TableMeta| {
            meta.largest.user.pop();
        }),
    ] {
        let found = found(change);
        let bounds = found
            .iter()
            .find(|(class, ..)| *class == Class::TableBounds);
        assert!(bounds.is_some(), "{what}: {found:?}");
    }
    // A synthetic sequence number is what all entries take, so bounds of it cannot be wrong alone;
    // those of a table with its own numbers can.
    let fs = database(&rows);
    change_table(&fs, &|meta| {
        meta.smallest_seq = SeqNo(5);
        meta.largest_seq = SeqNo(9);
    });
    let found = faults(&full(&fs, "db"));
    assert_eq!(found[0].0, Class::TableBounds, "{found:?}");
    // Bounds that are wider than need be hide nothing and are allowed.
    let fs = database(&rows);
    change_table(&fs, &|meta| meta.largest.user.push(0));
    assert_eq!(faults(&full(&fs, "db")), []);
}

#[test]
fn a_missing_table_is_damage_and_the_rest_is_checked() {
    let fs = database(&golden_rows("realistic"));
    let names = fs.list(Path::new("db")).unwrap();
    let table = names
        .iter()
        .find(|name| matches!(FileName::parse(name), FileName::Table(_)))
        .unwrap();
    fs.remove_file(&Path::new("db").join(table)).unwrap();
    let report = full(&fs, "db");
    assert_eq!(only(&report, Class::Database, "database").0, 1);
    assert!(report.checked.tables > 1);
    assert!(report.group(Class::Unchecked, "database").is_some());
}

#[test]
fn a_quick_check_compares_figures() {
    let mut rows = golden_rows("realistic");
    let key = MetadataKey::Stats.to_vec();
    let (of, mut counts) = stats::decode(&rows[&key]).unwrap();
    counts.grants += 1;
    rows.insert(key, stats::encode(&counts, &of).unwrap());
    let fs = database(&rows);
    let report = verify("db", &options(&fs, Depth::Quick), &NoObserver).unwrap();
    assert_eq!(only(&report, Class::Stats, "grants").0, 1);
    assert_eq!(report.checked.blocks, 0);
}

#[test]
fn keys_of_the_database_are_shown_to_people() {
    let rows = golden_rows("realistic");
    let (key, _) = first_of(&rows, Family::Grant);
    let mut planted = rows;
    let Ok(Key::Grant(grant)) = Key::parse(&key) else {
        panic!("a grant");
    };
    let index = Key::GrantByPrincipal(grant.clone().into_owned()).to_vec();
    planted.remove(&index);
    let report = check_rows(&planted);
    let group = report.group(Class::IndexMissing, "by-principal").unwrap();
    let place = &group.examples[0].place;
    assert_eq!(place.readable_key(), Some(format!("by-principal {grant}")));
    assert!(place.hex_key().unwrap().starts_with("030704"));
    assert!(group.class.advice().contains("repair"));
}
