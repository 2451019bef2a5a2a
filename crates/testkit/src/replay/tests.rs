//! Replays into the model; steps that nobody supports stop it.

use std::sync::Arc;

use c1z::engine::ids::Ksuids;
use c1z::engine::model::{Model, ModelOptions};
use c1z::engine::reader::Reader as _;
use c1z::engine::types::Timestamp;
use c1z::engine::{Identity, PageRequest, Profile, Scope};

use super::*;
use crate::chance::SeededEntropy;
use crate::clock::ManualClock;
use crate::golden::Case;

fn model() -> Model {
    let now = Timestamp {
        seconds: 1_800_000_000,
        nanos: 0,
    };
    Model::new(ModelOptions {
        identity: Identity::Structural,
        profile: Profile::GoPebble,
        clock: Arc::new(ManualClock::at(now)),
        ids: Arc::new(Ksuids::new(Arc::new(SeededEntropy::seeded(1)))),
        rows_max: 10_000,
        one_sync: false,
    })
}

#[test]
fn a_whole_case_is_replayed() {
    let steps = Case::named("overwrites-deletes").ops().unwrap();
    let engine = model();
    let done = replay(&engine, &steps, ReplayOptions::default()).unwrap();
    assert_eq!(done.steps, steps.len());
    assert_eq!(done.syncs.len(), 1);
    // We delete a missing grant without an error, so nothing had to be tolerated.
    assert_eq!(done.tolerated, []);
    let types = engine.list_resource_types(&Scope::Default, &PageRequest::default());
    assert_eq!(types.unwrap().rows.len(), 5);
}

#[test]
fn an_unsupported_step_stops_the_replay_with_its_line() {
    let steps = Case::named("expandable-expanded").ops().unwrap();
    let expected = first_unsupported(&steps).unwrap();
    let error = replay(&model(), &steps, ReplayOptions::default()).unwrap_err();
    assert!(matches!(error.cause, StepCause::Unsupported));
    assert_eq!((error.step, error.line), ("expand", expected.line));
    assert!(error.to_string().starts_with("step `expand` at line"));
}

#[test]
fn a_handler_takes_unsupported_steps() {
    let steps = Case::named("many-ssts").ops().unwrap();
    let mut flushed = 0;
    let mut handler = |_: &dyn StorageEngine, step: &Step, _: Option<&SyncId>| {
        assert_eq!(step.op, Op::Flush);
        flushed += 1;
        Some(Ok(()))
    };
    let options = ReplayOptions {
        before: None,
        handler: Some(&mut handler),
    };
    replay(&model(), &steps, options).unwrap();
    assert_eq!(flushed, 16);
}

#[test]
fn an_engine_error_is_tolerated_only_where_the_step_says_so() {
    let step = |may_fail| Step {
        line: 7,
        op: Op::EndSync,
        may_fail,
    };
    let done = replay(&model(), &[step(true)], ReplayOptions::default()).unwrap();
    assert_eq!(done.tolerated.len(), 1);
    let error = replay(&model(), &[step(false)], ReplayOptions::default()).unwrap_err();
    assert!(matches!(error.cause, StepCause::Engine(_)), "{error}");
    assert_eq!(error.line, 7);
}
