//! What only a look at the pages shows.

use std::path::Path;
use std::sync::Arc;

use shingle::vfs::{Fs, MemFile, MemFs};

use super::super::database::Database;
use super::super::fuzz;
use super::key::{KeyDecoder, columns, push_rowid, push_value};
use super::*;

/// Writes 12 rows with overflow pages; the page with the byte `lock_byte` is not to be used.
fn with_lock_byte(lock_byte: u64) -> Vec<u8> {
    let (fs, path) = (MemFs::new(), Path::new("body"));
    let sink = PageSink::with_lock_byte(fs.create(path).unwrap(), lock_byte);
    let statements = [
        "create table t (id integer primary key, a text, b blob)",
        "create index i on t (a)",
    ];
    let mut writer = Writer::with_sink(sink, &statements, WriteOptions::default()).unwrap();
    let mut table = writer.table("t").unwrap();
    for rowid in 0..12_i64 {
        let text = format!("{rowid:02}{}", "k".repeat(1_500));
        let blob = vec![rowid.to_be_bytes()[7]; 9_000];
        let values = [Value::Null, Value::text(&text), Value::blob(&blob)];
        table.push(rowid, &values).unwrap();
    }
    table.finish().unwrap();
    let written = writer.finish().unwrap();
    let body = fs.read(path).unwrap();
    let bytes = [&written.first_page, body.as_slice()].concat();
    assert_eq!(bytes.len() as u64, written.len_bytes());
    bytes
}

#[test]
fn the_locked_page_is_skipped_wherever_it_is() {
    let pages = with_lock_byte(1 << 30).len() / PAGE_SIZE;
    for lock_page in 1..pages {
        let bytes = with_lock_byte((lock_page * PAGE_SIZE) as u64 + 17);
        let (seen, result) = fuzz::read(&bytes);
        result.unwrap();
        assert_eq!(
            (seen.rows, seen.entries),
            (24, 24),
            "page {}",
            lock_page + 1
        );
        let page = &bytes[lock_page * PAGE_SIZE..][..PAGE_SIZE];
        assert!(page.iter().all(|byte| *byte == 0), "page {}", lock_page + 1);
        assert_eq!(bytes.len() / PAGE_SIZE, pages + 1);
        let header = FileHeader::decode(&bytes).unwrap();
        assert_eq!(header.page_count, u32::try_from(pages + 1).ok());
    }
}

#[test]
fn the_header_is_that_of_a_rollback_journal() {
    let bytes = with_lock_byte(1 << 30);
    assert_eq!(bytes[18..20], [1, 1]);
    let database = Database::open(Arc::new(MemFile::new(bytes))).unwrap();
    let header = database.header().unwrap();
    assert_eq!((header.freelist_head, header.freelist_count), (0, 0));
    assert_eq!(header.schema_cookie, 2);
}

#[test]
fn keys_sort_as_their_values_do() {
    let texts = [
        "", "\0", "\0\0", "\0\u{1}", "a", "a\0", "a\0\u{1}", "a\u{1}", "b", "é",
    ];
    let mut values = vec![Value::Null];
    values.extend([i64::MIN, -256, -1, 0, 1, 255, i64::MAX].map(Value::Integer));
    values.extend(texts.map(Value::text));
    values.extend(texts.map(|text| Value::blob(text.as_bytes())));
    let mut keys = Vec::new();
    for first in &values {
        for second in &values {
            for rowid in [i64::MIN, -1, 0, i64::MAX] {
                let mut key = Vec::new();
                push_value(first, &mut key).unwrap();
                push_value(second, &mut key).unwrap();
                push_rowid(rowid, &mut key);
                keys.push((key, first, second, rowid));
            }
        }
    }
    let mut decoder = KeyDecoder::default();
    for pair in keys.windows(2) {
        let [(low, ..), (high, first, second, rowid)] = pair else {
            panic!("windows of two");
        };
        assert!(low < high, "{low:02x?} {high:02x?}");
        let (mut found, mut want) = (Vec::new(), Vec::new());
        decoder.decode(high, &mut found).unwrap();
        let values = [
            first.as_borrowed(),
            second.as_borrowed(),
            Value::Integer(*rowid),
        ];
        record::encode(&values, &mut want);
        assert_eq!(found, want);
        assert_eq!(decoder.has_null(), first.is_null() || second.is_null());
        assert_eq!(columns(high).len(), high.len() - 8);
    }
}

#[test]
fn keys_that_are_cut_are_not_decoded() {
    let mut key = Vec::new();
    push_value(&Value::Integer(5), &mut key).unwrap();
    push_value(&Value::text("text"), &mut key).unwrap();
    push_rowid(1, &mut key);
    let mut decoder = KeyDecoder::default();
    let mut record = Vec::new();
    decoder.decode(&key, &mut record).unwrap();
    let passed = (0..key.len()).filter(|len| decoder.decode(&key[..*len], &mut record).is_ok());
    // What is left after a whole column may look like a rowid.
    assert!(passed.count() <= 2);
    assert!(push_value(&Value::Real(1.0), &mut key).is_err());
}
