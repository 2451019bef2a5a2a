//! Merging: of every record the newest version stays, of equals that of the later file. Judge: files that Go merged. Random ones:
//! `histories::merge`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use c1z::engine::ids::Ksuids;
use c1z::engine::types::{SyncType, Timestamp};
use c1z::envelope::Existing;
use c1z::keyspace::{Family, MetadataKey};
use c1z::ops::convert::{ConvertOptions, FileFormat, LossKind};
use c1z::ops::merge::{MergeOptions, MergeSummary, merge};
use c1z::{ErrorKind, MemoryBudget, Result};
use shingle::vfs::{FaultFs, FaultPlan, Fs, MemFs, OsFs};
use testkit::chance::SeededEntropy;
use testkit::clock::ManualClock;
use testkit::golden::Case;

use super::random_sync::rows_of_file;
use super::support::{Rows, rows_of_case};

fn options(fs: &Arc<dyn Fs>) -> MergeOptions {
    let convert = ConvertOptions {
        fs: Arc::clone(fs),
        entropy: Arc::new(SeededEntropy::seeded(3)),
        threads: 1,
        ..ConvertOptions::default()
    };
    let start = Timestamp {
        seconds: 1_800_000_000,
        nanos: 0,
    };
    MergeOptions {
        clock: Arc::new(ManualClock::at(start)),
        ids: Arc::new(Ksuids::new(Arc::new(SeededEntropy::seeded(4)))),
        convert,
        ..MergeOptions::default()
    }
}

/// Without the run and the statistics, which are new.
fn but_the_run(mut rows: Rows) -> Rows {
    rows.remove(Family::SyncRun.header());
    rows.remove(&MetadataKey::Stats.to_vec());
    rows
}

#[test]
fn go_merges_the_same_rows() {
    let expected = but_the_run(rows_of_case(
        &Case::named("compaction-no-expand"),
        "compacted.v3",
    ));
    let fs: Arc<dyn Fs> = Arc::new(OsFs);
    let folder = tempfile::tempdir().unwrap();
    let forms = ["v1.c1z", "v3.indexed_zstd.c1z"];
    let pairs = forms
        .iter()
        .flat_map(|base| forms.map(|newer| (*base, newer)));
    for (base, newer) in pairs {
        let inputs = [
            Case::named("diff-base").path(base),
            Case::named("diff-applied").path(newer),
        ];
        let output = folder.path().join(format!("{base}-{newer}"));
        let options = MergeOptions {
            to: Some(FileFormat::V3),
            ..options(&fs)
        };
        let told = merge(&inputs, &output, &options).unwrap();
        let rows = but_the_run(rows_of_file(&fs, &output));
        if base == forms[1] && newer == forms[1] {
            // Every record, index row, hash and digest.
            assert!(
                rows == expected,
                "{:?}",
                testkit::rebuild::difference(&rows, &expected)
            );
        }
        // The two forms of a case were written at other times; the records are the same.
        let keys = |rows: &Rows| rows.keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(&rows).len(), keys(&expected).len(), "{base} {newer}");
        assert_eq!((told.counts.grants, told.counts.resources), (19, 16));
        assert_eq!(told.run.sync_type, SyncType::Full);
    }
}

#[test]
fn v1_files_merge_to_what_go_merges_them_to() {
    let fs: Arc<dyn Fs> = Arc::new(OsFs);
    let folder = tempfile::tempdir().unwrap();
    let inputs = ["diff-base", "diff-applied"].map(|case| Case::named(case).path("v1.c1z"));
    let output = folder.path().join("out.c1z");
    let told = merge(&inputs, &output, &options(&fs)).unwrap();
    assert_eq!(told.format, FileFormat::V1);
    let expected = Case::named("compaction-no-expand").path("compacted.v1.c1z");
    let tables = [
        "v1_resource_types",
        "v1_resources",
        "v1_entitlements",
        "v1_grants",
        "v1_assets",
    ];
    let mut rows = 0;
    for table in tables {
        let (ours, go) = (table_of(&output, table), table_of(&expected, table));
        assert!(
            ours == go,
            "{table}: {} rows, {} in Go",
            ours.len(),
            go.len()
        );
        rows += go.len();
    }
    println!("{rows} rows");
    assert!(rows > 40);
}

/// Cells of a table but row id and sync, by external id.
fn table_of(path: &Path, table: &str) -> BTreeMap<String, Vec<String>> {
    let store = c1z::open(path).unwrap();
    let table = store.sqlite().unwrap().table(table).unwrap().unwrap();
    let mut rows = table.scan(..);
    let mut found = BTreeMap::new();
    while let Some(row) = rows.next().unwrap() {
        let (mut id, mut cells) = (String::new(), Vec::new());
        for (i, column) in row.columns().iter().enumerate() {
            let cell = format!("{}={:?}", column.name, row.get(i).unwrap());
            match column.name.as_str() {
                "id" | "sync_id" => {}
                "external_id" => id = cell,
                _ => cells.push(cell),
            }
        }
        assert!(found.insert(id, cells).is_none());
    }
    found
}

#[test]
fn the_run_of_the_result_tells_of_no_input() {
    let fs: Arc<dyn Fs> = Arc::new(OsFs);
    let folder = tempfile::tempdir().unwrap();
    let file = |case: &str| Case::named(case).path("v3.indexed_zstd.c1z");
    let output = folder.path().join("out.c1z");
    let options = MergeOptions {
        convert: ConvertOptions {
            existing: Existing::Replace,
            ..options(&fs).convert
        },
        ..options(&fs)
    };
    let inputs = [
        file("type-partial"),
        file("expandable-expanded"),
        file("type-resources-only"),
    ];
    let told = merge(&inputs, &output, &options).unwrap();
    let ends = inputs.each_ref().map(|path| {
        let store = c1z::open(path).unwrap();
        store
            .reader()
            .latest_finished_sync(None)
            .unwrap()
            .unwrap()
            .ended_at
    });
    let run = &told.run;
    assert_eq!(run.sync_type, SyncType::Full);
    assert_eq!(run.ended_at, ends.into_iter().flatten().max());
    assert_eq!(run.started_at.unwrap().seconds, 1_800_000_000);
    assert!(run.parent_id.is_empty() && run.linked_id.is_empty() && run.token.is_empty());
    assert!(!run.supports_diff && !run.verification.is_complete());
    let stored = c1z::open(&output)
        .unwrap()
        .reader()
        .get_sync(&run.id)
        .unwrap();
    assert_eq!(&stored, run);
    let partial = [file("type-partial"), file("type-resources-only")];
    let told = merge(&partial, &output, &options).unwrap();
    assert_eq!(told.run.sync_type, SyncType::ResourcesOnly);
    let partial = [file("type-partial"), file("type-partial")];
    assert_eq!(
        merge(&partial, &output, &options).unwrap().run.sync_type,
        SyncType::Partial
    );
}

#[test]
fn rows_that_become_one_record_are_a_loss_to_be_allowed() {
    let fs: Arc<dyn Fs> = Arc::new(OsFs);
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out.c1z");
    let file = Case::named("identity-collisions").path("v1.c1z");
    let inputs = [file.clone(), file];
    let strict = MergeOptions {
        to: Some(FileFormat::V3),
        ..options(&fs)
    };
    let error = merge(&inputs, &output, &strict).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::FailedPrecondition);
    assert!(fs.metadata(&output).is_err());
    let lax = MergeOptions {
        convert: ConvertOptions {
            allow_loss: true,
            ..strict.convert.clone()
        },
        ..strict
    };
    let told = merge(&inputs, &output, &lax).unwrap();
    let mut losses = told.losses.iter();
    let same = losses.find(|(kind, _)| *kind == LossKind::SameIdentity);
    // The same two in each of the two inputs.
    assert_eq!(same.unwrap().1.count, 4);
}

#[test]
fn what_cannot_be_merged_is_named() {
    let fs: Arc<dyn Fs> = Arc::new(OsFs);
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out.c1z");
    let v3 = |case: &str| Case::named(case).path("v3.indexed_zstd.c1z");
    let refuse = |inputs: &[PathBuf], output: &Path, to: Option<FileFormat>| {
        let options = MergeOptions { to, ..options(&fs) };
        let error = merge(inputs, output, &options).unwrap_err();
        assert!(fs.metadata(output).is_err() || inputs.contains(&output.to_owned()));
        (error.kind(), error.to_string())
    };
    let good = v3("basic");
    let (kind, _) = refuse(std::slice::from_ref(&good), &output, None);
    assert_eq!(kind, ErrorKind::InvalidArgument);
    let (kind, text) = refuse(&[good.clone(), good.clone()], &good, None);
    assert_eq!(
        (kind, text.contains("output is one of the inputs")),
        (ErrorKind::InvalidArgument, true)
    );
    for case in ["unfinished", "type-partial-upserts", "empty-sync"] {
        let inputs = [good.clone(), v3(case)];
        if case == "empty-sync" {
            continue;
        }
        let (kind, text) = refuse(&inputs, &output, None);
        assert_eq!(kind, ErrorKind::FailedPrecondition, "{case}");
        assert!(text.contains(case), "{text}");
    }
    let (kind, text) = refuse(
        &[Case::named("basic").path("v1.c1z"), good],
        &output,
        Some(FileFormat::V1),
    );
    assert_eq!(kind, ErrorKind::EngineMismatch);
    assert!(text.contains("v3.indexed_zstd.c1z"), "{text}");
}

#[test]
fn whatever_fails_nothing_or_the_old_file_is_there() {
    const OLD: &[u8] = b"what stood there before";
    for to in [FileFormat::V1, FileFormat::V3] {
        for pattern in ["fail any {}", "fail any {}..", "short write {}"] {
            let (mut failed, mut done) = (0, 0);
            for n in 0.. {
                let mem = MemFs::new();
                for case in ["diff-base", "diff-applied"] {
                    mem.install(case, Case::named(case).bytes("v1.c1z").unwrap())
                        .unwrap();
                }
                mem.install("out.c1z", OLD).unwrap();
                let plan = FaultPlan::parse(&pattern.replace("{}", &n.to_string())).unwrap();
                let faulty = FaultFs::new(Arc::new(mem.clone()), plan);
                let fs: Arc<dyn Fs> = Arc::new(faulty.clone());
                let options = MergeOptions {
                    to: Some(to),
                    convert: ConvertOptions {
                        existing: Existing::Replace,
                        budget: MemoryBudget::new(16 << 20),
                        ..options(&fs).convert
                    },
                    ..options(&fs)
                };
                let merged: Result<MergeSummary> =
                    merge(&["diff-base", "diff-applied"], "out.c1z", &options);
                let there = mem.read("out.c1z").unwrap();
                if there == OLD {
                    assert!(merged.is_err(), "{pattern} {n}");
                    failed += 1;
                } else {
                    let plain: Arc<dyn Fs> = Arc::new(mem.clone());
                    let open = c1z::OpenOptions {
                        fs: plain,
                        ..c1z::OpenOptions::default()
                    };
                    let store = c1z::open_with("out.c1z", &open).unwrap();
                    assert_eq!(store.reader().stats(None, None).unwrap().grants, 19);
                    done += 1;
                }
                if faulty.faults() == 0 {
                    merged.unwrap();
                    break;
                }
            }
            println!("{} {pattern}: failed {failed}, done {done}", to.as_str());
            assert!(failed >= 2 && done >= 1);
        }
    }
}
