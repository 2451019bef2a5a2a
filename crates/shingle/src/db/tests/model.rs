//! Random databases through the whole stack, real tables included, against the model.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::builder::Builder;
use super::*;
use crate::iter::tests::Entry;
use crate::iter::tests::model::{Database as Model, Plan, any_plan};

/// Writes what the model holds in memory as a directory.
fn build(model: &Model) -> MemFs {
    let mut builder = Builder::new();
    builder.last_seq = SeqNo(model.last_seq);
    let mut written = std::collections::BTreeMap::new();
    for (number, entries) in &model.files {
        written.insert(*number, builder.write_table(entries));
    }
    // Runs that do not meet on one level may stand on it; the last ones go down the levels.
    for (index, run) in model.runs.iter().enumerate() {
        let level = Level::new(index).unwrap_or(Level::L0);
        for table in run.iter() {
            let file = &written[&table.file()];
            let meta = TableMeta {
                number: if table.is_virtual() {
                    FileNumber(5000 + table.number.0)
                } else {
                    file.number
                },
                size: file.size,
                backing: table.is_virtual().then_some(file.number),
                ..(**table).clone()
            };
            if table.is_virtual() {
                builder.backings.insert(file.number, file.size);
            }
            builder.tables.push((level, meta));
        }
    }
    builder.log = model.log.clone();
    builder.finish()
}

fn check(plan: &Plan, probes: &[Vec<u8>]) -> std::result::Result<(), TestCaseError> {
    let model = Model::build(plan);
    let expected = model.visible(&Bounds::all(), u64::MAX);
    let database = open(&build(&model)).unwrap();
    prop_assert_eq!(&rows(&database, Bounds::all()).unwrap(), &expected);
    let mut scan = database.scan(Bounds::all(), ScanOptions::default());
    for (key, value) in expected.iter().rev() {
        // From behind all rows at first.
        if scan.row().is_none() {
            scan.unwind();
        }
        prop_assert_eq!(scan.prev().unwrap(), Some((&key[..], &value[..])));
    }
    let keys: BTreeSet<_> = expected.iter().map(|(key, _)| key).chain(probes).collect();
    for key in keys {
        let held = expected.iter().find(|(k, _)| k == key).map(|(_, v)| &v[..]);
        let found = database.get(key).unwrap();
        prop_assert_eq!(found.as_deref(), held, "{:?}", key);
        let at = expected.partition_point(|(k, _)| k < key);
        scan.seek_ge(key);
        let next = expected.get(at).map(|(k, v)| (&k[..], &v[..]));
        prop_assert_eq!(scan.next().unwrap(), next);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_database_is_read_as_the_model_says(
        plan in any_plan(),
        probes in prop::collection::vec(prop::collection::vec(b'a'..=b'e', 0..4), 0..10),
    ) {
        check(&plan, &probes)?;
    }
}

#[test]
fn the_model_test_sees_virtual_and_ingested_tables_and_logs() {
    let entry = |key: &str, seq| crate::iter::tests::set(key, seq);
    let mut builder = Builder::new();
    builder.log.push(entry("a", 30));
    let meta = builder.write_table(&[entry("b", 0), entry("c", 0)]);
    builder.last_seq = SeqNo(20);
    builder.tables.push((
        Level::L0,
        TableMeta {
            smallest_seq: SeqNo(20),
            largest_seq: SeqNo(20),
            ..meta
        },
    ));
    builder.add(
        6,
        &[
            entry("b", 15),
            Entry::Range(b"c".to_vec(), b"d".to_vec(), 19),
        ],
    );
    let database = open(&builder.finish()).unwrap();
    let found: Vec<_> = rows(&database, Bounds::all()).unwrap();
    let value = |key: &[u8]| found.iter().find(|(k, _)| k == key).map(|(_, v)| &v[..]);
    assert_eq!(value(b"a"), Some(&b"a@30"[..]));
    assert_eq!(
        value(b"b"),
        Some(&b"b@0"[..]),
        "the newer table has sequence number 20"
    );
    assert_eq!(value(b"c"), Some(&b"c@0"[..]));
    assert_eq!(database.next_seq(), SeqNo(31));
    assert_eq!(database.unflushed_entries(), 1);
}
