//! Real and large v3 files as NDJSON: every primary row comes back, in order, to the byte.

use std::io::{BufReader, BufWriter, Seek};

use c1z::MemoryBudget;
use c1z::ops::ndjson::{Form, Item, Reader, write_database};
use c1z::ops::{NoObserver, StoredRecord};
use shingle::db::ScanOptions;
use shingle::iter::Bounds;

use crate::fixture;

fn comes_back(path: &str) -> (u64, u64) {
    let store = c1z::open(fixture(path)).unwrap();
    let mut file = tempfile::tempfile().unwrap();
    let (database, budget) = (store.database().unwrap(), MemoryBudget::default());
    let out = BufWriter::with_capacity(1 << 20, &mut file);
    let written = write_database(database, &budget, out, &NoObserver).unwrap();
    let len = file.stream_position().unwrap();
    file.rewind().unwrap();

    let mut reader = Reader::new(BufReader::with_capacity(1 << 20, file)).unwrap();
    let mut scan = database.scan(Bounds::all(), ScanOptions::default());
    while let Some(item) = reader.next_item().unwrap() {
        let Item::Record(record) = item else { continue };
        assert_eq!(record.form, Form::Stored { key: None });
        let row = loop {
            let (key, value) = scan.next().unwrap().expect("a row for every record");
            if let Some(row) = StoredRecord::of_row(key, value) {
                break row;
            }
        };
        assert_eq!((record.kind, record.value), (row.kind, row.value));
    }
    assert_eq!(reader.counts(), written.counts);
    while let Some((key, value)) = scan.next().unwrap() {
        assert_eq!(
            StoredRecord::of_row(key, value),
            None,
            "a row without a record"
        );
    }
    (written.counts.grants, len)
}

#[test]
fn every_record_of_a_large_file_comes_back() {
    let (grants, bytes) = comes_back("large/v3-100k.c1z");
    println!("{grants} grants, {bytes} bytes of NDJSON");
    assert_eq!(grants, 100_000);
}
