//! Files of the older layout, keyed anew from their values, against what Go makes of them.

use std::collections::BTreeMap;

use c1z::engine::types::SyncStats;
use c1z::keyspace::{Deriver, Family, IndexSet, MetadataKey, stamp};
use c1z::record::{grant, message, primary_key_into, stats, sync_run, token};
use c1z_proto::storage::v3::GrantRecord;

use crate::golden::{Case, Era, cases};

type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

/// Keys as today: entitlements and grants by structure, indexes derived, retired rows gone. The
/// parent index and everything else stay as they are.
fn rekey(old: &[(Vec<u8>, Vec<u8>)]) -> (Rows, usize) {
    let (mut rows, mut folded) = (Rows::new(), 0);
    for (key, value) in old {
        match Family::of(key) {
            Some(family @ (Family::Entitlement | Family::Grant)) => {
                let mut new_key = Vec::new();
                primary_key_into(family, value, &mut new_key).unwrap();
                let value = match rows.remove(&new_key) {
                    Some(earlier) if family == Family::Grant => {
                        folded += 1;
                        fold(&earlier, value)
                    }
                    _ => value.clone(),
                };
                rows.insert(new_key, value);
            }
            Some(
                Family::EntitlementByResource
                | Family::GrantByEntitlement
                | Family::GrantByPrincipal
                | Family::GrantNeedsExpansion
                | Family::GrantByPrincipalType
                | Family::GrantByEntitlementResource,
            ) => {}
            _ => drop(rows.insert(key.clone(), value.clone())),
        }
    }
    let mut indexes = Vec::new();
    let by_grant = IndexSet {
        by_parent: false,
        ..IndexSet::ALL
    };
    let mut deriver = Deriver::new(by_grant);
    for (key, value) in &rows {
        let mut emit = |row: &[u8]| {
            indexes.push((row.to_vec(), Vec::new()));
            Ok(())
        };
        deriver.derive(key, value, &mut emit).unwrap();
    }
    rows.extend(indexes);
    rows.insert(MetadataKey::GrantIdFormat.to_vec(), stamp::CURRENT.to_vec());
    (rows, folded)
}

fn fold(a: &[u8], b: &[u8]) -> Vec<u8> {
    let decode = |value| message::decode::<GrantRecord>("grant record", value).unwrap();
    let folded = message::encode(&grant::fold(decode(a), decode(b)));
    let turned = message::encode(&grant::fold(decode(b), decode(a)));
    assert_eq!(folded, turned, "the order of rows matters");
    folded
}

fn recount(rows: &mut Rows, migrated: &Rows) {
    let key = MetadataKey::Stats.to_vec();
    let Some(stored) = migrated.get(&key) else {
        assert!(!rows.contains_key(&key), "stats are gone");
        return;
    };
    let run = sync_run::decode(&rows[Family::SyncRun.header()]).unwrap();
    let mut counted = SyncStats {
        written_at: stats::decode(stored).unwrap().1.written_at,
        ..SyncStats::default()
    };
    token::lift_into(&run.token, &mut counted);
    for key in rows.keys() {
        stats::count(&mut counted, key).unwrap();
    }
    rows.insert(key, stats::encode(&counted, run.id.as_str()).unwrap());
}

fn migrated_of(case: &Case, cases: &[Case]) -> Rows {
    let name = format!("{} migrated", case.name);
    let migrated = cases.iter().find(|other| other.name == name);
    migrated
        .expect("a migrated file")
        .kv()
        .into_iter()
        .collect()
}

#[test]
fn older_files_keyed_anew_equal_those_that_go_migrated() {
    let cases = cases();
    let (mut files, mut rows, mut folds) = (0, 0, 0);
    for case in cases.iter().filter(|case| case.era() == Era::ExternalId) {
        let migrated = migrated_of(case, &cases);
        let (mut ours, folded) = rekey(&case.kv());
        recount(&mut ours, &migrated);
        for (key, value) in &migrated {
            assert_eq!(ours.get(key), Some(value), "{} {key:x?}", case.name);
        }
        assert_eq!(ours.len(), migrated.len(), "{}", case.name);
        files += 1;
        rows += ours.len();
        folds += folded;
    }
    assert_eq!((files, rows, folds), (9, 1005, 2));
}
