//! Tables in memory against maps.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::batch::Batch;
use crate::key::{Kind, SeqNo};

/// A batch of sets and deletes (`None`) of short keys, and a range to delete before them.
type Plan = (Option<(u8, u8)>, Vec<(u8, Option<u16>)>);

fn table_of(plan: &Plan, base: u64) -> MemTable {
    let mut batch = Batch::new();
    if let Some((a, b)) = plan.0
        && a != b
    {
        batch.delete_range(&[a.min(b)], &[a.max(b)]).unwrap();
    }
    for (key, value) in &plan.1 {
        match value {
            Some(value) => batch.set(&[*key], &value.to_be_bytes()).unwrap(),
            None => batch.delete(&[*key]).unwrap(),
        }
    }
    let mut table = MemTable::from_batch(batch).unwrap();
    table.stamp(SeqNo(base));
    table
}

/// What a key is after `plan`, if it says anything about it.
fn apply(plan: &Plan, model: &mut BTreeMap<u8, Option<u16>>) {
    if let Some((a, b)) = plan.0 {
        for key in a.min(b)..a.max(b) {
            model.insert(key, None);
        }
    }
    model.extend(plan.1.iter().copied());
}

proptest! {
    #[test]
    fn merged_tables_say_what_the_batches_said(
        plans in prop::collection::vec(
            (prop::option::of((0_u8..20, 0_u8..20)), prop::collection::vec((0_u8..20, any::<Option<u16>>()), 0..12)),
            1..8,
        ),
    ) {
        let mut model = BTreeMap::new();
        let mut tables = Vec::new();
        for (at, plan) in (1_u64..).zip(&plans) {
            tables.push(Arc::new(table_of(plan, at * 100)));
            apply(plan, &mut model);
        }
        let merged = MemTable::merge(&tables);
        for key in 0..20_u8 {
            let found = merged.find(&[key]);
            let cover = merged.fragments().covering(&[key], &mut 0).map(|f| f.seq);
            let point = found.filter(|(_, trailer)| cover.is_none_or(|cover| cover <= trailer.seq()));
            let said = match point {
                Some((index, trailer)) if trailer.kind() == Some(Kind::Set) => {
                    let value = merged.value_at(index).first_chunk().copied().unwrap();
                    Some(Some(u16::from_be_bytes(value)))
                }
                Some(_) => Some(None),
                None => cover.map(|_| None),
            };
            prop_assert_eq!(said, model.get(&key).copied(), "key {}", key);
            // What is hidden was dropped.
            prop_assert_eq!(found.is_some(), point.is_some());
        }
        let keys: Vec<_> = merged.points(None, None).map(|point| point.key.to_vec()).collect();
        prop_assert!(keys.windows(2).all(|pair| pair[0] < pair[1]));
    }
}

#[test]
fn every_key_is_found_by_its_hash_and_no_other() {
    let mut batch = Batch::new();
    for n in 0..3000_u32 {
        batch
            .set(format!("key {}", n * 2).as_bytes(), &n.to_be_bytes())
            .unwrap();
    }
    let table = MemTable::from_batch(batch).unwrap();
    for n in 0..6000_u32 {
        let found = table.find(format!("key {n}").as_bytes());
        let value = found.map(|(index, _)| table.value_at(index).to_vec());
        let expected = (n % 2 == 0).then(|| (n / 2).to_be_bytes().to_vec());
        assert_eq!(value, expected);
    }
    assert_eq!(MemTable::default().find(b"key"), None);
}

#[test]
fn a_batch_of_any_lengths_is_its_own_table() {
    let mut batch = Batch::new();
    let lens = [0, 1, 127, 128, 16_383, 16_384, 70_000];
    for (at, len) in lens.into_iter().enumerate() {
        let byte = u8::try_from(at).unwrap() + 1;
        batch
            .set(&vec![byte; len], &vec![byte; lens[lens.len() - 1 - at]])
            .unwrap();
        batch.log_data(&vec![0; len]).unwrap();
    }
    let record = batch.as_bytes().len();
    let mut table = MemTable::from_batch(batch).unwrap();
    table.stamp(SeqNo(1000));
    assert_eq!(table.record().len(), record);
    assert_eq!(table.record().first_chunk(), Some(&1000_u64.to_le_bytes()));
    for (at, point) in table.points(None, None).enumerate() {
        let byte = u8::try_from(at).unwrap() + 1;
        assert!(point.key.len() == lens[at] && point.key.iter().all(|b| *b == byte));
        assert!(
            point.value.len() == lens[lens.len() - 1 - at]
                && point.value.iter().all(|b| *b == byte)
        );
        assert_eq!(point.trailer.seq(), SeqNo(1000 + at as u64));
    }
}
