//! Markers, format versions and file names.

use std::sync::Arc;

use super::marker::{Mark, Markers, set};
use super::*;
use crate::ErrorKind;
use crate::vfs::{FaultFs, FaultPlan};

fn find(names: &[&str]) -> Result<Markers> {
    Markers::find(names.iter().copied())
}

#[test]
fn the_highest_iteration_counts() {
    let markers = find(&[
        "marker.format-version.000011.024",
        "marker.format-version.000002.016",
        "marker.manifest.000009.MANIFEST-000010",
        "marker.manifest.000010.MANIFEST-1000009",
        "marker.something-else.000001.a.b.c",
        "000004.sst",
    ])
    .unwrap();
    assert_eq!(
        markers.format_version().unwrap(),
        Some(FormatVersion::NEWEST)
    );
    assert_eq!(markers.manifest().unwrap(), Some(FileNumber(1_000_009)));
    let none = find(&["CURRENT", "LOCK"]).unwrap();
    assert_eq!(
        (none.format_version().unwrap(), none.manifest().unwrap()),
        (None, None)
    );
}

#[test]
fn malformed_markers_are_corrupt() {
    for name in [
        "marker.",
        "marker.manifest",
        "marker.manifest.x.MANIFEST-000001",
        "marker.manifest.-1.MANIFEST-000001",
        "marker.manifest.99999999999999999999.MANIFEST-000001",
        "marker..1.x",
        "marker.unknown.one.x",
    ] {
        let error = find(&[name]).unwrap_err();
        assert_eq!(error.corruption().unwrap().found, name);
    }
    let twice = find(&[
        "marker.manifest.000001.MANIFEST-000001",
        "marker.manifest.1.MANIFEST-000002",
    ]);
    assert_eq!(twice.unwrap_err().kind(), ErrorKind::Corrupt);
    let markers = find(&["marker.manifest.000001.000001.sst"]).unwrap();
    assert_eq!(markers.manifest().unwrap_err().kind(), ErrorKind::Corrupt);
    let remote = find(&["marker.remote-obj-catalog.000001.REMOTE-OBJ-CATALOG-000001"]);
    assert_eq!(remote.unwrap_err().kind(), ErrorKind::Unsupported);
}

#[test]
fn every_format_version_is_read_or_refused() {
    for number in 0_u64..300 {
        let parsed = FormatVersion::parse(&format!("{number:03}"));
        if (13..=24).contains(&number) {
            let version = parsed.unwrap();
            assert_eq!(u64::from(version.number()), number);
            assert_eq!(version.marker_value(), format!("{number:03}"));
        } else {
            let error = parsed.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            let hint = if number < 13 { "older" } else { "newer" };
            assert!(error.to_string().contains(hint), "{error}");
        }
    }
    for value in ["", "x", "+24", "24 ", "0x18", "18446744073709551616"] {
        let error = FormatVersion::parse(value).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{value}");
    }
}

#[test]
fn file_names_round_trip() {
    let log = |number, segment| FileName::Log {
        number: FileNumber(number),
        segment,
    };
    for (name, expected) in [
        ("000007.sst", FileName::Table(FileNumber(7))),
        ("1234567.sst", FileName::Table(FileNumber(1_234_567))),
        ("000007.blob", FileName::Blob(FileNumber(7))),
        ("000007.log", log(7, 0)),
        ("000007-003.log", log(7, 3)),
        ("MANIFEST-000021", FileName::Manifest(FileNumber(21))),
        ("OPTIONS-000023", FileName::Options(FileNumber(23))),
        ("LOCK", FileName::Lock),
        (
            "CURRENT.000001.dbtmp",
            FileName::Temporary("CURRENT.000001.dbtmp".into()),
        ),
        ("marker.a.1.b", FileName::Marker("marker.a.1.b".into())),
        ("x.sst", FileName::Other("x.sst".into())),
        (".sst", FileName::Other(".sst".into())),
        ("+1.sst", FileName::Other("+1.sst".into())),
        ("MANIFEST-", FileName::Other("MANIFEST-".into())),
        ("CURRENT", FileName::Other("CURRENT".into())),
        (
            "99999999999999999999.sst",
            FileName::Other("99999999999999999999.sst".into()),
        ),
    ] {
        assert_eq!(FileName::parse(name), expected, "{name}");
        assert_eq!(expected.to_string(), name);
    }
    assert_eq!(
        FileName::parse("7.sst"),
        FileName::Table(FileNumber(7)),
        "padding is not needed"
    );
}

#[test]
fn a_marker_moves_atomically_whatever_fails() {
    let dir = Path::new("db");
    let before = Mark::Manifest(FileNumber(1));
    let after = Mark::Manifest(FileNumber(2));
    for fault in 0.. {
        let mem = MemFs::new();
        mem.install("db/x", *b"").unwrap();
        set(&mem, dir, &before).unwrap();
        let plan = FaultPlan::parse(&format!("fail any {fault}..")).unwrap();
        let fs = FaultFs::new(Arc::new(mem.clone()), plan);
        let result = set(&fs, dir, &after);
        for seed in 0..20 {
            let crashed = mem.crash_clone_partial(seed);
            let names = crashed.list(dir).unwrap();
            let markers = find(&names.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
            let found = markers.manifest().unwrap().unwrap();
            assert!(found.0 == 1 || found.0 == 2, "{names:?}");
            assert!(result.is_err() || found.0 == 2, "{names:?}");
        }
        if fs.faults() == 0 {
            assert!(fault >= 5, "list, create, sync, sync dir, remove");
            assert_eq!(
                mem.list(dir).unwrap(),
                ["marker.manifest.000002.MANIFEST-000002", "x"]
            );
            break;
        }
        assert_eq!(result.unwrap_err().kind(), ErrorKind::Io);
    }
}
