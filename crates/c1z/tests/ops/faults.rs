//! Every operation of building and publishing fails in turn: an error, the old file whole or the new
//! one, nothing temporary left.

use std::path::Path;
use std::sync::Arc;

use c1z::envelope::Existing;
use c1z::ops::build::{BuildOptions, RunToWrite, V3Builder};
use shingle::vfs::{FaultFs, FaultPlan, Fs, MemFs, Op};
use testkit::golden::Case;

use crate::support::*;

const OLD: &[u8] = b"what stood there before";

fn build(fs: &Arc<dyn Fs>, golden: &Rows, existing: Existing) -> c1z::Result<()> {
    let (run, stored) = run_of(golden).unwrap();
    let options = BuildOptions {
        threads: 1,
        memory_bytes: 0,
        table_bytes: 4 << 10,
        ..options_for(golden)
    };
    let mut pack = pack_options(fs, 1);
    pack.existing = existing;
    let mut builder = V3Builder::new("out.c1z", &options, &pack, true)?;
    put_all(builder.sync(), shuffled(golden, 1))?;
    let run = RunToWrite {
        run: &run,
        stored: Some(&stored),
    };
    builder.finish(Some(run)).map(drop)
}

#[test]
fn whatever_fails_the_old_file_stays_or_the_new_one_is_whole() {
    let golden = rows_of_case(&Case::named("realistic"), "");
    for (existing, pattern) in [
        (Existing::Replace, "fail any {}"),
        (Existing::Keep, "fail any {}"),
        (Existing::Replace, "short write {}"),
        (Existing::Replace, "fail any {}.."),
    ] {
        let replaces = existing == Existing::Replace;
        let (mut old, mut new) = (0, 0);
        for n in 0.. {
            let mem = MemFs::new();
            if replaces {
                mem.install("out.c1z", OLD).unwrap();
            }
            let plan = FaultPlan::parse(&pattern.replace("{}", &n.to_string())).unwrap();
            let faulty = FaultFs::new(Arc::new(mem.clone()), plan);
            let fs: Arc<dyn Fs> = Arc::new(faulty.clone());
            let built = build(&fs, &golden, existing);
            let clean = faulty.faults() == 0;
            if clean {
                built.as_ref().unwrap();
            }
            let names = mem.list(Path::new("")).unwrap();
            let is_old = match mem.read("out.c1z") {
                Ok(bytes) => bytes == OLD,
                Err(_) => !replaces,
            };
            if is_old {
                assert!(built.is_err(), "{pattern} {n}");
                old += 1;
            } else {
                let (_, rows) = read_v3(&mem, Path::new("out.c1z"));
                assert_eq!(
                    difference(&golden, &rows),
                    Vec::<String>::new(),
                    "{pattern} {n}"
                );
                new += 1;
            }
            // With a disk that stays dead nothing can be removed; the names say what they are.
            let dead = pattern.ends_with("..");
            let removal_failed = faulty.operations(Op::Remove) > 0 && !clean;
            let temporary: Vec<_> = names.iter().filter(|name| *name != "out.c1z").collect();
            assert!(
                temporary.iter().all(|name| name.starts_with(".out.c1z.")),
                "{pattern} {n}: {names:?}"
            );
            let may_stay = if dead {
                names.len()
            } else {
                usize::from(removal_failed)
            };
            assert!(
                temporary.len() <= may_stay,
                "{pattern} {n}: {names:?} {built:?}"
            );
            if clean {
                break;
            }
        }
        println!("{existing:?} {pattern}: old {old} new {new}");
        assert!(old >= 20 && new >= 1, "{pattern}: old {old} new {new}");
    }
}
