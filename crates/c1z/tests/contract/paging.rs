//! Pages and their tokens (`store-contract` §1.0, §5.5, D17).

use c1z::ErrorKind;
use c1z::engine::types::{EntitlementRef, SyncId, SyncType};
use c1z::engine::{GrantFilter, PageRequest, ResourceFilter, Scope};
use c1z_proto::connector::v2;

use crate::harness::{
    Bench, at, entitlement, grant, on_all, on_many, refused, resource, resource_type,
};

fn types(bench: &Bench, page: &PageRequest) -> c1z::Result<c1z::engine::Page<v2::ResourceType>> {
    bench.engine().list_resource_types(&Scope::Default, page)
}

fn put_types(bench: &Bench, ids: &[&str]) {
    let records: Vec<_> = ids.iter().map(|id| resource_type(id)).collect();
    bench.engine().put_resource_types(&records).unwrap();
}

fn ids(page: &c1z::engine::Page<v2::ResourceType>) -> Vec<String> {
    page.rows.iter().map(|row| row.id.clone()).collect()
}

/// All pages of a list with a page size.
fn joined(bench: &Bench, size: u32) -> Vec<String> {
    let mut request = PageRequest::first(size);
    let mut all = Vec::new();
    loop {
        let page = types(bench, &request).unwrap();
        let full = request.rows();
        assert!(
            page.rows.len() == full || page.next_token.is_empty(),
            "only the last page is short"
        );
        assert!(
            !page.rows.is_empty() || all.is_empty(),
            "no empty page after a full one"
        );
        all.extend(ids(&page));
        match PageRequest::after(size, &page) {
            Some(next) => request = next,
            None => return all,
        }
    }
}

#[test]
fn the_page_size_does_not_change_the_list() {
    on_all(|bench| {
        bench.start(&SyncType::Full);
        let names: Vec<String> = (0..12).map(|i| format!("t{i:02}")).collect();
        put_types(bench, &names.iter().map(String::as_str).collect::<Vec<_>>());
        let whole = joined(bench, 0);
        assert_eq!(whole.len(), 12);
        for size in [1, 2, 3, 7, 11, 12, 13, 10_001, u32::MAX] {
            assert_eq!(joined(bench, size), whole, "size {size}");
        }
    });
}

#[test]
fn a_token_outlives_its_row_the_handle_and_writes_elsewhere() {
    on_all(|bench| {
        let sync = bench.start(&SyncType::Full);
        let engine = bench.engine();
        let of = entitlement(&at("group", "g"), "group:g:member");
        let users = ["b", "d", "f", "h"].map(|id| at("user", id));
        let grants: Vec<_> = users.iter().map(|user| grant(&of, user)).collect();
        engine.put_grants(&grants).unwrap();
        let filter = GrantFilter::default();
        let first = engine
            .list_grants(&Scope::Default, &filter, &PageRequest::first(2))
            .unwrap();
        let last = first.rows[1].grant.clone();
        engine.delete_grant(&last.id).unwrap();
        put_types(bench, &["elsewhere"]);
        engine.put_grants(&[grant(&of, &at("user", "g"))]).unwrap();
        bench.reopen(false);
        bench.engine().set_current_sync(&sync).unwrap();
        let next = PageRequest::after(2, &first).unwrap();
        let rest = bench
            .engine()
            .list_grants(&Scope::Default, &filter, &next)
            .unwrap();
        let mut seen: Vec<String> = first
            .rows
            .iter()
            .chain(&rest.rows)
            .map(|row| row.grant.id.clone())
            .collect();
        assert!(seen.is_sorted(), "each row once: {seen:?}");
        seen.retain(|id| *id != last.id);
        // The row that came in behind the position may be on a further page; none before it is repeated.
        assert_eq!(rest.rows.len(), 2);
        assert!(!rest.rows.iter().any(|row| row.grant.id == last.id));
    });
}

/// D17.
#[test]
fn a_token_is_bound_to_operation_sync_and_filter() {
    on_many(|bench| {
        let other = bench.finished(&SyncType::Full, "a");
        bench.start(&SyncType::Full);
        put_types(bench, &["a", "b", "c"]);
        let engine = bench.engine();
        engine
            .put_resources(&["1", "2", "3"].map(|id| resource(&at("user", id))))
            .unwrap();
        let token = types(bench, &PageRequest::first(1)).unwrap().next_token;
        let page = |token: &str| PageRequest {
            size: 1,
            token: token.to_owned(),
        };
        let everything = ResourceFilter::default();
        let users = ResourceFilter {
            resource_type: "user".to_owned(),
            parent: None,
        };
        let listed = engine
            .list_resources(&Scope::Default, &users, &PageRequest::first(1))
            .unwrap();
        let foreign = [
            refused(engine.list_resources(&Scope::Default, &everything, &page(&token))),
            refused(engine.list_resources(&Scope::Default, &everything, &page(&listed.next_token))),
            refused(engine.list_grants(&Scope::Default, &GrantFilter::default(), &page(&token))),
            refused(engine.list_assets(&Scope::Default, &page(&token))),
            refused(engine.list_pending_expansion(&Scope::Default, &page(&token))),
            refused(engine.list_sync_runs(&page(&token))),
            refused(engine.list_grants_for_entitlements(&Scope::Default, &[], &page(&token))),
            refused(engine.list_resource_types(&Scope::Sync(other), &page(&token))),
        ];
        assert!(
            foreign
                .iter()
                .all(|kind| *kind == ErrorKind::InvalidPageToken),
            "{foreign:?}"
        );
        for garbage in [
            "x",
            "7",
            "=",
            "AAAA",
            "\0",
            &"A".repeat(5_000),
            &token[1..],
            &format!("{token}A"),
        ] {
            let kind = refused(types(bench, &page(garbage)));
            assert_eq!(kind, ErrorKind::InvalidPageToken, "{garbage:?}");
        }
        assert_eq!(ids(&types(bench, &page(&token)).unwrap()), ["b"]);
    });
}

#[test]
fn pages_stick_to_the_sync_of_the_first() {
    on_many(|bench| {
        bench.start(&SyncType::Full);
        put_types(bench, &["a", "b", "c"]);
        bench.engine().end_sync().unwrap();
        let first = types(bench, &PageRequest::first(1)).unwrap();
        let newer = bench.finished(&SyncType::Full, "z");
        let next = PageRequest::after(1, &first).unwrap();
        assert_eq!(ids(&types(bench, &next).unwrap()), ["b"]);
        bench.engine().view_sync(Some(&newer)).unwrap();
        assert_eq!(ids(&types(bench, &next).unwrap()), ["b"]);
        assert_eq!(ids(&types(bench, &PageRequest::default()).unwrap()), ["z"]);
    });
}

#[test]
fn pages_of_a_deleted_sync_are_not_found() {
    on_all(|bench| {
        let sync = bench.start(&SyncType::Full);
        put_types(bench, &["a", "b"]);
        bench.engine().end_sync().unwrap();
        let first = types(bench, &PageRequest::first(1)).unwrap();
        bench.engine().delete_sync_run(&sync).unwrap();
        let next = PageRequest::after(1, &first).unwrap();
        assert_eq!(refused(types(bench, &next)), ErrorKind::NotFound);
    });
}

#[test]
fn runs_are_paged_over_deletions() {
    on_many(|bench| {
        let runs: Vec<SyncId> = (0..5)
            .map(|_| bench.finished(&SyncType::Full, "a"))
            .collect();
        let engine = bench.engine();
        let first = engine.list_sync_runs(&PageRequest::first(2)).unwrap();
        engine.delete_sync_run(&runs[1]).unwrap();
        let next = PageRequest::after(2, &first).unwrap();
        let second = engine.list_sync_runs(&next).unwrap();
        let listed: Vec<SyncId> = second.rows.iter().map(|run| run.id.clone()).collect();
        assert_eq!(listed, runs[2..4]);
    });
}

/// §5.5: the order of the request; another list of ids starts over.
#[test]
fn batches_follow_the_request() {
    on_all(|bench| {
        bench.start(&SyncType::Full);
        let engine = bench.engine();
        let of = |group: &str| entitlement(&at("group", group), &format!("group:{group}:member"));
        let mut grants = Vec::new();
        for group in ["a", "b", "c"] {
            engine.put_entitlements(&[of(group)]).unwrap();
            for user in ["1", "2", "3"] {
                grants.push(grant(&of(group), &at("user", user)));
            }
        }
        engine.put_grants(&grants).unwrap();
        let ids = ["c", "nobody", "a", "c"]
            .map(|group| EntitlementRef::bare(format!("group:{group}:member")));
        let list = |ids: &[EntitlementRef], page: &PageRequest| {
            engine.list_grants_for_entitlements(&Scope::Default, ids, page)
        };
        let whole = list(&ids, &PageRequest::default()).unwrap();
        let found: Vec<&str> = whole.rows.iter().map(|row| row.id.as_str()).collect();
        assert_eq!(found.len(), 6);
        assert!(
            found[..3].iter().all(|id| id.starts_with("group:c:")),
            "{found:?}"
        );
        assert!(
            found[3..].iter().all(|id| id.starts_with("group:a:")),
            "{found:?}"
        );
        for size in 1..8 {
            let mut request = PageRequest::first(size);
            let mut joined = Vec::new();
            loop {
                let page = list(&ids, &request).unwrap();
                joined.extend(page.rows.clone());
                match PageRequest::after(size, &page) {
                    Some(next) => request = next,
                    None => break,
                }
            }
            assert_eq!(joined, whole.rows, "size {size}");
        }
        let first = list(&ids, &PageRequest::first(4)).unwrap();
        let mut reordered = ids.clone();
        reordered.swap(0, 2);
        let restarted = list(&reordered, &PageRequest::after(4, &first).unwrap()).unwrap();
        assert!(restarted.rows[0].id.starts_with("group:a:"));
        assert_eq!(restarted.rows.len(), 4);
    });
}

#[test]
fn an_open_stream_stops_nobody_and_sees_no_later_write() {
    on_all(|bench| {
        let sync = bench.start(&SyncType::Full);
        let engine = bench.engine();
        let of = entitlement(&at("group", "g"), "group:g:member");
        let grants: Vec<_> = (0..40)
            .map(|n| grant(&of, &at("user", &format!("{n:02}"))))
            .collect();
        engine.put_grants(&grants).unwrap();
        let filter = GrantFilter::default();
        let scope = Scope::Sync(sync.clone());
        let mut stream = engine.stream_grants(&scope, &filter).unwrap();
        let dropped_early = engine.stream_grants(&scope, &filter).unwrap();
        stream.next().unwrap().unwrap();
        engine.put_grants(&[grant(&of, &at("user", "99"))]).unwrap();
        engine.end_sync().unwrap();
        drop(dropped_early);
        assert_eq!(stream.map(Result::unwrap).count(), 39);
        engine.delete_sync_run(&sync).unwrap();
        bench.reopen(false);
    });
}
