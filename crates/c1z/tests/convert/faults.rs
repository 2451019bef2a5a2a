//! Every operation of writing a v1 file fails in turn: an error, the old file whole or the new one,
//! nothing temporary left.

use std::path::Path;
use std::sync::Arc;

use c1z::MemoryBudget;
use c1z::envelope::Existing;
use c1z::ops::convert::{ConvertOptions, FileFormat, convert};
use shingle::vfs::{FaultFs, FaultPlan, Fs, Op};
use testkit::golden::Case;

use crate::support::*;

const OLD: &[u8] = b"what stood there before";

#[test]
fn whatever_fails_the_old_file_stays_or_the_new_one_is_whole() {
    let case = Case::named("basic");
    for (file, existing, pattern) in [
        ("v3.indexed_zstd.c1z", Existing::Replace, "fail any {}"),
        ("v1.c1z", Existing::Replace, "fail any {}"),
        ("v1.c1z", Existing::Keep, "fail any {}"),
        ("v1.c1z", Existing::Replace, "short write {}"),
        ("v1.c1z", Existing::Replace, "fail any {}.."),
    ] {
        let replaces = existing == Existing::Replace;
        let (mut old, mut new) = (0, 0);
        for n in 0.. {
            let mem = with_input(&case, file);
            if replaces {
                mem.install("out.c1z", OLD).unwrap();
            }
            let plan = FaultPlan::parse(&pattern.replace("{}", &n.to_string())).unwrap();
            let faulty = FaultFs::new(Arc::new(mem.clone()), plan);
            let options = ConvertOptions {
                fs: Arc::new(faulty.clone()),
                existing,
                threads: 1,
                budget: MemoryBudget::new(16 << 20),
                ..options(&mem, FileFormat::V1)
            };
            let converted = convert("in", "out.c1z", &options);
            let clean = faulty.faults() == 0;
            if clean {
                converted.as_ref().unwrap();
            }
            let names = mem.list(Path::new("")).unwrap();
            let is_old = match mem.read("out.c1z") {
                Ok(bytes) => bytes == OLD,
                Err(_) => !replaces,
            };
            if is_old {
                assert!(converted.is_err(), "{pattern} {n}");
                old += 1;
            } else {
                assert_eq!(table_rows(&read_v1(&mem, "out.c1z"), "v1_grants").len(), 16);
                new += 1;
            }
            // With a disk that stays dead nothing can be removed; the names say what they are.
            let temporary: Vec<_> = names
                .iter()
                .filter(|name| !["in", "out.c1z"].contains(&name.as_str()))
                .collect();
            assert!(
                temporary.iter().all(|name| name.starts_with(".out.c1z.")),
                "{pattern} {n}: {names:?}"
            );
            let removal_failed = faulty.operations(Op::Remove) > 0 && !clean;
            let may_stay = if pattern.ends_with("..") {
                names.len()
            } else {
                usize::from(removal_failed)
            };
            assert!(
                temporary.len() <= may_stay,
                "{pattern} {n}: {names:?} {converted:?}"
            );
            if clean {
                break;
            }
        }
        println!("{file} {existing:?} {pattern}: old {old} new {new}");
        assert!(old >= 2 && new >= 1, "{pattern}: old {old} new {new}");
    }
}
