//! What a conversion refuses, and that it leaves nothing behind when it does.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use c1z::engine::types::SyncId;
use c1z::envelope::Existing;
use c1z::ops::convert::{
    ConvertOptions, ConvertSummary, FileFormat, LossKind, SyncChoice, convert,
};
use c1z::ops::{Observer, Progress};
use c1z::{Error, ErrorKind};
use shingle::vfs::{Fs, MemFs};
use testkit::golden::Case;

use crate::support::*;

/// Converts `in`; nothing but the input may be there after an error.
fn refused(mem: &MemFs, options: &ConvertOptions) -> Error {
    let before = mem.list(Path::new("")).unwrap();
    let error = convert("in", "out.c1z", options).unwrap_err();
    assert_eq!(mem.list(Path::new("")).unwrap(), before, "{error}");
    error
}

fn ids(summary: &ConvertSummary) -> Vec<&str> {
    summary
        .syncs
        .iter()
        .map(|sync| sync.run.id.as_str())
        .collect()
}

#[test]
fn syncs_that_would_disappear_need_consent() {
    let mem = with_input(&Case::named("multi-sync"), "v1.c1z");
    for to in [FileFormat::V3, FileFormat::PebbleDir] {
        let error = refused(&mem, &options(&mem, to));
        assert_eq!(error.kind(), ErrorKind::FailedPrecondition);
        assert!(error.to_string().contains("4 syncs left out"), "{error}");
        assert!(error.hint().unwrap().contains("--allow-loss"));
        let named = ConvertOptions {
            sync: SyncChoice::Id(SyncId::new("3MUQ10HhgnEGr7ByblesYT9r1Y3").unwrap()),
            ..options(&mem, to)
        };
        assert_eq!(refused(&mem, &named).kind(), ErrorKind::FailedPrecondition);
    }
    let summary = convert_all(&mem, "in", "out.c1z", FileFormat::V3);
    // The newest finished full one, though one that is not finished is newer.
    assert_eq!(ids(&summary), ["3MUQ0u7BHZWHnhU2RU1nKElfcMn"]);
    assert_eq!(summary.losses.count(LossKind::Sync), 4);
    let all = convert_all(&mem, "in", "all.c1z", FileFormat::V1);
    assert_eq!((ids(&all).len(), all.losses.is_empty()), (5, true));
}

#[test]
fn records_that_would_fold_need_consent() {
    let case = Case::named("identity-collisions");
    for (file, to) in [
        ("v1.c1z", FileFormat::V3),
        ("v1.c1z", FileFormat::PebbleDir),
        ("v3.indexed_zstd.c1z", FileFormat::V1),
    ] {
        let mem = with_input(&case, file);
        let error = refused(&mem, &options(&mem, to));
        assert_eq!(error.kind(), ErrorKind::FailedPrecondition, "{file} {to:?}");
        let text = error.to_string();
        assert!(text.contains("2 records"), "{error}");
        // Ids that collide, or the key that both grants have.
        let example = if to == FileFormat::V1 {
            "entitlement "
        } else {
            r"\x03\x04"
        };
        assert!(text.contains(example), "{error}");
        let summary = convert_all(&mem, "in", "out", to);
        assert_eq!(
            summary.losses.count(LossKind::SameIdentity),
            2,
            "{file} {to:?}"
        );
    }
}

#[test]
fn an_output_that_exists_stays_unless_it_may_be_replaced() {
    let mem = with_input(&Case::named("basic"), "v1.c1z");
    mem.install("out.c1z", b"old").unwrap();
    for to in [FileFormat::V1, FileFormat::V3, FileFormat::Ndjson] {
        let error = refused(&mem, &options(&mem, to));
        assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{to:?}");
        assert_eq!(mem.read("out.c1z").unwrap(), b"old");
    }
    let replace = ConvertOptions {
        existing: Existing::Replace,
        ..options(&mem, FileFormat::V1)
    };
    convert("in", "out.c1z", &replace).unwrap();
    read_v1(&mem, "out.c1z");

    let directory = options(&mem, FileFormat::PebbleDir);
    assert_eq!(refused(&mem, &directory).kind(), ErrorKind::InvalidArgument);
    convert("in", "dir", &directory).unwrap();
    let error = convert("in", "dir", &directory).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    let replace = ConvertOptions {
        existing: Existing::Replace,
        ..directory
    };
    convert("in", "dir", &replace).unwrap();
    assert!(!rows_in(Arc::new(mem.clone()), "dir").is_empty());
}

#[test]
fn syncs_and_formats_that_are_not_there_are_named() {
    let mem = with_input(&Case::named("basic"), "v1.c1z");
    let unknown = ConvertOptions {
        sync: SyncChoice::Id(SyncId::new("3MUQ0u7BHZWHnhU2RU1nKElfcMn").unwrap()),
        ..options(&mem, FileFormat::V3)
    };
    assert_eq!(refused(&mem, &unknown).kind(), ErrorKind::NotFound);
    let folder = options(&mem, FileFormat::Folder);
    assert_eq!(refused(&mem, &folder).kind(), ErrorKind::InvalidArgument);
    let by_name = ConvertOptions {
        to: None,
        ..options(&mem, FileFormat::V3)
    };
    let error = convert("in", "out.data", &by_name).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert!(error.hint().unwrap().contains("--to"));
    assert_eq!(
        convert("in", "out.jsonl", &by_name).unwrap().to,
        FileFormat::Ndjson
    );
    assert_eq!(
        convert("in", "new.c1z", &by_name).unwrap().to,
        FileFormat::V3
    );
    let error = convert("missing", "out.c1z", &by_name).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn choices_of_a_sync_are_kept() {
    let mem = with_input(&Case::named("unfinished"), "v1.c1z");
    let full = ConvertOptions {
        sync: SyncChoice::LatestFull,
        ..options(&mem, FileFormat::V3)
    };
    assert_eq!(refused(&mem, &full).kind(), ErrorKind::NotFound);
    let finished = ConvertOptions {
        finished_only: true,
        ..options(&mem, FileFormat::V3)
    };
    assert_eq!(refused(&mem, &finished).kind(), ErrorKind::SyncNotFinished);
    let summary = convert("in", "out.c1z", &options(&mem, FileFormat::V3)).unwrap();
    assert!(!summary.syncs[0].run.is_finished());
}

/// Stops at the n-th call.
struct Stop(AtomicU64);

impl Observer for Stop {
    fn advanced(&self, _: &Progress) -> c1z::Result<()> {
        if self.0.fetch_sub(1, Ordering::Relaxed) == 0 {
            return Err(Error::new(ErrorKind::Cancelled, "stopped"));
        }
        Ok(())
    }
}

#[test]
fn a_conversion_that_is_stopped_leaves_nothing() {
    let case = Case::named("realistic");
    for (file, to) in [
        ("v1.c1z", FileFormat::V3),
        ("v1.c1z", FileFormat::V1),
        ("v1.c1z", FileFormat::Ndjson),
        ("v1.c1z", FileFormat::PebbleDir),
        ("v3.indexed_zstd.c1z", FileFormat::V1),
    ] {
        let mem = with_input(&case, file);
        let mut stopped = 0;
        loop {
            let observed = ConvertOptions {
                observer: Arc::new(Stop(AtomicU64::new(stopped))),
                ..options(&mem, to)
            };
            match convert("in", "out.c1z", &observed) {
                Ok(_) => break,
                Err(error) => assert_eq!(error.kind(), ErrorKind::Cancelled, "{to:?}"),
            }
            assert_eq!(mem.list(Path::new("")).unwrap(), ["in"], "{to:?} {stopped}");
            stopped += 1;
        }
        assert!(stopped >= 5, "{to:?}: stopped {stopped} times");
    }
}
