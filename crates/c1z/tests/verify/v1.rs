//! v1 files: the stream has a checksum, the database in it has none.

use std::collections::BTreeSet;
use std::path::Path;

use c1z::engine::{GrantFilter, Scope};
use c1z::envelope::{EnvelopeFile, OpenOptions, write_v1};
use c1z::ops::verify::{Class, Report, Severity};
use shingle::vfs::ReadFile;
use testkit::golden::Case;

use crate::support::*;

pub(crate) fn golden(case: &str) -> Vec<u8> {
    std::fs::read(Case::named(case).path("v1.c1z")).unwrap()
}

/// The database in a v1 file.
pub(crate) fn unwrap_v1(bytes: &[u8]) -> Vec<u8> {
    let fs = holding(bytes);
    let opened = EnvelopeFile::open(&*fs, Path::new("in.c1z"), &OpenOptions::default()).unwrap();
    let EnvelopeFile::V1(file) = opened else {
        panic!("a v3 file");
    };
    let mut database = Vec::new();
    file.decode_into(&mut database).unwrap();
    database
}

#[derive(Debug)]
pub(crate) struct Bytes(pub(crate) Vec<u8>);

impl ReadFile for Bytes {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> std::io::Result<usize> {
        let rest = &self.0[usize::try_from(offset).unwrap().min(self.0.len())..];
        let n = rest.len().min(buf.len());
        buf[..n].copy_from_slice(&rest[..n]);
        Ok(n)
    }

    fn len(&self) -> u64 {
        self.0.len() as u64
    }
}

pub(crate) fn wrap_v1(database: Vec<u8>) -> Vec<u8> {
    let mut out = Vec::new();
    write_v1(&Bytes(database), 1, &mut out).unwrap();
    out
}

fn is_found(report: &Report) -> bool {
    report.count(Severity::Damage) + report.count(Severity::Inconsistency) > 0
}

#[test]
fn a_flipped_bit_or_a_cut_of_the_stream_is_found() {
    let bytes = golden("basic");
    let whole = unwrap_v1(&bytes);
    let (mut tried, mut found) = (0, 0);
    for at in (0..bytes.len()).step_by(37) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        // The magic of another format, or of none, is an error.
        let is_damage = check(&damaged).map_or(true, |report| is_found(&report));
        (tried, found) = (tried + 1, found + u32::from(is_damage));
        if !is_damage {
            // A bit that decoders ignore.
            assert!(unwrap_v1(&damaged) == whole, "byte {at}");
        }
    }
    assert!(tried - found <= 1, "{found} of {tried}");
    for len in (6..bytes.len()).step_by(211) {
        assert!(is_found(&check(&bytes[..len]).unwrap()), "cut to {len}");
    }
    println!("v1 stream: {found} of {tried} flipped bits found");
}

#[test]
fn a_flipped_bit_of_the_database_is_found_where_something_says_otherwise() {
    let database = unwrap_v1(&golden("basic"));
    let step = 499;
    let (mut tried, mut found) = (0, 0);
    for at in (0..database.len()).step_by(step) {
        let mut damaged = database.clone();
        damaged[at] ^= 1 << (at / step % 8);
        tried += 1;
        found += u32::from(check(&wrap_v1(damaged)).map_or(true, |report| is_found(&report)));
    }
    println!("v1 database without its stream's checksum: {found} of {tried} flipped bits found");
    assert!(found > 0);
}

/// Replaces the first `from` behind byte `start` by `to`, of the same length.
pub(crate) fn replace(database: &mut [u8], from: &str, to: &str, start: usize) -> usize {
    assert_eq!(from.len(), to.len());
    let tail = &database[start..];
    let at = tail
        .windows(from.len())
        .position(|bytes| bytes == from.as_bytes());
    let at = start + at.unwrap_or_else(|| panic!("no `{from}` from {start} on"));
    database[at..at + to.len()].copy_from_slice(to.as_bytes());
    at
}

#[test]
fn columns_indexes_and_messages_are_compared() {
    let bytes = golden("basic");
    let whole = unwrap_v1(&bytes);
    assert_eq!(faults(&check(&wrap_v1(whole.clone())).unwrap()), []);
    // An id stands in a column, in the message of its row, and in the entries of indexes. Whichever of
    // them is changed disagrees with the others.
    let grants = reader(&bytes)
        .reader()
        .stream_grants(&Scope::Default, &GrantFilter::default());
    let id = grants.unwrap().next().unwrap().unwrap().grant.id;
    let mut other = id.clone();
    other.replace_range(id.len() - 1.., "~");
    let (mut start, mut planted, mut unseen) = (0, 0, 0);
    let mut found = BTreeSet::new();
    while whole[start..]
        .windows(id.len())
        .any(|bytes| bytes == id.as_bytes())
    {
        let mut damaged = whole.clone();
        let at = replace(&mut damaged, &id, &other, start);
        start = at + id.len();
        planted += 1;
        let report = check(&wrap_v1(damaged)).unwrap();
        let classes: Vec<_> = report.groups().map(|group| group.class).collect();
        let expected = [
            Class::RecordKey,
            Class::IndexMissing,
            Class::IndexOrphan,
            Class::Sqlite,
        ];
        found.extend(
            classes
                .iter()
                .filter(|class| expected.contains(class))
                .copied(),
        );
        let is_found = classes.iter().any(|class| expected.contains(class));
        unseen += u32::from(!is_found);
    }
    // The message and the column of the row, and the entries of the unique index; the id also stands in
    // bytes that belong to no cell any more.
    println!("{planted} copies of an id changed, {unseen} of them in free space: {found:?}");
    for class in [Class::RecordKey, Class::IndexMissing, Class::IndexOrphan] {
        assert!(found.contains(&class), "{found:?}");
    }
    assert!(planted - unseen >= 3, "{planted} {unseen}");
}

#[test]
fn rows_of_a_sync_that_is_not_there_are_counted() {
    let bytes = golden("basic");
    let whole = unwrap_v1(&bytes);
    let run = reader(&bytes)
        .reader()
        .latest_finished_sync(None)
        .unwrap()
        .unwrap();
    let id = run.id.as_str();
    let mut other = id.to_owned();
    other.replace_range(id.len() - 1.., "~");
    let (mut start, mut strangers) = (0, 0);
    while whole[start..]
        .windows(id.len())
        .any(|bytes| bytes == id.as_bytes())
    {
        let mut damaged = whole.clone();
        start = replace(&mut damaged, id, &other, start) + id.len();
        let report = check(&wrap_v1(damaged)).unwrap();
        strangers += report
            .group(Class::Stranger, "grant")
            .map_or(0, |group| group.count);
    }
    let grants = report_of_grants(&bytes);
    // Each grant once alone, and all of them when the run itself is renamed.
    assert_eq!(strangers, 2 * grants);
}

fn report_of_grants(bytes: &[u8]) -> u64 {
    let store = reader(bytes);
    let rows = store
        .reader()
        .stream_grants(&Scope::Default, &GrantFilter::default());
    rows.unwrap().count() as u64
}

fn reader(bytes: &[u8]) -> c1z::Store {
    let options = c1z::OpenOptions {
        fs: holding(bytes),
        ..c1z::OpenOptions::default()
    };
    c1z::open_with("in.c1z", &options).unwrap()
}
