//! The comparison notices every fault: a clean model against a dump in which one row of each kind was changed, and an
//! engine that answers wrongly against a clean dump.

use std::collections::BTreeSet;
use std::sync::Arc;

use c1z::engine::model::{Model, ModelOptions};
use c1z::engine::writer::Writer as _;
use c1z::engine::{Identity, Lifecycle as _};

use super::*;
use crate::clock::ManualClock;
use crate::golden::dump::{ExpandableJson, GoError};
use crate::golden::lookup::{Answer, Node, Query};
use crate::golden::ndjson::Line;
use crate::golden::ops::Op;
use crate::golden::{Case, Dump};
use crate::ids::ListedIds;
use crate::replay::{ReplayOptions, replay};
use crate::times::Times;

fn opened(case: &Case, dump: &Dump, change: impl Fn(&Model)) -> Model {
    let clock = Arc::new(ManualClock::at(dump.read_at()));
    let ids = dump.sync_runs().map(|run| SyncId::from_stored(&run.id));
    let model = Model::new(ModelOptions {
        identity: Identity::Structural,
        profile: Profile::GoPebble,
        clock: clock.clone(),
        ids: Arc::new(ListedIds::new(ids.collect::<Vec<_>>())),
        rows_max: 10_000,
        one_sync: false,
    });
    let times = Times::of_syncs(dump);
    let mut before = times.hook(&clock);
    let steps = case.ops().unwrap();
    let options = ReplayOptions {
        before: Some(&mut before),
        handler: None,
    };
    replay(&model, &steps, options).unwrap();
    clock.set(dump.read_at());
    change(&model);
    model.reopen(false)
}

fn no_digests() -> CheckOptions {
    let checks = [
        "GetEntitlementGrantDigest",
        "GetEntitlementGrantDigestNodes",
        "GrantGenerationDigest",
    ];
    let deviation =
        |check| Deviation::new(check, "", "", "the model builds no digests").of_engine();
    CheckOptions {
        order: Order::Primary,
        deviations: checks.map(deviation).to_vec(),
    }
}

/// Changes a row so that it says something else. `None`: the row is about digests, which the model has not.
fn changed(row: &Row) -> Option<Row> {
    let mut row = row.clone();
    match &mut row {
        Row::SyncRun(run) => run.sync_token.push('x'),
        Row::View(view) => view.rows.grants += 1,
        Row::Item(_, item) | Row::GetGrantDiffers(item) => item.pb.as_mut()?.push(0),
        Row::PageSize7(pages) => pages.grants.as_mut()?.push(7),
        Row::GrantExpansion(row) => row.annotation.shallow ^= true,
        Row::PendingExpansion(row) => row.annotation = ExpandableJson::default(),
        Row::Stats(stats) | Row::GrantStats(stats) => {
            stats.result.as_mut().ok()?.insert("grants".to_owned(), 99);
        }
        Row::StatsV2(stats) => stats.result.as_mut().ok()?.assets += 1,
        Row::Sessions(sessions) => sessions.count += 1,
        Row::Session(session) => session.value.push(0),
        Row::Asset(asset) => asset.sha256.push('0'),
        Row::OpenError(_) | Row::Error(_) => return None,
        Row::Lookup(lookup) => {
            if matches!(
                lookup.query,
                Query::GetEntitlementGrantDigest(_)
                    | Query::GetEntitlementGrantDigestNodes { .. }
                    | Query::GrantGenerationDigest
            ) {
                return None;
            }
            lookup.answer = match &lookup.answer {
                Ok(answer) => Ok(other_answer(answer)),
                Err(_) => Err(GoError {
                    code: "AlreadyExists".to_owned(),
                    msg: String::new(),
                }),
            };
        }
    }
    Some(row)
}

fn other_answer(answer: &Answer) -> Answer {
    match answer.clone() {
        Answer::Syncs(mut syncs) => {
            syncs.pop();
            Answer::Syncs(syncs)
        }
        Answer::SyncId(Some(_)) => Answer::SyncId(None),
        Answer::SyncId(None) => Answer::SyncId(Some("other".to_owned())),
        Answer::Token(token) => Answer::Token(token + "x"),
        Answer::Ids(mut ids) => {
            ids.push("other".to_owned());
            Answer::Ids(ids)
        }
        Answer::Resources(mut ids) => {
            ids.push(ResourceRef::new("other", "other"));
            Answer::Resources(ids)
        }
        Answer::Count(count, pages) => Answer::Count(count + 1, pages),
        Answer::SameAsListed(_) => Answer::Ids(Vec::new()),
        Answer::Root(_) | Answer::Nodes(_) => Answer::Root(None),
        Answer::Global(_) => Answer::Global(Some(Node {
            index: 0,
            count: 0,
            hash_hex: String::new(),
        })),
    }
}

/// Name of a row's kind; lookups by their call and whether it failed.
fn kind(row: &Row) -> String {
    match row {
        Row::Lookup(lookup) => format!("{} {}", lookup.query.name(), lookup.answer.is_ok()),
        Row::Item(list, _) => list.name().to_owned(),
        other => {
            let text = format!("{other:?}");
            text.split(['(', ' ']).next().unwrap_or_default().to_owned()
        }
    }
}

#[test]
fn a_change_of_any_kind_of_row_is_noticed() {
    let mut kinds = BTreeSet::new();
    for name in [
        "basic",
        "expandable-pending",
        "sessions-finished",
        "identity-collisions",
    ] {
        let case = Case::named(name);
        let mut dump = case.dump("v3").unwrap();
        let model = opened(&case, &dump, |_| {});
        let options = no_digests();
        let clean = check_reader(&model, &dump, Profile::GoPebble, &options);
        let known = clean.differences.len();
        for index in 0..dump.rows.len() {
            let Line { number, row } = dump.rows[index].clone();
            let Some(other) = changed(&row).filter(|_| kinds.insert(kind(&row))) else {
                continue;
            };
            dump.rows[index].row = other;
            let report = check_reader(&model, &dump, Profile::GoPebble, &options);
            assert!(
                report.differences.len() > known,
                "{name} line {number}: a changed row of kind `{}` was not noticed",
                kind(&row)
            );
            dump.rows[index].row = row;
        }
    }
    println!("{kinds:?}");
    assert_eq!(kinds.len(), 40, "{kinds:?}");
}

#[test]
fn a_missing_row_of_the_dump_is_noticed() {
    let case = Case::named("sessions-finished");
    let clean = case.dump("v3").unwrap();
    let model = opened(&case, &clean, |_| {});
    for (index, line) in clean.rows.iter().enumerate() {
        if !matches!(line.row, Row::SyncRun(_) | Row::Item(..) | Row::Session(_)) {
            continue;
        }
        let mut dump = clean.clone();
        dump.rows.remove(index);
        let report = check_reader(&model, &dump, Profile::GoPebble, &no_digests());
        assert!(!report.differences.is_empty(), "line {}", line.number);
    }
}

#[test]
fn an_engine_with_other_data_is_noticed_in_any_order() {
    let case = Case::named("basic");
    let dump = case.dump("v3").unwrap();
    let steps = case.ops().unwrap();
    let grants = steps.iter().find_map(|step| match &step.op {
        Op::PutGrants(grants) => Some(grants.clone()),
        _ => None,
    });
    let grant = grants.unwrap().remove(0);
    let model = opened(&case, &dump, |model| {
        let sync = dump.sync_runs().next().unwrap();
        model
            .set_current_sync(&SyncId::from_stored(&sync.id))
            .unwrap();
        model.delete_grant(&grant.id).unwrap();
    });
    for order in [Order::AsGo, Order::Primary, Order::Any] {
        let options = CheckOptions {
            order,
            ..no_digests()
        };
        let report = check_reader(&model, &dump, Profile::GoPebble, &options);
        let checks: BTreeSet<_> = report.differences.iter().map(|found| found.check).collect();
        for check in [
            "rows",
            "view",
            "stats",
            "GetGrant",
            "ListGrants",
            "ListGrantsForPrincipal",
        ] {
            assert!(checks.contains(check), "{order:?}: {checks:?}");
        }
        assert!(report.render(3).contains("expected"));
    }
}

#[test]
fn deviations_cover_and_go_stale() {
    let case = Case::named("empty-sync");
    let dump = case.dump("v3").unwrap();
    let model = opened(&case, &dump, |_| {});
    let mut options = no_digests();
    let report = check_reader(&model, &dump, Profile::GoPebble, &options);
    assert!(report.is_clean(), "{}", report.render(9));
    assert_eq!(report.expected.len(), 1);
    let planted = Deviation::new("rows", "no such row", "", "planted");
    options.deviations.push(planted);
    let report = check_reader(&model, &dump, Profile::GoPebble, &options);
    assert!(!report.is_clean() && report.differences.is_empty());
    assert_eq!(report.stale.len(), 1);
}
