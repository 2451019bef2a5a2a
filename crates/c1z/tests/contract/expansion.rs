//! `GrantExpandable`, lifted out and read back (`store-contract` §5.1 to §5.3).

use c1z::engine::reader::GrantRow;
use c1z::engine::types::SyncType;
use c1z::engine::{GrantFilter, PageRequest, Profile, Scope};
use c1z_proto::connector::v2::{self, grant_sources::GrantSource};
use c1z_proto::google::protobuf::Any;

use crate::harness::{
    Bench, at, entitlement, expandable, grant, is_expandable, named, on_all, on_all_as,
};

fn base() -> v2::Grant {
    named(
        grant(&entitlement(&at("group", "g"), "e"), &at("group", "h")),
        "grant",
    )
}

fn row(bench: &Bench) -> GrantRow {
    let page = bench.engine().list_grants(
        &Scope::Default,
        &GrantFilter::default(),
        &PageRequest::default(),
    );
    page.unwrap().rows.remove(0)
}

fn ids(row: &GrantRow) -> Option<Vec<String>> {
    row.expansion
        .as_ref()
        .map(|expansion| expansion.entitlement_ids.clone())
}

fn pending(bench: &Bench) -> Vec<String> {
    let page = bench
        .engine()
        .list_pending_expansion(&Scope::Default, &PageRequest::default());
    page.unwrap()
        .rows
        .into_iter()
        .map(|row| row.grant_id)
        .collect()
}

#[test]
fn an_annotation_is_lifted_and_pending() {
    on_all(|bench| {
        bench.start(&SyncType::Full);
        let mut record = base();
        let other = Any {
            type_url: "type.example.com/x.Y".to_owned(),
            value: vec![1, 2],
            ..Default::default()
        };
        record.annotations.push(other.clone());
        bench
            .engine()
            .put_grants(&[expandable(record, &["source"])])
            .unwrap();
        let row = row(bench);
        assert_eq!(
            (ids(&row), row.needs_expansion),
            (Some(vec!["source".to_owned()]), true)
        );
        assert_eq!(row.grant.annotations[0], other);
        assert!(
            is_expandable(&row.grant.annotations[1]),
            "attached again, last"
        );
        let page = bench
            .engine()
            .list_pending_expansion(&Scope::Default, &PageRequest::default());
        let pending = page.unwrap().rows.remove(0);
        assert_eq!(
            (pending.grant_id.as_str(), pending.entitlement.id.as_str()),
            ("grant", "e")
        );
        assert_eq!(pending.principal, at("group", "h"));
        assert_eq!(pending.expansion, row.expansion.unwrap());
    });
}

/// D7: by profile, the same on every surface.
#[test]
fn the_profile_decides_whether_it_is_put_back() {
    for (profile, attached) in [
        (Profile::Ours, 1),
        (Profile::GoPebble, 1),
        (Profile::GoSqlite, 0),
    ] {
        on_all_as(profile, |bench| {
            bench.start(&SyncType::Full);
            let engine = bench.engine();
            let of = entitlement(&at("group", "g"), "e");
            engine.put_entitlements(&[of]).unwrap();
            engine
                .put_grants(&[expandable(base(), &["source"])])
                .unwrap();
            let scope = Scope::Default;
            let stream = engine
                .stream_grants(&scope, &GrantFilter::default())
                .unwrap();
            let streamed: Vec<GrantRow> = stream.collect::<Result<_, _>>().unwrap();
            let batch = engine.list_grants_for_entitlements(
                &scope,
                &[c1z::engine::types::EntitlementRef::bare("e")],
                &PageRequest::default(),
            );
            let key = c1z::engine::types::GrantKey {
                entitlement: c1z::engine::types::EntitlementRef::bare("e"),
                principal: at("group", "h"),
            };
            let read = [
                row(bench).grant,
                streamed[0].grant.clone(),
                engine.get_grant(&scope, "grant").unwrap(),
                engine.get_grant_by_key(&scope, &key).unwrap(),
                engine
                    .get_grants_by_ids(&scope, &["grant".to_owned()])
                    .unwrap()
                    .remove(0),
                batch.unwrap().rows.remove(0),
            ];
            for grant in read {
                let found = grant.annotations.iter().filter(|any| is_expandable(any));
                assert_eq!(found.count(), attached, "{profile:?}");
            }
            assert!(row(bench).expansion.is_some());
        });
    }
}

#[test]
fn blank_ids_do_not_make_a_grant_expandable_but_the_annotation_goes() {
    on_all(|bench| {
        bench.start(&SyncType::Full);
        for blank in [vec![], vec![" \t"], vec!["", "\n"]] {
            bench
                .engine()
                .put_grants(&[expandable(base(), &blank)])
                .unwrap();
            let row = row(bench);
            assert_eq!((row.expansion, row.needs_expansion), (None, false));
            assert_eq!(row.grant.annotations, []);
            assert_eq!(pending(bench), Vec::<String>::new());
        }
        let mixed = expandable(base(), &["", "real"]);
        bench.engine().put_grants(&[mixed]).unwrap();
        let unfiltered = vec![String::new(), "real".to_owned()];
        assert_eq!(ids(&row(bench)), Some(unfiltered));
    });
}

#[test]
fn the_first_annotation_counts_and_none_is_stored() {
    on_all(|bench| {
        bench.start(&SyncType::Full);
        let record = expandable(expandable(base(), &["first"]), &["second"]);
        bench.engine().put_grants(&[record]).unwrap();
        let row = row(bench);
        assert_eq!(ids(&row), Some(vec!["first".to_owned()]));
        let attached = row
            .grant
            .annotations
            .iter()
            .filter(|any| is_expandable(any));
        assert_eq!(attached.count(), 1);
    });
}

/// The table of §5.1, D5.
#[test]
fn writing_again_replaces_the_expansion() {
    on_all(|bench| {
        bench.start(&SyncType::Full);
        let engine = bench.engine();
        let steps: [(&[&str], Option<&str>); 6] = [
            (&["a"], Some("a")),
            (&["a"], Some("a")),
            (&["b"], Some("b")),
            (&[], None),
            (&["c"], Some("c")),
            (&[" "], None),
        ];
        for (incoming, stored) in steps {
            let record = match incoming {
                [] => base(),
                ids => expandable(base(), ids),
            };
            engine.put_grants(&[record]).unwrap();
            let row = row(bench);
            assert_eq!(ids(&row), stored.map(|id| vec![id.to_owned()]));
            assert_eq!(row.needs_expansion, stored.is_some());
        }
    });
}

#[test]
fn expanded_grants_keep_what_the_row_knew() {
    on_all(|bench| {
        bench.start(&SyncType::Full);
        let engine = bench.engine();
        engine
            .put_grants(&[expandable(base(), &["source"])])
            .unwrap();
        let before = row(bench);
        bench.clock.advance(std::time::Duration::from_secs(5));
        let sources = v2::GrantSources {
            sources: [("source".to_owned(), GrantSource::default())].into(),
            ..Default::default()
        };
        let expanded = v2::Grant {
            sources: buffa::MessageField::some(sources.clone()),
            ..base()
        };
        // An annotation left on the input is dropped, not lifted.
        engine
            .store_expanded_grants(&[expandable(expanded, &["other"])])
            .unwrap();
        let after = row(bench);
        assert_eq!(after.expansion, before.expansion);
        assert_eq!(
            (after.needs_expansion, after.discovered_at),
            (true, before.discovered_at)
        );
        assert_eq!(after.grant.sources.as_option(), Some(&sources));
        assert_eq!(pending(bench), ["grant"]);
        // An unknown grant is new, and never pending.
        let new = grant(&entitlement(&at("group", "g"), "e"), &at("user", "u"));
        engine
            .store_expanded_grants(&[expandable(new, &["source"])])
            .unwrap();
        let page = engine.list_grants(
            &Scope::Default,
            &GrantFilter::default(),
            &PageRequest::default(),
        );
        let rows = page.unwrap().rows;
        let new = rows.iter().find(|row| row.grant.id == "e:user:u").unwrap();
        assert_eq!((&new.expansion, new.needs_expansion), (&None, false));
        assert!(new.discovered_at > before.discovered_at);
        assert_eq!(pending(bench), ["grant"]);
        let sources = engine
            .grant_sources(&engine.current_sync().unwrap())
            .unwrap();
        assert_eq!(sources.len(), 1);
        assert!(sources["grant"].sources.contains_key("source"));
    });
}

#[test]
fn a_finished_sync_still_tells_its_rules() {
    on_all(|bench| {
        bench.start(&SyncType::Full);
        bench
            .engine()
            .put_grants(&[expandable(base(), &["source"])])
            .unwrap();
        bench.engine().end_sync().unwrap();
        bench.reopen(true);
        assert_eq!(pending(bench), ["grant"]);
    });
}
