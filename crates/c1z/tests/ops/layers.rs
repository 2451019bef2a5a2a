//! v3 files whose databases have tables over each other: a table with random writes laid over those of another file, whose
//! frames stay as they are.

use std::path::Path;
use std::sync::Arc;

use c1z::envelope::{
    EntryContent, EnvelopeFile, Existing, NewEntry, OpenOptions, V3File, WriteOptions, publish,
    write_v3,
};
use c1z::ops::StoredRecord;
use shingle::db::{Database, ReadOptions};
use shingle::key::{Kind, RangeTombstone, SeqNo, Trailer};
use shingle::manifest::marker::{self, Mark};
use shingle::manifest::{
    FileName, FileNumber, FormatVersion, Level, TableMeta, VersionEdit, Writer,
};
use shingle::sst::{TableWriter, WriterOptions};
use shingle::version::Version;
use shingle::vfs::{Fs, MemFs};
use testkit::chance::{Chance, SeededEntropy};

use super::diff_files::other_value;
use super::support::Rows;

const DIR: &str = "layers";

/// Writes the file `to`: that at `from` with a newer table over all of it or a part, of writes to records among `rows`.
pub(crate) fn overlay(
    fs: &Arc<dyn Fs>,
    [from, to]: [&str; 2],
    rows: &Rows,
    is_over_all: bool,
    chance: &mut Chance,
) {
    let file = match EnvelopeFile::open(&**fs, Path::new(from), &OpenOptions::default()).unwrap() {
        EnvelopeFile::V3(file) => file,
        EnvelopeFile::V1(_) => panic!("a v1 file"),
    };
    let database =
        Database::open_sealed(file.payload().unwrap(), "", ReadOptions::default()).unwrap();
    let number = FileNumber(1_000 + database.version().next_file().0);
    let seq = database.version().last_seq().0.max(SeqNo::FIRST.0) + 1;
    let mem = MemFs::new();
    mem.create_dir_all(Path::new(DIR)).unwrap();
    let mut records: Vec<_> = rows
        .iter()
        .filter_map(|(key, value)| StoredRecord::of_row(key, value))
        .collect();
    if !is_over_all {
        let first = chance.below(records.len() - 2);
        let count = 2 + chance.below(records.len() - first - 2);
        records = records.split_off(first);
        records.truncate(count);
    }
    let table = write_table(&mem, &records, number, seq, chance);
    write_manifest(&mem, &database, table, number);
    pack(fs, &file, &mem, to);
}

fn write_table(
    mem: &MemFs,
    records: &[StoredRecord<'_>],
    number: FileNumber,
    first_seq: u64,
    chance: &mut Chance,
) -> TableMeta {
    let path = Path::new(DIR).join(FileName::Table(number).to_string());
    let options = WriterOptions {
        sync: false,
        ..WriterOptions::default()
    };
    let mut table = TableWriter::new(mem.create_new(&path).unwrap(), &path, options).unwrap();
    let mut seq = first_seq;
    if chance.percent(60) {
        let at = chance.below(records.len() - 1);
        let to = (at + 1 + chance.below(4)).min(records.len() - 1);
        let range = RangeTombstone {
            start: records[at].key.to_vec(),
            end: records[to].key.to_vec(),
            seq: SeqNo(seq),
        };
        seq += 1;
        table.add_range_tombstone(&range).unwrap();
    }
    let mut writes = 0;
    let permille = [4, 40, 300][chance.below(3)];
    for (at, record) in records.iter().enumerate() {
        let is_end = at == 0 || at + 1 == records.len();
        if !is_end && chance.below(1_000) >= permille {
            continue;
        }
        writes += 1;
        let value = other_value(chance, record);
        let (kind, value) = match chance.below(3) {
            0 => (Kind::Delete, &[][..]),
            _ => (Kind::Set, &value[..]),
        };
        table
            .add(record.key, Trailer::new(SeqNo(seq), kind), value)
            .unwrap();
        seq += 1;
    }
    assert!(writes > 0);
    let summary = table.finish().unwrap();
    let (smallest, largest) = summary.bounds.clone().unwrap();
    TableMeta {
        number,
        size: summary.file_len,
        smallest,
        largest,
        smallest_seq: SeqNo(first_seq),
        largest_seq: SeqNo(seq - 1),
        created_at: 0,
        needs_compaction: false,
        backing: None,
    }
}

/// MANIFEST, OPTIONS and markers of a database with one table more.
fn write_manifest(mem: &MemFs, database: &Database, table: TableMeta, number: FileNumber) {
    let dir = Path::new(DIR);
    let (options, manifest) = (FileNumber(number.0 + 1), FileNumber(number.0 + 2));
    let text = shingle::options_file::render(FormatVersion::NEWEST);
    let path = dir.join(FileName::Options(options).to_string());
    mem.create_new(&path)
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    let (next_file, last_seq) = (FileNumber(number.0 + 3), table.largest_seq);
    let empty = Version::new(
        FileNumber(0),
        next_file,
        last_seq,
        std::collections::BTreeMap::new(),
    );
    let mut writer = Writer::create(mem, dir, manifest, &empty).unwrap();
    let mut edit = VersionEdit::default();
    (edit.next_file, edit.last_seq) = (Some(next_file), Some(last_seq));
    let held = database.version().tables();
    edit.added_tables = held
        .map(|(level, table)| (level, TableMeta::clone(table)))
        .collect();
    edit.added_tables.push((Level::L0, table));
    writer.append(&edit).unwrap();
    marker::set(mem, dir, &Mark::FormatVersion(FormatVersion::NEWEST)).unwrap();
    marker::set(mem, dir, &Mark::Manifest(manifest)).unwrap();
}

/// The tables of `file` as they are, and the new files.
fn pack(fs: &Arc<dyn Fs>, file: &V3File, mem: &MemFs, to: &str) {
    let tables = file.splices().into_iter();
    let mut entries: Vec<_> = tables
        .filter(|(name, _)| matches!(FileName::parse(name), FileName::Table(_)))
        .map(|(name, splice)| NewEntry {
            name,
            content: EntryContent::Splice(splice),
        })
        .collect();
    for name in mem.list(Path::new(DIR)).unwrap() {
        let new = mem.open(&Path::new(DIR).join(&name)).unwrap();
        entries.push(NewEntry {
            name,
            content: EntryContent::File(new),
        });
    }
    let entropy = SeededEntropy::seeded(5);
    let options = WriteOptions::default();
    publish(&**fs, &entropy, Path::new(to), Existing::Keep, |out| {
        write_v3(out, file.manifest(), entries, &options)
    })
    .unwrap();
}
