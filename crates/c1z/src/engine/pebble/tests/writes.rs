//! Costs, comparisons by time, expansion flags, cancellation: what needs rows that no call can write, or a watched seam.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use buffa::Message as _;
use c1z_proto::connector::v2;
use c1z_proto::google::protobuf::Any;
use shingle::vfs::Clock;

use super::{entitlement, grant, grant_ids, named, options, resource_type, rows, watched};
use crate::engine::pebble::{PebbleOptions, PebbleStore};
use crate::engine::types::SyncType;
use crate::engine::{CancelFlag, GrantFilter, PageRequest, Profile, Scope};
use crate::keyspace::{Family, Key};
use crate::record::{self, GrantPut, PutExpansion, StoredExpansion, message};
use crate::{ErrorKind, Result};

#[test]
fn plain_puts_read_nothing_and_puts_if_newer_read_each_key_once() {
    let (store, seam) = watched();
    let engine = store.engine();
    engine.start_new_sync(&SyncType::Full, "").unwrap();
    engine.put_grants(&[grant("a")]).unwrap();
    let users: Vec<String> = (0..50).map(|n| n.to_string()).collect();
    let grants: Vec<_> = users
        .iter()
        .chain(&users[..10])
        .map(|user| grant(user))
        .collect();
    // What the call reads besides the records: the run.
    engine.put_grants(&grants).unwrap();
    engine.put_grants(&grants).unwrap();
    seam.counts.gets();
    seam.counts.scans();
    engine.put_grants(&grants).unwrap();
    let alone = (seam.counts.gets(), seam.counts.scans());
    assert!(alone.0 <= 8 && alone.1 <= 2, "{alone:?}");
    engine.put_grants_if_newer(&grants).unwrap();
    assert_eq!(seam.counts.gets() - alone.0, 50);
    engine.store_expanded_grants(&grants).unwrap();
    assert_eq!(seam.counts.gets() - alone.0, 50);
    let expandable: Vec<_> = grants
        .iter()
        .take(7)
        .map(|grant| expands(grant.clone()))
        .collect();
    engine.put_grants(&expandable).unwrap();
    assert_eq!(seam.counts.gets() - alone.0, 7);
}

#[test]
fn ids_that_have_to_be_looked_for_share_one_scan() {
    let (store, seam) = watched();
    let engine = store.engine();
    engine.start_new_sync(&SyncType::Full, "").unwrap();
    let users: Vec<String> = (0..30).map(|n| n.to_string()).collect();
    let grants: Vec<_> = users
        .iter()
        .map(|user| named(user, &format!("own-{user}")))
        .collect();
    engine.put_grants(&grants).unwrap();
    engine.delete_grant("own-29").unwrap();
    seam.counts.scans();
    engine.delete_grant("own-28").unwrap();
    let one = seam.counts.scans();
    let ids: Vec<String> = users[..20]
        .iter()
        .map(|user| format!("own-{user}"))
        .collect();
    assert_eq!(engine.delete_grants_by_ids(&ids).unwrap(), 20);
    assert_eq!(seam.counts.scans(), one);
    assert_eq!(grant_ids(engine).len(), 8);
}

fn expands(mut grant: v2::Grant) -> v2::Grant {
    let message = v2::GrantExpandable {
        entitlement_ids: vec!["source".to_owned()],
        ..Default::default()
    };
    grant.annotations.push(Any {
        type_url: "type.googleapis.com/c1.connector.v2.GrantExpandable".to_owned(),
        value: message.encode_to_vec(),
        ..Default::default()
    });
    grant
}

/// A store with an open sync and one more row.
fn with_row(options: PebbleOptions, key: &[u8], value: &[u8]) -> PebbleStore {
    let first = PebbleStore::in_memory(options.clone()).unwrap();
    let sync = first.engine().start_new_sync(&SyncType::Full, "").unwrap();
    let mut left = rows(&first);
    left.insert(key.to_vec(), value.to_vec());
    let store = PebbleStore::from_rows(options, left).unwrap();
    store.engine().set_current_sync(&sync).unwrap();
    store
}

fn type_key(id: &str) -> Vec<u8> {
    Key::ResourceType(id.as_bytes().into()).to_vec()
}

fn name_of(store: &PebbleStore, id: &str) -> Result<String> {
    let found = store.engine().get_resource_type(&Scope::Default, id)?;
    Ok(found.display_name)
}

/// `store-contract` §3.4: a stored row without a time is older than any; one whose time cannot be read is damage, not
/// older; the rest of it is not looked at.
#[test]
fn only_the_time_of_a_stored_row_is_compared() {
    let new = v2::ResourceType {
        display_name: "new".to_owned(),
        ..resource_type("t")
    };
    let put = |store: &PebbleStore| {
        let records = std::slice::from_ref(&new);
        store.engine().put_resource_types_if_newer(records)
    };
    let stored = record::resource_type::to_record(&resource_type("t"), None);
    let untimed = with_row(options(), &type_key("t"), &message::encode(&stored));
    put(&untimed).unwrap();
    assert_eq!(name_of(&untimed, "t").unwrap(), "new");
    // Field 3, a name that is not UTF-8; field 6, a time far in the future.
    let future = [&b"\x1a\x01\xff"[..], b"\x32\x06\x08\xff\xff\xff\xff\x7f"].concat();
    let odd = with_row(options(), &type_key("t"), &future);
    put(&odd).unwrap();
    assert!(!odd.engine().is_dirty(), "the stored row stays");
    assert_eq!(rows(&odd)[&type_key("t")], future);
    // Field 6 with a time that breaks off.
    let broken = with_row(options(), &type_key("t"), b"\x32\x02\x08\xff");
    assert_eq!(put(&broken).unwrap_err().kind(), ErrorKind::DataLoss);
    assert!(!broken.engine().is_dirty());
    broken
        .engine()
        .put_resource_types(std::slice::from_ref(&new))
        .unwrap();
    assert_eq!(name_of(&broken, "t").unwrap(), "new");
}

/// The flag as it stands in the index of pending expansion, and as grants show it.
fn pending(store: &PebbleStore) -> (usize, Vec<bool>) {
    let page = PageRequest::default();
    let engine = store.engine();
    let listed = engine
        .list_pending_expansion(&Scope::Default, &page)
        .unwrap();
    let filter = GrantFilter::default();
    let grants = engine.list_grants(&Scope::Default, &filter, &page).unwrap();
    let flags = grants.rows.iter().map(|row| row.needs_expansion);
    (listed.rows.len(), flags.collect())
}

/// `store-contract` §5.1, the table, for a stored row whose flag is down, which no write of ours leaves behind.
#[test]
fn the_same_expansion_keeps_its_flag_and_another_raises_it() {
    let put = GrantPut {
        expansion: PutExpansion::Keep(StoredExpansion {
            expansion: Some(b"\x0a\x06source"),
            needs_expansion: false,
        }),
        ..GrantPut::default()
    };
    let mut value = Vec::new();
    record::grant::encode_into(&grant("u"), &put, &mut value).unwrap();
    let key = Key::Grant(record::grant::identity_of(&grant("u")).unwrap()).to_vec();
    let store = |profile| {
        with_row(
            PebbleOptions {
                profile,
                ..options()
            },
            &key,
            &value,
        )
    };
    let same = expands(grant("u"));
    let ours = store(Profile::Ours);
    ours.engine()
        .put_grants(std::slice::from_ref(&same))
        .unwrap();
    assert_eq!(pending(&ours), (0, vec![false]), "D5");
    // Within one call as over several: what is between counts.
    ours.engine()
        .put_grants(&[grant("u"), same.clone()])
        .unwrap();
    assert_eq!(pending(&ours), (1, vec![true]));
    let go = store(Profile::GoPebble);
    go.engine().put_grants(std::slice::from_ref(&same)).unwrap();
    assert_eq!(pending(&go), (1, vec![true]));
    let kept = store(Profile::Ours);
    kept.engine().store_expanded_grants(&[grant("u")]).unwrap();
    assert_eq!(pending(&kept), (0, vec![false]));
    let newer = store(Profile::Ours);
    newer.engine().put_grants_if_newer(&[same]).unwrap();
    assert_eq!(pending(&newer), (0, vec![false]));
}

/// A clock whose reading raises a flag: the middle of every call.
#[derive(Debug)]
struct Raising(CancelFlag);

impl Clock for Raising {
    fn now(&self) -> SystemTime {
        self.0.raise();
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

/// Data whose reading raises a flag.
struct RaisingData(CancelFlag, u8);

impl Read for RaisingData {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.1 == 0 {
            self.0.raise();
        }
        self.1 = self.1.saturating_sub(1);
        buffer.fill(1);
        Ok(buffer.len())
    }
}

#[test]
fn of_a_cancelled_call_nothing_is_visible() {
    let cancel = CancelFlag::new();
    let store = PebbleStore::in_memory(PebbleOptions {
        clock: Arc::new(Raising(cancel.clone())),
        cancel: cancel.clone(),
        ..options()
    });
    let store = store.unwrap();
    let engine = store.engine();
    let sync = engine.start_new_sync(&SyncType::Full, "").unwrap();
    cancel.lower();
    let before = rows(&store);
    let calls: [&dyn Fn() -> Result<()>; 8] = [
        &|| engine.put_resource_types(&[resource_type("t")]),
        &|| engine.put_entitlements_if_newer(&[entitlement("e")]),
        &|| engine.put_grants(&[grant("a"), grant("b")]),
        &|| engine.store_expanded_grants(&[grant("a")]),
        &|| engine.put_asset("a", "t", &mut b"x".as_slice()),
        &|| engine.put_asset("a", "t", &mut RaisingData(cancel.clone(), 3)),
        &|| {
            cancel.raise();
            engine.delete_grant("g")
        },
        &|| {
            cancel.raise();
            engine.delete_grants_by_ids(&["g".to_owned()]).map(drop)
        },
    ];
    for (number, call) in calls.iter().enumerate() {
        assert_eq!(
            call().unwrap_err().kind(),
            ErrorKind::Cancelled,
            "call {number}"
        );
        assert_eq!(rows(&store), before, "call {number}");
        cancel.lower();
    }
    // An end that is cancelled leaves the sync open; without records there is nothing to look up from.
    let quiet = PebbleStore::from_rows(
        PebbleOptions {
            cancel: cancel.clone(),
            ..options()
        },
        before,
    );
    let quiet = quiet.unwrap();
    let engine = quiet.engine();
    engine.set_current_sync(&sync).unwrap();
    engine.put_grants(&[grant("a")]).unwrap();
    cancel.raise();
    assert_eq!(engine.end_sync().unwrap_err().kind(), ErrorKind::Cancelled);
    cancel.lower();
    assert_eq!(engine.current_sync(), Some(sync.clone()));
    engine.end_sync().unwrap();
    assert!(engine.get_sync(&sync).unwrap().is_finished());
}

/// What Go's Pebble engine stores of an odd asset, and what we do (D13); the cap is an option.
#[test]
fn assets_follow_the_profile_and_the_cap_the_option() {
    let of = |profile| {
        let options = PebbleOptions {
            profile,
            asset_len_max: 4,
            ..options()
        };
        let store = PebbleStore::in_memory(options).unwrap();
        store.engine().start_new_sync(&SyncType::Full, "").unwrap();
        store
    };
    let put =
        |store: &PebbleStore, id: &str, data: &[u8]| store.engine().put_asset(id, "", &mut &*data);
    let types = |store: &PebbleStore| {
        let page = PageRequest::default();
        let page = store.engine().list_assets(&Scope::Default, &page).unwrap();
        page.rows
            .into_iter()
            .map(|row| (row.content_type, row.len))
            .collect::<Vec<_>>()
    };
    for (profile, expected) in [
        (Profile::Ours, vec![("unknown".to_owned(), 4)]),
        (
            Profile::GoPebble,
            vec![(String::new(), 0), (String::new(), 4)],
        ),
    ] {
        let store = of(profile);
        put(&store, "empty", b"").unwrap();
        put(&store, "full", b"1234").unwrap();
        let refused = put(&store, "over", b"12345").unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ResourceExhausted);
        assert_eq!(types(&store), expected);
    }
}

/// An id that no file could hold is refused before anything is written.
#[test]
fn a_sync_id_that_is_no_ksuid_is_refused() {
    #[derive(Debug)]
    struct Named;
    impl crate::engine::ids::SyncIds for Named {
        fn next(&self, _: crate::engine::types::Timestamp) -> Result<crate::engine::types::SyncId> {
            crate::engine::types::SyncId::new("my-sync")
        }
    }
    let store = PebbleStore::in_memory(PebbleOptions {
        ids: Arc::new(Named),
        ..options()
    });
    let store = store.unwrap();
    let refused = store
        .engine()
        .start_new_sync(&SyncType::Full, "")
        .unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidArgument);
    assert!(!store.engine().is_dirty());
    assert!(
        rows(&store)
            .keys()
            .all(|key| Family::of(key) == Some(Family::Metadata))
    );
}

/// What bare ids mean is found again after entitlements changed (§8.4 bug 39).
#[test]
fn bare_ids_follow_the_entitlements() {
    let (store, seam) = watched();
    let engine = store.engine();
    engine.start_new_sync(&SyncType::Full, "").unwrap();
    let opaque = |user: &str| v2::Grant {
        entitlement: Some(entitlement("opaque")).into(),
        ..grant(user)
    };
    engine.put_grants(&[opaque("a"), opaque("b")]).unwrap();
    let by_id = || {
        engine
            .get_grant(&Scope::Default, "opaque:user:a")
            .map(|grant| grant.id)
    };
    let by_entitlement = || {
        let ids = [crate::engine::types::EntitlementRef::bare("opaque")];
        let page = PageRequest::default();
        let page = engine.list_grants_for_entitlements(&Scope::Default, &ids, &page);
        page.unwrap().rows.len()
    };
    assert_eq!(
        by_entitlement(),
        0,
        "an opaque id is known by its entitlement only"
    );
    engine.put_entitlements(&[entitlement("opaque")]).unwrap();
    assert_eq!(by_entitlement(), 2);
    assert_eq!(by_id().unwrap(), "opaque:user:a");
    // Other writes do not make it read all entitlements again.
    engine.put_grants(&[opaque("c")]).unwrap();
    by_entitlement();
    seam.counts.scans();
    engine.put_resource_types(&[resource_type("t")]).unwrap();
    let scans = seam.counts.scans();
    by_entitlement();
    assert!(seam.counts.scans() <= 2, "{scans}");
    let of = crate::engine::types::EntitlementRef::bare("opaque");
    assert_eq!(engine.delete_entitlement(&of).unwrap(), 1);
    assert_eq!(by_entitlement(), 0);
    assert_eq!(seam.counts.barriers.load(Ordering::Relaxed), 0);
}
