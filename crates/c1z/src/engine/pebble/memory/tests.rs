//! What the store in memory promises at the seam.

use super::*;
use crate::keyspace::{Deriver, IndexSet, Key, ResourceIdentity};
use crate::record::{message, resource};
use c1z_proto::connector::v2;

const ROOM: u64 = 1 << 20;

fn batch(ops: &[(&str, Option<&str>)]) -> Batch {
    let mut batch = Batch::new();
    for (key, value) in ops {
        match value {
            Some(value) => batch.set(key.as_bytes(), value.as_bytes()).unwrap(),
            None => batch.delete(key.as_bytes()).unwrap(),
        }
    }
    batch
}

fn everything() -> KeyRange {
    KeyRange {
        lower: Vec::new(),
        upper: None,
    }
}

fn rows(kv: &dyn Kv) -> Vec<(String, String)> {
    let mut scan = kv.scan(&everything()).unwrap();
    let mut rows = Vec::new();
    while let Some((key, value)) = scan.next().unwrap() {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        rows.push((text(key), text(value)));
    }
    assert!(scan.next().unwrap().is_none(), "the end is an end");
    rows
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    let pair = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    expected.iter().map(pair).collect()
}

#[test]
fn a_snapshot_does_not_see_what_comes_after_it() {
    let kv = MemoryKv::new(ROOM);
    kv.write(batch(&[("a", Some("1")), ("b", Some("1"))]))
        .unwrap();
    let first = kv.snapshot();
    let mut running = first.scan(&everything()).unwrap();
    assert_eq!(running.next().unwrap().unwrap().0, b"a");
    kv.write(batch(&[("a", None), ("b", Some("2")), ("c", Some("2"))]))
        .unwrap();
    kv.write(batch(&[("b", None)])).unwrap();
    assert_eq!(rows(&*first), pairs(&[("a", "1"), ("b", "1")]));
    assert_eq!(first.get(b"b").unwrap().as_deref(), Some(&b"1"[..]));
    assert_eq!(rows(&*kv.snapshot()), pairs(&[("c", "2")]));
    drop(first);
    assert_eq!(running.next().unwrap().unwrap(), (&b"b"[..], &b"1"[..]));
}

#[test]
fn versions_go_when_nobody_reads_them() {
    let kv = MemoryKv::new(ROOM);
    let bytes = || read(&kv.0).bytes();
    kv.write(batch(&[("key", Some("value"))])).unwrap();
    let one = bytes();
    let old = kv.snapshot();
    for _ in 0..10 {
        kv.write(batch(&[("key", Some("value"))])).unwrap();
    }
    assert_eq!(
        bytes(),
        11 * one,
        "an old snapshot keeps what is newer, too"
    );
    drop(old);
    kv.write(batch(&[("key", Some("value"))])).unwrap();
    kv.write(batch(&[("key", Some("value"))])).unwrap();
    assert_eq!(bytes(), 2 * one);
    kv.write(batch(&[("key", None)])).unwrap();
    for _ in 0..2 {
        kv.write(batch(&[("other", None)])).unwrap();
    }
    assert_eq!(bytes(), 0, "a deleted key leaves nothing");
    assert_eq!(rows(&*kv.snapshot()), []);
}

#[test]
fn what_does_not_fit_is_refused_whole() {
    let kv = MemoryKv::new(10);
    kv.write(batch(&[("a", Some("1234"))])).unwrap();
    let error = kv.write(batch(&[("b", Some("1")), ("c", Some("12345"))]));
    assert_eq!(error.unwrap_err().kind(), ErrorKind::ResourceExhausted);
    assert_eq!(rows(&*kv.snapshot()), pairs(&[("a", "1234")]));
    kv.write(batch(&[("b", Some("1234"))])).unwrap();
}

#[test]
fn ranges_are_half_open_and_may_be_empty() {
    let kv = MemoryKv::new(ROOM);
    kv.write(batch(&[("a", Some("")), ("b", Some("")), ("c", Some(""))]))
        .unwrap();
    let keys = |lower: &str, upper: &str| {
        let range = KeyRange {
            lower: lower.as_bytes().to_vec(),
            upper: Some(upper.as_bytes().to_vec()),
        };
        let snapshot = kv.snapshot();
        let mut scan = snapshot.scan(&range).unwrap();
        let mut keys = Vec::new();
        while let Some((key, _)) = scan.next().unwrap() {
            keys.push(String::from_utf8_lossy(key).into_owned());
        }
        keys
    };
    assert_eq!(keys("a", "c"), ["a", "b"]);
    assert_eq!(keys("b", "b"), [""; 0]);
    assert_eq!(keys("c", "a"), [""; 0]);
}

fn child(id: &str, parent: &str) -> (Vec<u8>, Vec<u8>) {
    let name = |id: &str| v2::ResourceId {
        resource_type: "t".to_owned(),
        resource: id.to_owned(),
        ..Default::default()
    };
    let record = v2::Resource {
        id: Some(name(id)).into(),
        parent_resource_id: (!parent.is_empty()).then(|| name(parent)).into(),
        ..Default::default()
    };
    let key = Key::Resource(ResourceIdentity::new("t", id)).to_vec();
    (key, message::encode(&resource::to_record(&record, None)))
}

/// Index rows that follow from the primaries of a snapshot, and those that it has.
fn indexes(kv: &dyn Kv) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let (mut expected, mut found) = (Vec::new(), Vec::new());
    let mut deriver = Deriver::new(IndexSet::ALL);
    let mut scan = kv.scan(&everything()).unwrap();
    while let Some((key, value)) = scan.next().unwrap() {
        let mut emit = |row: &[u8]| {
            expected.push(row.to_vec());
            Ok(())
        };
        deriver.derive(key, value, &mut emit).unwrap();
        if Family::of(key) == Some(Family::ResourceByParent) {
            found.push(key.to_vec());
        }
    }
    expected.sort();
    (expected, found)
}

#[test]
fn index_rows_follow_their_primaries_over_batches_and_within_one() {
    let kv = MemoryKv::new(ROOM);
    let put = |rows: &[(&str, &str)]| {
        let mut batch = Batch::new();
        for (id, parent) in rows {
            let (key, value) = child(id, parent);
            batch.set(&key, &value).unwrap();
        }
        kv.write(batch).unwrap();
    };
    let check = |len: usize| {
        let (expected, found) = indexes(&*kv.snapshot());
        assert_eq!(expected, found);
        assert_eq!(found.len(), len);
    };
    put(&[("a", "p"), ("b", "p")]);
    check(2);
    let before = kv.snapshot();
    put(&[("a", "q")]);
    check(2);
    put(&[("b", "q"), ("b", ""), ("c", "p"), ("c", "q")]);
    check(2);
    let mut batch = Batch::new();
    let (key, value) = child("a", "r");
    batch.set(&key, &value).unwrap();
    batch.delete(&key).unwrap();
    kv.write(batch).unwrap();
    check(1);
    let (expected, found) = indexes(&*before);
    assert_eq!((expected, found.len()), (found, 2));
}

/// The index rows of what a range delete hides go with it, also of rows of the same batch; the indexes themselves are not
/// the engine's to write.
#[test]
fn range_deletes_take_index_rows_along_and_batches_touch_no_index() {
    let kv = MemoryKv::new(ROOM);
    let mut batch = Batch::new();
    for id in ["a", "b"] {
        let (key, value) = child(id, "p");
        batch.set(&key, &value).unwrap();
    }
    kv.write(batch).unwrap();
    let resources = Family::Resource.range();
    let mut batch = Batch::new();
    let (key, value) = child("c", "p");
    batch.set(&key, &value).unwrap();
    let upper = resources.upper.unwrap();
    batch.delete_range(&resources.lower, &upper).unwrap();
    batch.set(&child("d", "q").0, &child("d", "q").1).unwrap();
    kv.write(batch).unwrap();
    let (expected, found) = indexes(&*kv.snapshot());
    assert_eq!((expected, found.len()), (found, 1));
    let index = Family::ResourceByParent.range();
    let (mut set, mut delete, mut range) = (Batch::new(), Batch::new(), Batch::new());
    set.set(&index.lower, b"").unwrap();
    delete.delete(&index.lower).unwrap();
    range
        .delete_range(Family::SyncRun.header(), &index.upper.unwrap())
        .unwrap();
    let before = rows(&*kv.snapshot());
    for refused in [set, delete, range] {
        assert_eq!(kv.write(refused).unwrap_err().kind(), ErrorKind::Internal);
    }
    assert_eq!(rows(&*kv.snapshot()), before);
}

/// A row that no index row can be derived from fails its batch, and nothing of it is there.
#[test]
fn a_batch_with_a_bad_row_is_no_batch() {
    let kv = MemoryKv::new(ROOM);
    let (key, value) = child("a", "p");
    let mut batch = Batch::new();
    batch.set(&key, &value).unwrap();
    batch.set(&child("b", "p").0, b"\xff").unwrap();
    assert_eq!(kv.write(batch).unwrap_err().kind(), ErrorKind::DataLoss);
    assert_eq!(rows(&*kv.snapshot()), []);
}

struct Pass {
    keys: Vec<Vec<u8>>,
    fail: bool,
}

impl SealPass for Pass {
    fn row(
        &mut self,
        key: &[u8],
        _: &[u8],
        emit: &mut crate::engine::pebble::live_kv::Emit<'_>,
    ) -> Result<()> {
        self.keys.push(key.to_vec());
        emit(Family::DigestNode.header(), b"first")?;
        emit(Family::DigestNode.header(), b"last")
    }

    fn written(&mut self) -> Result<()> {
        Ok(())
    }

    fn finish(&mut self, _: &mut crate::engine::pebble::live_kv::Emit<'_>) -> Result<Batch> {
        if self.fail {
            return Err(Error::invalid("no"));
        }
        let mut batch = Batch::new();
        batch.set(Family::SyncRun.header(), b"run")?;
        Ok(batch)
    }
}

#[test]
fn a_seal_replaces_what_is_derived_all_at_once_or_not_at_all() {
    // Among the rows some of an index and of the digests that follow from nothing.
    let stale = [&b"\x03\x07\x01\x00stale"[..], b"\x03\x0astale"].map(|key| (key.to_vec(), vec![]));
    let first = [child("b", "p"), child("a", "")].into_iter().chain(stale);
    let kv = MemoryKv::holding(first, ROOM).unwrap();
    let before = rows(&*kv.snapshot());
    let mut pass = Pass {
        keys: Vec::new(),
        fail: true,
    };
    assert!(kv.seal(&mut pass).is_err());
    assert_eq!(rows(&*kv.snapshot()), before);
    let (mut pass, old) = (
        Pass {
            keys: Vec::new(),
            fail: false,
        },
        kv.snapshot(),
    );
    kv.seal(&mut pass).unwrap();
    assert_eq!(pass.keys, [child("a", "").0, child("b", "").0]);
    let (expected, found) = indexes(&*kv.snapshot());
    assert_eq!((expected, found.len()), (found, 1));
    let digests = kv.snapshot().get(Family::DigestNode.header()).unwrap();
    assert_eq!(digests.as_deref(), Some(&b"last"[..]));
    assert!(kv.snapshot().get(b"\x03\x0astale").unwrap().is_none());
    assert!(
        kv.snapshot()
            .get(Family::SyncRun.header())
            .unwrap()
            .is_some()
    );
    assert_eq!(rows(&*old), before);
}
