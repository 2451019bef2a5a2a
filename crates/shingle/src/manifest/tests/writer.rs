//! What a writer wrote is read back, whatever fails or crashes on the way.

use std::sync::Arc;

use proptest::prelude::*;

use super::marker::{Mark, set};
use super::*;
use crate::ErrorKind;
use crate::version::Version;
use crate::vfs::{FaultFs, FaultPlan};

fn version_of(edit: &VersionEdit) -> Version {
    let mut replay = Replay::new();
    replay.apply(edit.clone(), 0).unwrap();
    replay.finish().unwrap()
}

#[test]
fn a_snapshot_and_edits_are_read_back() {
    let fs = MemFs::new();
    let part = TableMeta {
        backing: Some(FileNumber(9)),
        created_at: 1_700_000_000,
        needs_compaction: true,
        ..table(3, "a", "c")
    };
    let first = VersionEdit {
        min_unflushed_log: Some(FileNumber(12)),
        added_backings: vec![(FileNumber(9), 7777)],
        ..adding(6, [part, table(4, "d", "e")])
    };
    let version = version_of(&first);
    let mut writer = Writer::create(&fs, Path::new(""), FileNumber(1), &version).unwrap();
    let second = VersionEdit {
        removed_tables: vec![(Level::L6, FileNumber(4))],
        ..adding(0, [table(5, "d", "e")])
    };
    writer.append(&second).unwrap();
    writer.sync().unwrap();
    assert_eq!(writer.len(), fs.read(PATH).unwrap().len() as u64);
    let replayed = replay(&fs, Path::new(PATH)).unwrap();
    assert_eq!((replayed.edits, replayed.torn_at), (2, None));
    let mut expected = Replay::from_version(&version);
    expected.apply(second, 0).unwrap();
    assert_eq!(replayed.version, expected.finish().unwrap());
}

#[test]
fn a_crash_at_any_point_leaves_an_earlier_state_or_the_last() {
    let edits: Vec<_> = (0..5)
        .map(|n| adding(0, [table(n + 10, "a", "b")]))
        .collect();
    let run = |fs: &dyn Fs| -> Result<()> {
        let version = version_of(&counters());
        let mut writer = Writer::create(fs, Path::new("db"), FileNumber(1), &version)?;
        set(fs, Path::new("db"), &Mark::Manifest(FileNumber(1)))?;
        for edit in &edits {
            writer.append(edit)?;
            writer.sync()?;
        }
        Ok(())
    };
    let mut reached = std::collections::BTreeSet::new();
    for fault in 0.. {
        let mem = MemFs::new();
        mem.install("db/x", *b"").unwrap();
        let plan = FaultPlan::parse(&format!("fail any {fault}..")).unwrap();
        let fs = FaultFs::new(Arc::new(mem.clone()), plan);
        let result = run(&fs);
        for seed in 0..10 {
            let crashed = mem.crash_clone_partial(seed);
            let names = crashed.list(Path::new("db")).unwrap();
            if !names.iter().any(|n| n.starts_with("marker.manifest")) {
                continue;
            }
            let version = replay(&crashed, &Path::new("db").join(PATH))
                .unwrap()
                .version;
            reached.insert(version.level(Level::L0).len());
        }
        if fs.faults() == 0 {
            result.unwrap();
            break;
        }
        assert_eq!(result.unwrap_err().kind(), ErrorKind::Io);
    }
    assert_eq!(reached.into_iter().collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5]);
}

fn any_key() -> impl Strategy<Value = InternalKey> {
    let kinds = prop::sample::select(&[0_u64, 1, 15, 18][..]);
    (
        prop::collection::vec(any::<u8>(), 0..40),
        0..=SeqNo::MAX.0,
        kinds,
    )
        .prop_map(|(user, seq, kind)| InternalKey::new(user, Trailer(seq << 8 | kind)))
}

prop_compose! {
    fn any_table()(
        number: u64,
        size: u64,
        (a, b) in (any_key(), any_key()),
        (s, t) in (0..=SeqNo::MAX.0, 0..=SeqNo::MAX.0),
        created_at: u64,
        needs_compaction: bool,
        backing: Option<u64>,
    ) -> TableMeta {
        TableMeta {
            number: FileNumber(number),
            size,
            smallest: a.clone().min(b.clone()),
            largest: a.max(b),
            smallest_seq: SeqNo(s.min(t)),
            largest_seq: SeqNo(s.max(t)),
            created_at,
            needs_compaction,
            backing: backing.map(FileNumber),
        }
    }
}

prop_compose! {
    fn any_edit()(
        comparer: Option<Vec<u8>>,
        counters: (Option<u64>, Option<u64>, Option<u64>),
        backings: Vec<(u64, u64)>,
        removed_backings: Vec<u64>,
        removed in prop::collection::vec((0_usize..7, any::<u64>()), 0..5),
        added in prop::collection::vec((0_usize..7, any_table()), 0..5),
    ) -> VersionEdit {
        VersionEdit {
            comparer,
            min_unflushed_log: counters.0.map(FileNumber),
            next_file: counters.1.map(FileNumber),
            last_seq: counters.2.map(SeqNo),
            removed_backings: removed_backings.into_iter().map(FileNumber).collect(),
            added_backings: backings.into_iter().map(|(n, len)| (FileNumber(n), len)).collect(),
            removed_tables: removed.into_iter().map(|(l, n)| (level(l), FileNumber(n))).collect(),
            added_tables: added.into_iter().map(|(l, table)| (level(l), table)).collect(),
            ..VersionEdit::default()
        }
    }
}

proptest! {
    #[test]
    fn any_edit_round_trips(edit in any_edit()) {
        let mut record = Vec::new();
        edit.encode(&mut record).unwrap();
        prop_assert_eq!(VersionEdit::decode(&record).unwrap(), edit);
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes: Vec<u8>, names: String) {
        fuzz::edit(&bytes);
        fuzz::file(&bytes);
        fuzz::markers(&names);
        let file = file_of(&[bytes]).read(PATH).unwrap();
        fuzz::file(&file);
    }
}
