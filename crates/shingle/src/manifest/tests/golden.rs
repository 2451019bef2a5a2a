//! The MANIFESTs that the reference implementation wrote.

use super::*;
use crate::ErrorKind;
use crate::testing::{golden, golden_cases, golden_tar, hex, unhex};

/// Database directories made below the level of a sync.
fn databases() -> Vec<String> {
    golden_cases("pebble", "db-")
}

fn current_manifest(fs: &MemFs) -> String {
    let names = fs.list(Path::new("")).unwrap();
    let markers = marker::Markers::find(names.iter().map(String::as_str)).unwrap();
    assert!(markers.format_version().unwrap().is_some());
    FileName::Manifest(markers.manifest().unwrap().unwrap()).to_string()
}

/// Lines of a version in the words of `CASE.md`, sorted.
fn describe(version: &crate::version::Version) -> Vec<String> {
    let mut lines: Vec<_> = version
        .tables()
        .map(|(level, t)| {
            format!(
                "{level} {} size={} seq=[{}-{}] {} .. {} virtual={}",
                t.number,
                t.size,
                t.smallest_seq.0,
                t.largest_seq.0,
                hex(&t.smallest.user),
                hex(&t.largest.user),
                t.is_virtual()
            )
        })
        .collect();
    lines.sort();
    lines
}

#[test]
fn every_database_has_the_tables_that_go_says() {
    for case in databases() {
        let fs = golden_tar(&format!("pebble/{case}/db.tar.gz"));
        let replayed = replay(&fs, Path::new(&current_manifest(&fs)));
        let feature = match &case[..] {
            "db-corrupt-manifest" => {
                let error = replayed.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Corrupt, "{error:?}");
                continue;
            }
            "db-range-keys" => Some("range keys"),
            "db-value-separation" => Some("values in blob files"),
            _ => None,
        };
        if let Some(feature) = feature {
            let error = replayed.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{case}");
            assert!(error.to_string().contains(feature), "{error}");
            continue;
        }
        let replayed = replayed.unwrap_or_else(|e| panic!("{case}: {e:?}"));
        assert_eq!(replayed.torn_at, None, "{case}");
        let text = String::from_utf8(golden(&format!("pebble/{case}/CASE.md"))).unwrap();
        let mut expected: Vec<_> = text.lines().filter(|l| l.contains(" virtual=")).collect();
        expected.sort_unstable();
        assert_eq!(describe(&replayed.version), expected, "{case}");
    }
}

#[test]
fn every_sync_directory_replays_and_its_files_have_the_recorded_lengths() {
    let mut virtual_tables = 0;
    for case in golden_cases("", "") {
        let tar = format!("{case}/pebble-dir.tar");
        if !crate::testing::golden_dir().join(&tar).exists() {
            continue;
        }
        let fs = golden_tar(&tar);
        let replayed = replay(&fs, Path::new(&current_manifest(&fs))).unwrap();
        for (number, len) in replayed.version.files() {
            let name = FileName::Table(number).to_string();
            assert_eq!(fs.read(&name).unwrap().len() as u64, len, "{case} {name}");
        }
        virtual_tables += replayed.version.backings().len();
    }
    assert!(virtual_tables > 0, "the golden files hold virtual tables");
}

#[test]
fn go_edits_are_written_back_to_the_byte() {
    let mut edits = 0;
    for case in databases() {
        let fs = golden_tar(&format!("pebble/{case}/db.tar.gz"));
        if case == "db-corrupt-manifest" {
            continue;
        }
        let file = fs.open(Path::new(&current_manifest(&fs))).unwrap();
        let mut reader = record::strict::Reader::new(file);
        while let Some((_, record)) = reader.next_record().unwrap() {
            let edit = VersionEdit::decode(record).unwrap();
            let mut written = Vec::new();
            match edit.encode(&mut written) {
                Ok(()) => assert_eq!(written, record, "{case}: {edit:?}"),
                Err(e) => assert_eq!(e.kind(), ErrorKind::Unsupported),
            }
            edits += 1;
        }
    }
    assert!(edits > 100, "{edits}");
}

#[test]
fn known_records_mean_what_they_mean() {
    let edit = VersionEdit::decode(&unhex("0214 0315 041a")).unwrap();
    assert_eq!(edit.min_unflushed_log, Some(FileNumber(20)));
    assert_eq!(edit.next_file, Some(FileNumber(21)));
    assert_eq!(edit.last_seq, Some(SeqNo(26)));

    let edit = VersionEdit::decode(&unhex(
        "6912d607 67001b8f02 0a03060119000000000000 0a03060119000000000000 0a1a 4212 01",
    ))
    .unwrap();
    assert_eq!(edit.added_backings, [(FileNumber(18), 982)]);
    let key = InternalKey::new([3, 6], Trailer::new(SeqNo(25), Kind::Set));
    let expected = TableMeta {
        number: FileNumber(27),
        size: 271,
        smallest: key.clone(),
        largest: key,
        smallest_seq: SeqNo(10),
        largest_seq: SeqNo(26),
        created_at: 0,
        needs_compaction: false,
        backing: Some(FileNumber(18)),
    };
    assert_eq!(edit.added_tables, [(Level::L0, expected)]);
}

#[test]
fn the_smallest_known_manifest_is_read_and_written() {
    let bytes = unhex(
        "a19d2759 4600 01 01 1a 6c6576656c64622e4279746577697365436f6d70617261746f72 03 04 04 00
         64 06 02 f4c203 0e 6b3030303030 0100000000000000 0e 6b3034393939 0100000000000000 00 00",
    );
    assert_eq!(bytes.len(), 77);
    let fs = MemFs::new();
    fs.install(PATH, &bytes[..]).unwrap();
    let version = replay(&fs, Path::new(PATH)).unwrap().version;
    assert_eq!(
        describe(&version),
        ["L6 000002 size=57716 seq=[0-0] 6b3030303030 .. 6b3034393939 virtual=false"]
    );
    Writer::create(&fs, Path::new(""), FileNumber(9), &version).unwrap();
    assert_eq!(fs.read("MANIFEST-000009").unwrap(), bytes);
}
