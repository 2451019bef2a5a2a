//! The tee itself: what its reports say, its two modes, tokens and streams of engines that order rows differently.

use std::sync::Arc;

use c1z::ErrorKind;
use c1z::engine::ids::{Ksuids, SyncIds};
use c1z::engine::model::Model;
use c1z::engine::page::collect_pages;
use c1z::engine::tee::{Allowed, Mode, Tee, TeeOptions};
use c1z::engine::types::SyncType;
use c1z::engine::{
    EntitlementFilter, GrantFilter, Identity, Lifecycle, PageRequest, PebbleOptions, Reader, Scope,
    Writer,
};
use testkit::chance::SeededEntropy;
use testkit::clock::ManualClock;
use testkit::generate::{GenerateOptions, generate};

use crate::faulty::{Fault, Faulty};
use crate::options::OptionSet;
use crate::stores::{Memory, model};

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(c1z::engine::types::Timestamp {
        seconds: 1_800_000_000,
        nanos: 0,
    }))
}

/// A tee of an engine with a fault and the model, with a sync full of records.
fn filled(fault: Fault, mode: Mode) -> Tee<Faulty<Memory>, Model> {
    let (options, clock) = (OptionSet::plain(), clock());
    let faulty = Faulty::new(Memory::new(&options, &clock), fault);
    let shadow = model(Identity::Structural, true, &options, &clock);
    let tee = TeeOptions {
        mode,
        origin: "test".to_owned(),
        state_every: 0,
        state_at_transitions: false,
        ..TeeOptions::default()
    };
    let tee = Tee::new(faulty, shadow, tee);
    tee.start_new_sync(&SyncType::Full, "").unwrap();
    generate(&GenerateOptions::small(1))
        .write_to(&tee, 50)
        .unwrap();
    tee
}

fn grants(tee: &impl Reader) -> c1z::Result<usize> {
    let filter = GrantFilter::default();
    let rows = collect_pages(|page| tee.list_grants(&Scope::Default, &filter, page))?;
    Ok(rows.len())
}

#[test]
fn a_report_names_call_record_and_place_in_a_line() {
    let tee = filled(Fault::DropsRow, Mode::Fail);
    let error = grants(&tee).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Internal);
    let [report] = tee.reports().try_into().unwrap();
    println!("{report}");
    assert_eq!(report.call, "list_grants");
    assert!(report.arguments.starts_with("Default, GrantFilter"));
    assert_eq!(report.difference.subject, "grant");
    assert_eq!(report.difference.left, "absent");
    assert_eq!(report.difference.right, "present");
    let replay = &report.replay;
    assert!(
        replay.starts_with('{') && !replay.contains('\n'),
        "{replay}"
    );
    assert!(replay.contains(&format!("\"operation\":{}", report.operation)));
    assert!(replay.contains("\"origin\":\"test\""));
    let refused = tee.put_grants(&generate(&GenerateOptions::small(1)).grants);
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Poisoned);
}

#[test]
fn the_first_field_that_differs_is_named() {
    let tee = filled(Fault::ProjectsDescriptionAway, Mode::Fail);
    let error = tee.compare_state().unwrap_err();
    println!("{error}");
    let [report] = tee.reports().try_into().unwrap();
    assert_eq!(report.difference.subject, "resource");
    assert_eq!(report.difference.field, "description");
    assert_eq!(report.difference.left, "absent");
}

#[test]
fn logging_goes_on_with_the_answer_of_the_primary() {
    let tee = filled(Fault::DropsRow, Mode::Log);
    let whole = generate(&GenerateOptions::small(1)).grants.len();
    assert_eq!(grants(&tee).unwrap(), whole - 1);
    assert_eq!((tee.reports().len(), tee.differences()), (1, 1));
    tee.end_sync().unwrap();
    assert_eq!(grants(&tee).unwrap(), whole - 1);
    assert_eq!(tee.differences(), 2);
}

#[test]
fn nothing_is_reported_where_nothing_differs() {
    let tee = Tee::pebble_and_model(PebbleOptions::default(), TeeOptions::default()).unwrap();
    tee.start_new_sync(&SyncType::Full, "").unwrap();
    let records = generate(&GenerateOptions::small(2));
    records.write_to(&tee, 7).unwrap();
    tee.end_sync().unwrap();
    assert_eq!(grants(&tee).unwrap(), records.grants.len());
    tee.compare_state().unwrap();
    assert_eq!(tee.differences(), 0);
    assert!(tee.operations() > 10);
}

/// Rows of a list are told apart whatever their order, and the tokens of the one lead the other to the same place.
#[test]
fn pages_are_compared_over_engines_of_different_order_and_identity() {
    let entropy = Arc::new(SeededEntropy::seeded(1));
    let ids: Arc<dyn SyncIds> = Arc::new(Ksuids::new(entropy));
    let outer: Arc<dyn shingle::vfs::Clock> = clock();
    let options = OptionSet::plain();
    let allowed = TeeOptions {
        allowed: Allowed::V3_AND_V1,
        ..TeeOptions::default()
    };
    let own = clock();
    let tee = Tee::agreed(
        &outer,
        &ids,
        allowed,
        |clock, ids| {
            let options = PebbleOptions {
                clock,
                ids,
                ..options.in_memory(&own)
            };
            c1z::engine::PebbleStore::in_memory(options)
        },
        |clock, ids| {
            Ok(Model::new(c1z::engine::model::ModelOptions {
                identity: Identity::External,
                profile: options.profile,
                clock,
                ids,
                rows_max: 10_000,
                one_sync: false,
            }))
        },
    )
    .unwrap();
    tee.start_new_sync(&SyncType::Full, "").unwrap();
    let records = generate(&GenerateOptions::small(3));
    records.write_to(&tee, 1_000).unwrap();
    tee.end_sync().unwrap();
    for size in [1, 2, 3, 7, 1_000] {
        let mut request = Some(PageRequest::first(size));
        let mut rows = 0;
        while let Some(page) = request {
            let page = tee
                .list_grants(&Scope::Default, &GrantFilter::default(), &page)
                .unwrap();
            rows += page.rows.len();
            request = PageRequest::after(size, &page);
        }
        assert_eq!(rows, records.grants.len());
    }
    assert_eq!(tee.uncompared(), 0);
    let unknown = PageRequest {
        size: 1,
        token: "nobody made this".to_owned(),
    };
    let refused = tee.list_grants(&Scope::Default, &GrantFilter::default(), &unknown);
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::InvalidPageToken);
    // The Pebble store has no room for another sync, so the pair has none.
    let another = tee.start_new_sync(&SyncType::Full, "");
    assert_eq!(another.unwrap_err().kind(), ErrorKind::FailedPrecondition);
    assert_eq!(tee.reports(), []);
}

/// A list that is written to between two pages shows what it likes of the new rows.
#[test]
fn a_list_that_is_written_to_is_not_compared_row_by_row() {
    let tee = filled(Fault::WrongKind, Mode::Fail);
    let filter = GrantFilter::default();
    let first = tee
        .list_grants(&Scope::Default, &filter, &PageRequest::first(3))
        .unwrap();
    let more = generate(&GenerateOptions::small(99));
    tee.put_grants(&more.grants).unwrap();
    let mut request = PageRequest::after(3, &first);
    while let Some(page) = request {
        let page = tee.list_grants(&Scope::Default, &filter, &page).unwrap();
        request = PageRequest::after(3, &page);
    }
    assert_eq!(tee.reports(), []);
    assert_eq!(tee.uncompared(), 0);
}

#[test]
fn a_stream_that_ends_early_is_reported_at_its_end() {
    let tee = filled(Fault::EndsStreamEarly, Mode::Fail);
    let rows = tee
        .stream_entitlements(&Scope::Default, &EntitlementFilter::default())
        .unwrap();
    let rows: Vec<_> = rows.collect();
    let last = rows.last().unwrap().as_ref().unwrap_err();
    assert_eq!(last.kind(), ErrorKind::Internal);
    assert_eq!(rows.len(), 4);
    let shown = tee.reports().remove(0);
    assert_eq!(shown.difference.left, "absent");
}
