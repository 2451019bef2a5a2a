//! Every operation of building and publishing goes wrong in turn: an error, the old file whole or the
//! new one, nothing temporary left but what says so in its name, and the next attempt succeeds.
//!
//! | plan | what |
//! |---|---|
//! | `fail any K` | one operation fails, the disk works on |
//! | `fail any K..` | the disk is dead from there on |
//! | `=enospc` | the disk is full |
//! | `short write K` | half of the bytes arrive |
//! | `torn rename K` | the old name is gone, the new one does not appear |
//! | `flip write K`, `flip read K` | a bit changes on the way, silently |

use std::path::Path;
use std::sync::Arc;

use c1z::ErrorKind;
use c1z::envelope::Existing;
use c1z::ops::build::{BuildOptions, RunToWrite, V3Builder};
use shingle::vfs::{FaultFs, FaultPlan, Fs, MemFs, Op};
use testkit::chance::SeededEntropy;
use testkit::golden::Case;

use crate::support::*;

const OLD: &[u8] = b"what stood there before";
const OUT: &str = "out.c1z";

fn build(fs: &Arc<dyn Fs>, golden: &Rows, existing: Existing, seed: u64) -> c1z::Result<()> {
    let (run, stored) = run_of(golden).unwrap();
    let options = BuildOptions {
        threads: 1,
        memory_bytes: 0,
        table_bytes: 4 << 10,
        ..options_for(golden)
    };
    let mut pack = pack_options(fs, 1);
    pack.existing = existing;
    pack.entropy = Arc::new(SeededEntropy::seeded(seed));
    let mut builder = V3Builder::new(OUT, &options, &pack, true)?;
    put_all(builder.sync(), shuffled(golden, 1))?;
    let run = RunToWrite {
        run: &run,
        stored: Some(&stored),
    };
    builder.finish(Some(run)).map(drop)
}

/// One plan, with `K` for the number of the operation.
struct Sweep<'a> {
    plan: &'a str,
    existing: Existing,
    golden: &'a Rows,
}

/// How many attempts ended with the old file and with the new one.
#[derive(Debug, Default, PartialEq)]
struct Ends {
    old: usize,
    new: usize,
}

impl Sweep<'_> {
    /// Fails operation 0, 1, … until a run meets no fault.
    fn all(&self) -> Ends {
        let mut ends = Ends::default();
        for k in 0.. {
            let mem = MemFs::new();
            if self.replaces() {
                mem.install(OUT, OLD).unwrap();
            }
            let text = self.plan.replace('K', &k.to_string());
            let plan = FaultPlan::parse(&text).unwrap();
            let faulty = FaultFs::new(Arc::new(mem.clone()), plan);
            let fs: Arc<dyn Fs> = Arc::new(faulty.clone());
            let built = build(&fs, self.golden, self.existing, 1);
            if faulty.faults() == 0 {
                built.unwrap();
                return ends;
            }
            if self.is_old(&mem) {
                self.check_error(&built.unwrap_err(), &text);
                ends.old += 1;
            } else {
                self.check_new(&mem, &text);
                ends.new += 1;
            }
            self.check_leftovers(&mem, &faulty, &text);
            self.retry(&mem, &text);
        }
        unreachable!("some run meets no fault")
    }

    fn replaces(&self) -> bool {
        self.existing == Existing::Replace
    }

    fn is_old(&self, mem: &MemFs) -> bool {
        match mem.read(OUT) {
            Ok(bytes) => bytes == OLD,
            Err(_) => !self.replaces() || self.plan.starts_with("torn"),
        }
    }

    fn check_new(&self, mem: &MemFs, text: &str) {
        let (_, rows) = read_v3(mem, Path::new(OUT));
        let different = difference(self.golden, &rows);
        assert_eq!(different, Vec::<String>::new(), "{text}");
    }

    fn check_error(&self, error: &c1z::Error, text: &str) {
        let expected: &[ErrorKind] = if self.plan.contains("=enospc") {
            &[ErrorKind::ResourceExhausted]
        } else if self.plan.starts_with("flip") || self.plan.starts_with("short read") {
            // Bytes that are not those that were written; too few of them may be a failed read.
            &[ErrorKind::DataLoss, ErrorKind::Io]
        } else {
            &[ErrorKind::Io]
        };
        assert!(expected.contains(&error.kind()), "{text}: {error:?}");
        assert!(
            error.file().is_some() || error.to_string().contains('`'),
            "{text}: {error:?}"
        );
    }

    /// With a disk that stays dead nothing can be removed; the names say what they are.
    fn check_leftovers(&self, mem: &MemFs, faulty: &FaultFs, text: &str) {
        let names = mem.list(Path::new("")).unwrap();
        let temporary: Vec<_> = names.iter().filter(|name| *name != OUT).collect();
        let named = |name: &&String| name.starts_with(".out.c1z.");
        assert!(temporary.iter().all(named), "{text}: {names:?}");
        let may_stay = match () {
            () if self.plan.contains("..") => names.len(),
            // The removal itself may be what failed.
            () => usize::from(self.plan.starts_with("fail") && faulty.operations(Op::Remove) > 0),
        };
        assert!(temporary.len() <= may_stay, "{text}: {names:?}");
    }

    /// Nothing of the failed attempt is in the way of another.
    fn retry(&self, mem: &MemFs, text: &str) {
        let fs: Arc<dyn Fs> = Arc::new(mem.clone());
        build(&fs, self.golden, Existing::Replace, 2).unwrap();
        self.check_new(mem, text);
    }
}

#[test]
fn whatever_fails_the_old_file_stays_or_the_new_one_is_whole() {
    let golden = rows_of_case(&Case::named("basic"), "");
    let mut points = 0;
    for (existing, plan, old_least, new_least) in [
        (Existing::Replace, "fail any K", 100, 1),
        (Existing::Keep, "fail any K", 100, 1),
        (Existing::Replace, "fail any K..", 100, 1),
        (Existing::Keep, "fail any K..", 100, 1),
        (Existing::Replace, "fail any K =enospc", 100, 1),
        (Existing::Replace, "fail write K.. =enospc", 10, 0),
        (Existing::Replace, "short write K", 10, 0),
        (Existing::Replace, "short write K =enospc", 10, 0),
        (Existing::Replace, "torn rename K", 10, 0),
        (Existing::Replace, "short read K", 10, 0),
        (Existing::Replace, "flip write K", 10, 0),
        (Existing::Replace, "flip:3 write K", 10, 0),
        (Existing::Replace, "flip read K", 10, 0),
    ] {
        let golden = &golden;
        let ends = Sweep {
            plan,
            existing,
            golden,
        }
        .all();
        println!("{existing:?} {plan}: old {} new {}", ends.old, ends.new);
        points += ends.old + ends.new;
        assert!(
            ends.old >= old_least && ends.new >= new_least,
            "{plan}: {ends:?}"
        );
    }
    println!("{points} points of failure");
}

/// With spilled runs and several tables a family; every seventh point, since each takes a while.
#[test]
fn failures_while_sorting_leave_nothing_either() {
    let golden = rows_of_case(&Case::named("realistic"), "");
    let mut points = 0;
    for k in (0..).step_by(7) {
        let mem = MemFs::new();
        let plan = FaultPlan::parse(&format!("fail any {k}")).unwrap();
        let faulty = FaultFs::new(Arc::new(mem.clone()), plan);
        let fs: Arc<dyn Fs> = Arc::new(faulty.clone());
        let built = build(&fs, &golden, Existing::Keep, 1);
        if faulty.faults() == 0 {
            built.unwrap();
            break;
        }
        points += 1;
        let names = mem.list(Path::new("")).unwrap();
        match built {
            Ok(()) => assert!(names.contains(&OUT.to_owned()), "{k}"),
            Err(_) => assert!(names.len() <= 1, "{k}: {names:?}"),
        }
    }
    println!("{points} points");
    assert!(points >= 25, "{points} points");
}
