//! Publishing under faults: every operation fails once, and once for good; after each the target is
//! the old file or the new one, whole, and the error says which.

use std::sync::Arc;

use shingle::vfs::{FaultFs, FaultPlan, MemFs, Op, SeededEntropy};

use super::*;

const OLD: &[u8] = b"old content";

fn target() -> &'static Path {
    Path::new("dir/sync.c1z")
}

/// Longer than the sink's buffer, in uneven pieces.
fn new_content() -> Vec<u8> {
    (0..700_000_u32).map(|i| (i % 251) as u8).collect()
}

fn write_new(out: &mut dyn Write) -> Result<u64> {
    let content = new_content();
    for piece in content.chunks(70_001) {
        out.write_all(piece)
            .map_err(|e| Error::io("write", Path::new("x"), e))?;
    }
    Ok(content.len() as u64)
}

fn disk(old: bool) -> MemFs {
    let mem = MemFs::new();
    mem.install("dir/other", b"x".as_slice()).unwrap();
    if old {
        mem.install(target(), OLD).unwrap();
    }
    mem
}

fn run(fs: &dyn Fs, existing: Existing, seed: u64) -> Result<u64> {
    publish(fs, &SeededEntropy::new(seed), target(), existing, write_new)
}

fn leftovers(mem: &MemFs) -> Vec<String> {
    let names = mem.list(Path::new("dir")).unwrap();
    names
        .into_iter()
        .filter(|name| !matches!(name.as_str(), "sync.c1z" | "other"))
        .collect()
}

#[test]
fn published_files_are_durable_and_alone() {
    for existing in [Existing::Keep, Existing::Replace] {
        for old in [false, true] {
            let mem = disk(old);
            let result = run(&mem, existing, 1);
            if old && existing == Existing::Keep {
                let error = result.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::AlreadyExists);
                assert!(!error.is_artifact_unusable(), "{error:?}");
                assert_eq!(mem.crash_clone().read(target()).unwrap(), OLD);
            } else {
                assert_eq!(result.unwrap(), 700_000);
                assert!(mem.crash_clone().read(target()).unwrap() == new_content());
            }
            assert_eq!(leftovers(&mem), Vec::<String>::new());
        }
    }
}

/// Fails operation 0, 1, … until a run meets no fault. `plan` tells whether the disk stays dead.
fn sweep(existing: Existing, old: bool, plan: &str) -> u64 {
    for k in 0.. {
        let mem = disk(old);
        let plan = plan.replace('K', &k.to_string());
        let fs = FaultFs::new(Arc::new(mem.clone()), FaultPlan::parse(&plan).unwrap());
        let result = run(&fs, existing, k);
        let visible = mem.read(target()).ok();
        let after_crash = mem.crash_clone_partial(k).read(target()).ok();
        for found in [&visible, &after_crash] {
            let whole = match found {
                None => !old,
                Some(bytes) => (old && bytes == OLD) || *bytes == new_content(),
            };
            assert!(
                whole,
                "{plan}: torn file of {:?} bytes",
                found.as_ref().map(Vec::len)
            );
        }
        match &result {
            Ok(_) => assert!(visible.unwrap() == new_content(), "{plan}"),
            Err(error) if error.is_artifact_unusable() => {
                assert_eq!(visible.is_some(), old, "{plan}: {error:?}");
                assert!(
                    visible.is_none_or(|bytes| bytes == OLD),
                    "{plan}: {error:?}"
                );
            }
            Err(error) => assert!(visible.unwrap() == new_content(), "{plan}: {error:?}"),
        }
        let dead = plan.contains("..");
        if !dead && !plan.contains("fail remove") && visible_is_old(&result) {
            assert_eq!(leftovers(&mem), Vec::<String>::new(), "{plan}");
        }
        // Whatever happened, the next attempt succeeds.
        if result.is_err() {
            let again = if mem.metadata(target()).is_ok() {
                Existing::Replace
            } else {
                existing
            };
            assert_eq!(run(&mem, again, 1000 + k).unwrap(), 700_000, "{plan}");
            assert!(
                mem.crash_clone().read(target()).unwrap() == new_content(),
                "{plan}"
            );
        }
        if fs.faults() == 0 {
            assert!(result.is_ok());
            return k;
        }
    }
    unreachable!("some run meets no fault")
}

fn visible_is_old(result: &Result<u64>) -> bool {
    result
        .as_ref()
        .err()
        .is_some_and(Error::is_artifact_unusable)
}

#[test]
fn every_fault_leaves_the_old_or_the_new_file() {
    for plan in [
        "fail any K",
        "fail any K..",
        "fail any K =enospc",
        "short write K",
    ] {
        for (existing, old) in [
            (Existing::Replace, true),
            (Existing::Replace, false),
            (Existing::Keep, false),
        ] {
            let swept = sweep(existing, old, plan);
            // Metadata, create, some writes, sync, rename or link, sync of the folder.
            assert!(swept >= 3, "{plan}: {swept} operations");
        }
    }
}

#[test]
fn a_bit_that_flips_on_the_way_to_the_disk_or_back_is_seen() {
    for plan in ["flip write K", "flip:1 write K", "flip read K"] {
        let mut seen = 0;
        for k in 0.. {
            let mem = disk(true);
            let plan = plan.replace('K', &k.to_string());
            let fs = FaultFs::new(Arc::new(mem.clone()), FaultPlan::parse(&plan).unwrap());
            let result = run(&fs, Existing::Replace, k);
            if fs.faults() == 0 {
                result.unwrap();
                break;
            }
            let error = result.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::DataLoss, "{plan}: {error:?}");
            assert!(error.is_artifact_unusable(), "{plan}");
            assert_eq!(mem.read(target()).unwrap(), OLD, "{plan}");
            assert_eq!(leftovers(&mem), Vec::<String>::new(), "{plan}");
            seen += 1;
        }
        assert!(seen >= 3, "{plan}: {seen} flips");
    }
}

#[test]
fn an_error_of_the_writer_leaves_no_trace() {
    let mem = disk(true);
    let fails = |out: &mut dyn Write| -> Result<()> {
        write_new(out)?;
        Err(Error::invalid("no"))
    };
    let entropy = SeededEntropy::new(1);
    let error = publish(&mem, &entropy, target(), Existing::Replace, fails).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert!(error.is_artifact_unusable());
    assert_eq!(mem.read(target()).unwrap(), OLD);
    assert_eq!(leftovers(&mem), Vec::<String>::new());
}

#[test]
fn a_failed_folder_sync_is_not_an_unusable_artifact() {
    let mem = disk(true);
    let plan = FaultPlan::parse("fail syncdir 0").unwrap();
    let fs = FaultFs::new(Arc::new(mem.clone()), plan);
    let error = run(&fs, Existing::Replace, 1).unwrap_err();
    assert!(!error.is_artifact_unusable());
    assert!(error.hint().unwrap().contains("in its place"));
    assert!(mem.read(target()).unwrap() == new_content());
}

#[test]
fn a_file_that_appears_meanwhile_stays() {
    let mem = disk(false);
    let appear = |out: &mut dyn Write| {
        mem.install(target(), OLD).unwrap();
        write_new(out)
    };
    let entropy = SeededEntropy::new(1);
    let error = publish(&mem, &entropy, target(), Existing::Keep, appear).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert_eq!(mem.read(target()).unwrap(), OLD);
    assert_eq!(leftovers(&mem), Vec::<String>::new());
}

#[test]
fn file_systems_without_links_are_served_too() {
    let mem = disk(false);
    let plan = FaultPlan::parse("fail link 0 =denied").unwrap();
    let fs = FaultFs::new(Arc::new(mem.clone()), plan);
    run(&fs, Existing::Keep, 1).unwrap();
    assert_eq!(fs.operations(Op::Rename), 1);
    assert!(mem.crash_clone().read(target()).unwrap() == new_content());
    assert_eq!(leftovers(&mem), Vec::<String>::new());
}

#[test]
fn targets_without_a_name_and_folders_are_refused() {
    let mem = disk(false);
    for path in ["", "..", "dir/..", "dir", "nowhere/sync.c1z"] {
        let entropy = SeededEntropy::new(1);
        let result = publish(
            &mem,
            &entropy,
            Path::new(path),
            Existing::Replace,
            write_new,
        );
        let error = result.unwrap_err();
        let expected = if path.starts_with("nowhere") {
            ErrorKind::NotFound
        } else {
            ErrorKind::InvalidArgument
        };
        assert_eq!(error.kind(), expected, "{path}: {error:?}");
    }
    assert_eq!(mem.list(Path::new("dir")).unwrap(), ["other"]);
}

#[test]
fn long_names_get_a_temporary_name_that_fits() {
    let name = format!("{}.c1z", "é".repeat(125));
    let path = temporary_path(&SeededEntropy::new(1), Path::new(&name), &name).unwrap();
    let temporary = path.file_name().unwrap().to_str().unwrap();
    assert!(
        temporary.len() <= 255 && temporary.contains(".tmp"),
        "{temporary}"
    );
}
