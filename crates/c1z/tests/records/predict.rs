//! From the primary rows and the sync run of a file alone, every other key and value.
//!
//! | family | predicted from |
//! |---|---|
//! | indexes by parent, by principal, of pending expansion | [`Deriver`] over the primaries |
//! | hash index, digest nodes | [`GrantHasher`], [`HashRowSorter`], [`DigestBuilder`] over grants and entitlements |
//! | stats | counts of keys, and the token |
//! | stamps | the layout |
//!
//! Taken as they are, since nothing derives them: the time the stats were written, the syncer's figures
//! in a converted file (they come from the v1 row, not from the token), session rows, the graph blob,
//! the pending marker.

use std::collections::BTreeMap;

use c1z::digest::{DigestBuilder, GrantHasher, HashRowSorter, HashedGrant, global_root_key};
use c1z::engine::types::SyncStats;
use c1z::keyspace::{Deriver, Family, IndexSet, MetadataKey, splice, stamp};
use c1z::record::{stats, sync_run, token};

use crate::golden::{Case, Era, cases};

type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

/// One line of the table that the test prints.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    primaries: usize,
    predicted: usize,
    missing: usize,
    extra: usize,
    different: usize,
}

fn family_of(key: &[u8]) -> Option<Family> {
    Family::of(key)
}

fn is_given(key: &[u8]) -> bool {
    let family = family_of(key).expect("a family");
    family.is_primary() || matches!(family, Family::SyncRun | Family::Session)
}

fn predict(case: &Case, given: &Rows, actual: &Rows) -> Rows {
    let mut rows = Rows::new();
    let mut deriver = Deriver::new(IndexSet::ALL);
    for (key, value) in given {
        let mut emit = |row: &[u8]| {
            assert!(rows.insert(row.to_vec(), Vec::new()).is_none());
            Ok(())
        };
        deriver.derive(key, value, &mut emit).unwrap();
    }
    if actual.contains_key(&global_root_key()) {
        predict_digests(given, &mut rows);
    }
    predict_metadata(case, given, actual, &mut rows);
    rows
}

/// Hash index rows from the grants, nodes once from the grants and once from those rows.
fn predict_digests(given: &Rows, rows: &mut Rows) {
    let of = |family| {
        given
            .iter()
            .filter(move |(key, _)| family_of(key) == Some(family))
    };
    let (mut hashing, mut hash_rows) = (GrantHasher::new(), Vec::new());
    let mut sorter = HashRowSorter::new(1 << 20);
    let mut keep = |key: &[u8], value: &[u8]| {
        hash_rows.push((key.to_vec(), value.to_vec()));
        Ok(())
    };
    let mut grants = Vec::new();
    for (key, value) in of(Family::Grant) {
        let hashed = hashing.hash(key, value).unwrap();
        sorter.add(&hashed, &mut keep).unwrap();
        grants.push(hashed);
    }
    sorter.finish(&mut keep).unwrap();
    assert!(hash_rows.is_sorted());

    let partitions: Vec<&[u8]> = of(Family::Entitlement)
        .map(|(key, _)| splice::entitlement_partition(key).unwrap())
        .collect();
    let nodes = build_nodes(&partitions, &grants);
    let from_rows: Vec<HashedGrant<'_>> = hash_rows
        .iter()
        .map(|(key, value)| HashedGrant::from_row(key, value).unwrap())
        .collect();
    assert_eq!(build_nodes(&partitions, &from_rows), nodes);
    rows.extend(hash_rows);
    rows.extend(nodes);
}

fn build_nodes(partitions: &[&[u8]], grants: &[HashedGrant<'_>]) -> Rows {
    let mut nodes = Vec::new();
    let mut sink = |key: &[u8], value: &[u8]| {
        nodes.push((key.to_vec(), value.to_vec()));
        Ok(())
    };
    let mut builder = DigestBuilder::new();
    let mut partitions = partitions.iter().peekable();
    for grant in grants {
        while let Some(partition) = partitions.next_if(|&&p| p <= grant.grant.partition) {
            builder.entitlement(partition, &mut sink).unwrap();
        }
        builder.grant(grant, &mut sink).unwrap();
    }
    for partition in partitions {
        builder.entitlement(partition, &mut sink).unwrap();
    }
    let global = builder.finish(&mut sink).unwrap();
    assert!(nodes.is_sorted());
    let mut nodes: Rows = nodes.into_iter().collect();
    nodes.insert(global_root_key(), global.encode().to_vec());
    nodes
}

fn predict_metadata(case: &Case, given: &Rows, actual: &Rows, rows: &mut Rows) {
    for stamp_key in [MetadataKey::KeyspaceVersion, MetadataKey::GrantIdFormat] {
        rows.insert(stamp_key.to_vec(), stamp::CURRENT.to_vec());
    }
    for taken in [
        MetadataKey::EntitlementGraph,
        MetadataKey::GrantIndexPending,
    ] {
        if let Some(value) = actual.get(&taken.to_vec()) {
            rows.insert(taken.to_vec(), value.clone());
        }
    }
    let stats_key = MetadataKey::Stats.to_vec();
    if let Some(stored) = actual.get(&stats_key) {
        let run = sync_run::decode(&given[Family::SyncRun.header()]).unwrap();
        let (sync_id, stored) = stats::decode(stored).unwrap();
        assert_eq!(sync_id, run.id.as_str());
        let mut counted = SyncStats {
            written_at: stored.written_at,
            ..SyncStats::default()
        };
        token::lift_into(&run.token, &mut counted);
        if case.name.ends_with("from-v1") {
            counted.step_durations_ms = stored.step_durations_ms;
            counted.connector_call_stats = stored.connector_call_stats;
            counted.session_store_stats = stored.session_store_stats;
            counted.ingest_quality = stored.ingest_quality;
        }
        for key in given.keys() {
            stats::count(&mut counted, key).unwrap();
        }
        rows.insert(stats_key, stats::encode(&counted, run.id.as_str()).unwrap());
    }
}

fn check(case: &Case) -> Outcome {
    let actual: Rows = case.kv().into_iter().collect();
    let given: Rows = actual
        .iter()
        .filter(|(key, _)| is_given(key))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let predicted = predict(case, &given, &actual);
    // While the principal index is pending it may lack rows, but hold no other ones.
    let pending = actual.contains_key(&MetadataKey::GrantIndexPending.to_vec());
    let may_lack = |key: &[u8]| pending && family_of(key) == Some(Family::GrantByPrincipal);
    let mut outcome = Outcome {
        primaries: given.len(),
        predicted: predicted.len(),
        ..Outcome::default()
    };
    for (key, value) in &predicted {
        match actual.get(key) {
            Some(found) if found == value => {}
            Some(_) => outcome.different += 1,
            None if may_lack(key) => outcome.predicted -= 1,
            None => outcome.extra += 1,
        }
    }
    let derived = actual.keys().filter(|key| !is_given(key));
    outcome.missing = derived.filter(|&key| !predicted.contains_key(key)).count();
    outcome
}

#[test]
fn primaries_predict_every_other_key_and_value() {
    println!(
        "{:<45} {:>9} {:>9}  missing extra different",
        "case", "primaries", "predicted"
    );
    let (mut files, mut sum) = (0, Outcome::default());
    for case in cases() {
        if case.era() != Era::Current {
            continue;
        }
        let outcome = check(&case);
        println!(
            "{:<45} {:>9} {:>9} {:>8} {:>5} {:>9}",
            case.name,
            outcome.primaries,
            outcome.predicted,
            outcome.missing,
            outcome.extra,
            outcome.different
        );
        let wrong = (outcome.missing, outcome.extra, outcome.different);
        assert_eq!(wrong, (0, 0, 0), "{}", case.name);
        files += 1;
        sum.primaries += outcome.primaries;
        sum.predicted += outcome.predicted;
    }
    assert_eq!((files, sum.primaries, sum.predicted), (53, 5985, 7826));
}
