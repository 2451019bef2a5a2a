//! Tools see the same directory as the reference implementation describes.

use super::*;
use crate::db::ReadOptions;
use crate::testing::golden_tar;

#[test]
fn a_directory_is_described_part_by_part() {
    let fs = golden_tar("pebble/db-virtual/db.tar.gz");
    let dir = directory(&fs, Path::new("")).unwrap();
    assert_eq!(dir.format_version, Some(FormatVersion::NEWEST));
    assert_eq!(dir.manifest, Some(FileNumber(1)));
    assert_eq!(dir.files.len(), 9);
    assert!(dir.files.contains(&(FileName::Table(FileNumber(5)), 9564)));

    let manifest = manifest(&fs, Path::new("MANIFEST-000001")).unwrap();
    assert_eq!(manifest.torn_at, None);
    assert_eq!(manifest.edits[0].offset, 0);
    let backings = manifest.edits.iter().flat_map(|e| &e.edit.added_backings);
    assert_eq!(backings.collect::<Vec<_>>(), [&(FileNumber(5), 9564)]);

    let database = Database::open_sealed(Arc::new(fs), "", ReadOptions::default()).unwrap();
    let mut seen = Vec::new();
    tables(&database, |table| {
        seen.push((table.level.index(), table.meta.number.0, table.file_len));
        assert!(table.properties.entries > 0);
        Ok(())
    })
    .unwrap();
    assert_eq!(
        seen,
        [
            (0, 12, 769),
            (6, 7, 9564),
            (6, 6, 880),
            (6, 9, 9564),
            (6, 10, 9564)
        ]
    );
}

#[test]
fn a_log_is_described_operation_by_operation() {
    let fs = golden_tar("pebble/db-wal-only/db.tar.gz");
    let mut kinds = std::collections::BTreeMap::new();
    let mut last = (0, SeqNo(0));
    let torn = log(&fs, Path::new("000002.log"), FileNumber(2), |event| {
        *kinds.entry(event.kind as u8).or_insert(0) += 1;
        assert!(
            (event.offset, event.seq) >= last,
            "{event:?} after {last:?}"
        );
        last = (event.offset, event.seq);
        Ok(())
    })
    .unwrap();
    assert_eq!(torn, None);
    for kind in [
        Kind::Set,
        Kind::Delete,
        Kind::RangeDelete,
        Kind::Merge,
        Kind::LogData,
    ] {
        assert!(kinds.contains_key(&(kind as u8)), "{kind:?} in {kinds:?}");
    }
    let stopped = log(&fs, Path::new("000002.log"), FileNumber(2), |_| {
        Err(Error::invalid("enough"))
    });
    assert_eq!(stopped.unwrap_err().kind(), crate::ErrorKind::Invalid);
}
