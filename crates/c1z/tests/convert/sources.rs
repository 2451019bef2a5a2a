//! Every kind of input gives what is in it: packed files in every encoding, directories, folders, the
//! layout of mid-2026. And the same bytes come out whatever threads and memory there are.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex};

use c1z::MemoryBudget;
use c1z::envelope::{Existing, PayloadEncoding};
use c1z::keyspace::{Family, MetadataKey};
use c1z::ops::convert::{ConvertOptions, FileFormat, LossKind, convert};
use c1z::ops::{Observer, Progress};
use shingle::vfs::{Fs, MemFs};
use testkit::golden::{Case, Format};

use crate::support::*;

/// Copies a file into another place of the file system.
fn copy(mem: &MemFs, from: &str, to: &str) {
    let folder = Path::new(to).parent().unwrap();
    mem.create_dir_all(folder).unwrap();
    mem.install(to, mem.read(from).unwrap()).unwrap();
}

#[test]
fn every_encoding_and_a_directory_hold_the_same() {
    let mem = with_input(&Case::named("realistic"), "v3.indexed_zstd.c1z");
    let (_, golden) = read_v3(&mem, "in");
    for encoding in [
        PayloadEncoding::IndexedZstd,
        PayloadEncoding::Tar,
        PayloadEncoding::TarZstd,
    ] {
        let options = ConvertOptions {
            encoding,
            existing: Existing::Replace,
            ..options(&mem, FileFormat::V3)
        };
        let summary = convert("in", "packed.c1z", &options).unwrap();
        assert!(summary.losses.is_empty());
        let (_, found) = read_v3(&mem, "packed.c1z");
        assert_eq!(difference(&golden, &found), Vec::<String>::new());
        // What was written is an input again, and its directory, too.
        convert(
            "packed.c1z",
            "dir",
            &ConvertOptions {
                to: Some(FileFormat::PebbleDir),
                ..options.clone()
            },
        )
        .unwrap();
        assert_eq!(rows_in(Arc::new(mem.clone()), "dir"), golden);
        let packed = convert("dir", "again.c1z", &options).unwrap();
        assert_eq!(packed.from, FileFormat::PebbleDir);
        assert!(mem.read("again.c1z").unwrap() == mem.read("packed.c1z").unwrap());
    }
}

#[test]
fn a_folder_gives_all_its_syncs_to_v1_and_back() {
    let mem = MemFs::new();
    for (name, case) in [
        ("000001-a", "type-partial"),
        ("000002-b", "basic"),
        ("000003-c", "unfinished"),
    ] {
        let bytes = Case::named(case).bytes("v3.indexed_zstd.c1z").unwrap();
        mem.install("in.c1z", bytes).unwrap();
        mem.create_dir_all(Path::new("folder")).unwrap();
        if case == "basic" {
            convert_all(
                &mem,
                "in.c1z",
                &format!("folder/{name}"),
                FileFormat::PebbleDir,
            );
        } else {
            copy(&mem, "in.c1z", &format!("folder/{name}.c1z"));
        }
    }
    mem.install("folder/notes.txt", b"no sync").unwrap();
    let all = convert_all(&mem, "folder", "all.c1z", FileFormat::V1);
    assert_eq!((all.from, all.syncs.len()), (FileFormat::Folder, 3));
    let types: Vec<_> = all
        .syncs
        .iter()
        .map(|sync| sync.run.sync_type.as_str())
        .collect();
    assert_eq!(types, ["partial", "full", "full"]);
    // Each comes back out of the file with all.
    for (sync, case) in all
        .syncs
        .iter()
        .zip(["type-partial", "basic", "unfinished"])
    {
        let options = ConvertOptions {
            sync: c1z::ops::convert::SyncChoice::Id(sync.run.id.clone()),
            allow_loss: true,
            existing: Existing::Replace,
            ..options(&mem, FileFormat::V3)
        };
        convert("all.c1z", "one.c1z", &options).unwrap();
        let (_, mut found) = read_v3(&mem, "one.c1z");
        let mut golden: Rows = Case::named(case)
            .kv("")
            .unwrap()
            .into_iter()
            .map(|pair| (pair.key, pair.value))
            .collect();
        for rows in [&mut golden, &mut found] {
            rows.remove(&MetadataKey::Stats.to_vec());
        }
        assert_eq!(difference(&golden, &found), Vec::<String>::new(), "{case}");
    }
    copy(&mem, "folder/000001-a.c1z", "folder/000009-twice.c1z");
    let twice = convert("folder", "out.c1z", &options(&mem, FileFormat::V1)).unwrap_err();
    assert_eq!(twice.kind(), c1z::ErrorKind::InvalidArgument);
}

#[test]
fn the_layout_of_mid_2026_becomes_what_go_migrates_it_to() {
    let files = distinct(Format::OldV3);
    let (mut converted, mut refused) = (0, 0);
    for file in files {
        let mem = with_input(&file.case, file.file);
        if !file.case.has("kv.migrated.ndjson.gz") {
            let error = convert("in", "out.c1z", &options(&mem, FileFormat::V3)).unwrap_err();
            assert_eq!(
                error.kind(),
                c1z::ErrorKind::FormatOlder,
                "{}",
                file.label()
            );
            refused += 1;
            continue;
        }
        let summary = convert_all(&mem, "in", "out.c1z", FileFormat::V3);
        let (_, mut found) = read_v3(&mem, "out.c1z");
        let migrated = file.case.kv("migrated").unwrap().into_iter();
        let mut golden: Rows = migrated.map(|pair| (pair.key, pair.value)).collect();
        // Go builds no digests when it migrates, and keeps recounted statistics of unfinished syncs.
        let is_free = |key: &[u8]| {
            matches!(
                Family::of(key),
                Some(Family::GrantHash | Family::DigestNode)
            ) || key == MetadataKey::Stats.to_vec()
        };
        for rows in [&mut golden, &mut found] {
            rows.retain(|key, _| !is_free(key));
        }
        assert_eq!(
            difference(&golden, &found),
            Vec::<String>::new(),
            "{}",
            file.label()
        );
        println!("{}: {} rows, {}", file.label(), found.len(), summary.losses);
        let folded = file.case.name.ends_with("identity-collisions");
        assert_eq!(
            summary.losses.count(LossKind::SameIdentity) > 0,
            folded,
            "{}",
            file.label()
        );
        converted += 1;
    }
    assert_eq!((converted, refused), (9, 1));
}

#[test]
fn threads_and_memory_change_no_byte() {
    let every = [FileFormat::V1, FileFormat::V3, FileFormat::Ndjson];
    for (case, formats) in [
        ("unusual-strings", &every[..]),
        ("multi-sync", &every),
        // Hundreds of grants of one entitlement: digests with leaves.
        ("fanout", &[FileFormat::V3]),
    ] {
        for &to in formats {
            let mem = with_input(&Case::named(case), "v1.c1z");
            let mut first = None;
            for (threads, mib) in [(1, 16), (8, 256), (3, 64)] {
                let options = ConvertOptions {
                    threads,
                    budget: MemoryBudget::new(mib << 20),
                    allow_loss: true,
                    existing: Existing::Replace,
                    ..options(&mem, to)
                };
                convert("in", "out.c1z", &options).unwrap();
                let bytes = mem.read("out.c1z").unwrap();
                let first = first.get_or_insert_with(|| bytes.clone());
                assert!(
                    *first == bytes,
                    "{case} {to:?} {threads} threads, {mib} MiB"
                );
            }
        }
    }
}

/// Remembers the names of temporary files that it has seen.
#[derive(Default)]
struct Lookout(MemFs, Mutex<BTreeSet<String>>);

impl Observer for Lookout {
    fn advanced(&self, _: &Progress) -> c1z::Result<()> {
        let list = |folder: &str| self.0.list(Path::new(folder)).unwrap_or_default();
        let folders = list("").into_iter().filter(|name| name.starts_with('.'));
        self.1
            .lock()
            .unwrap()
            .extend(folders.flat_map(|folder| list(&folder)));
        Ok(())
    }
}

#[test]
fn a_v1_file_that_does_not_fit_memory_goes_by_way_of_a_temporary_file() {
    let mut written = Vec::new();
    for (kib, spills) in [(256, true), (64 << 10, false)] {
        let mem = with_input(&Case::named("big-asset"), "v1.c1z");
        let lookout = Arc::new(Lookout(mem.clone(), Mutex::default()));
        let options = ConvertOptions {
            budget: MemoryBudget::new(kib << 10),
            encoding: PayloadEncoding::Tar,
            observer: lookout.clone(),
            ..options(&mem, FileFormat::V3)
        };
        convert("in", "out.c1z", &options).unwrap();
        let seen = lookout.1.lock().unwrap();
        assert_eq!(seen.contains("database"), spills, "{kib} KiB: {seen:?}");
        assert_eq!(mem.list(Path::new("")).unwrap(), ["in", "out.c1z"]);
        written.push(mem.read("out.c1z").unwrap());
    }
    assert!(written[0] == written[1]);
}
