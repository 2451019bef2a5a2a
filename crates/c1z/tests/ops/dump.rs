//! The database of a file, unpacked: the same bytes, whole or not at all, and never over something else.

use std::path::Path;
use std::sync::Arc;

use c1z::ErrorKind;
use c1z::envelope::{EnvelopeFile, OpenOptions};
use c1z::ops::{Dumped, dump};
use shingle::vfs::{FaultFs, FaultPlan, Fs, MemFs, OsFs, ReadFile};
use testkit::chance::SeededEntropy;
use testkit::golden::{Case, folder};

use crate::support::*;

fn open(path: &Path) -> EnvelopeFile {
    EnvelopeFile::open(&OsFs, path, &OpenOptions::default()).unwrap()
}

fn dump_to(fs: &Arc<dyn Fs>, file: &EnvelopeFile) -> c1z::Result<Dumped> {
    dump(fs, &SeededEntropy::seeded(1), file, Path::new("out"))
}

fn content(file: &dyn ReadFile) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(file.len()).unwrap()];
    file.read_exact_at(0, &mut bytes).unwrap();
    bytes
}

#[test]
fn a_v1_file_gives_its_database() {
    let file = open(&Case::named("basic").path("v1.c1z"));
    let (mem, fs) = mem();
    let dumped = dump_to(&fs, &file).unwrap();
    let mut decoded = Vec::new();
    if let EnvelopeFile::V1(file) = &file {
        file.decode_into(&mut decoded).unwrap();
    }
    assert_eq!(
        dumped,
        Dumped::Database {
            bytes: decoded.len() as u64
        }
    );
    assert!(decoded.starts_with(b"SQLite format 3\0"));
    assert!(mem.read("out").unwrap() == decoded);
}

#[test]
fn a_v3_file_gives_its_directory_in_every_encoding() {
    let case = Case::named("realistic");
    let golden = rows_of_case(&case, "");
    for name in ["v3.indexed_zstd.c1z", "v3.tar.c1z", "v3.tar_zstd.c1z"] {
        let file = open(&case.path(name));
        let EnvelopeFile::V3(v3) = &file else {
            panic!("{name} is no v3 file");
        };
        let payload = v3.payload().unwrap();
        let (mem, fs) = mem();
        let dumped = dump_to(&fs, &file).unwrap();
        let (mut files, mut bytes) = (0, 0);
        for (name, len) in payload.files() {
            let found = mem.read(Path::new("out").join(name)).unwrap();
            assert!(
                found == content(&*payload.open(Path::new(name)).unwrap()),
                "{name}"
            );
            files += 1;
            bytes += len;
        }
        assert_eq!(dumped, Dumped::Directory { files, bytes });
        assert_eq!(fs.list(Path::new("")).unwrap(), ["out"]);
        assert_eq!(
            difference(&golden, &rows_in(fs, Path::new("out"))),
            Vec::<String>::new()
        );
    }
}

#[test]
fn nothing_is_replaced() {
    for name in ["v1.c1z", "v3.indexed_zstd.c1z"] {
        let file = open(&Case::named("basic").path(name));
        let (mem, fs) = mem();
        mem.install("out", b"precious").unwrap();
        assert_eq!(
            dump_to(&fs, &file).expect_err(name).kind(),
            ErrorKind::AlreadyExists
        );
        assert_eq!(mem.read("out").unwrap(), b"precious");

        let (_, fs) = self::mem();
        fs.create_dir_all(Path::new("out")).unwrap();
        assert_eq!(
            dump_to(&fs, &file).expect_err(name).kind(),
            ErrorKind::AlreadyExists
        );
    }
}

#[test]
fn damage_leaves_nothing_behind() {
    for name in [
        "v1-flip.c1z",
        "v1-truncated.c1z",
        "v3-indexed-flip-frame.c1z",
        "v3-tar_zstd-flip.c1z",
    ] {
        let file = open(&folder().join("corrupt").join(name));
        let (_, fs) = mem();
        let error = dump_to(&fs, &file).expect_err(name);
        assert_eq!(
            error.kind(),
            ErrorKind::DataLoss,
            "{name}: {}",
            error.chain()
        );
        assert_eq!(
            fs.list(Path::new("")).unwrap(),
            Vec::<String>::new(),
            "{name}"
        );
    }
}

#[test]
fn whatever_fails_the_directory_is_whole_or_absent() {
    let case = Case::named("basic");
    let golden = rows_of_case(&case, "");
    for name in ["v1.c1z", "v3.indexed_zstd.c1z"] {
        let file = open(&case.path(name));
        let (mut absent, mut whole) = (0, 0);
        for n in 0.. {
            let mem = MemFs::new();
            let plan = FaultPlan::parse(&format!("fail any {n}")).unwrap();
            let faulty = FaultFs::new(Arc::new(mem.clone()), plan);
            let fs: Arc<dyn Fs> = Arc::new(faulty.clone());
            let dumped = dump_to(&fs, &file);
            let clean = faulty.faults() == 0;
            assert!(dumped.is_ok() || !clean, "{name} {n}: {dumped:?}");
            let names = mem.list(Path::new("")).unwrap();
            if names.iter().any(|name| name == "out") {
                if name.starts_with("v3") {
                    let rows = rows_in(Arc::new(mem.clone()), Path::new("out"));
                    assert_eq!(difference(&golden, &rows), Vec::<String>::new(), "{n}");
                } else {
                    assert!(mem.read("out").unwrap().starts_with(b"SQLite format 3\0"));
                }
                whole += 1;
            } else {
                assert!(dumped.is_err(), "{name} {n}");
                absent += 1;
            }
            if clean {
                break;
            }
        }
        println!("{name}: absent {absent} times, whole {whole} times");
        assert!(absent > 3 && whole > 1);
    }
}
