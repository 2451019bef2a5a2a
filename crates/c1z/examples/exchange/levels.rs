//! Databases with versions, point tombstones and range tombstones, in one table or on all levels: what
//! the table writer and the MANIFEST writer can do beyond what the bulk builder needs.

use std::collections::BTreeMap;
use std::path::Path;

use shingle::key::{Kind, RangeTombstone, SeqNo, Trailer};
use shingle::manifest::marker::{self, Mark};
use shingle::manifest::{
    FileName, FileNumber, FormatVersion, Level, TableMeta, VersionEdit, Writer,
};
use shingle::sst::{Compression, TableWriter, WriterOptions};
use shingle::version::Version;
use shingle::vfs::{Fs, OsFs};
use testkit::chance::Chance;
use testkit::rebuild::Rows;

use crate::Outcome;
use crate::databases::{key_binary, key_grant, key_short, value_mixed};

const MANIFEST: FileNumber = FileNumber(1);

/// A database under construction and the rows that it must serve.
struct Maker {
    chance: Chance,
    dir: std::path::PathBuf,
    keys: Vec<Vec<u8>>,
    live: Rows,
    next_seq: u64,
    next_file: u64,
    tables: Vec<(Level, TableMeta)>,
}

/// One write.
enum Write {
    Set(Vec<u8>),
    Delete,
}

/// Makes the database of `seed`: tables on all levels, several on L0, or a single table.
pub(crate) fn build(several: bool, seed: u64, dir: &Path) -> Outcome<(Rows, usize)> {
    let mut chance = Chance::seeded(seed ^ 0x001e_7e15);
    let style = match chance.below(3) {
        0 => key_grant,
        1 => key_short,
        _ => key_binary,
    };
    let mut keys: Vec<_> = (0..600).map(|_| style(&mut chance)).collect();
    keys.sort();
    keys.dedup();
    let mut maker = Maker {
        chance,
        dir: dir.join("db"),
        keys,
        live: Rows::new(),
        next_seq: SeqNo::FIRST.0,
        next_file: 2,
        tables: Vec::new(),
    };
    OsFs.create_dir_all(&maker.dir)?;
    if several {
        // Oldest first: what is written later hides what lies below.
        for level in [6, 5, 4, 3, 2, 1, 0, 0, 0] {
            maker.level(Level::new(level).ok_or("a level")?)?;
        }
    } else {
        let last = maker.keys.len();
        maker.table(Level::L6, 0, last)?;
    }
    let tables = maker.tables.len();
    maker.finish()?;
    Ok((maker.live, tables))
}

impl Maker {
    /// Tables of one level: beside each other, on L0 over all keys.
    fn level(&mut self, level: Level) -> Outcome<()> {
        let parts = if level == Level::L0 {
            1
        } else {
            1 + self.chance.below(3)
        };
        let len = self.keys.len();
        for part in 0..parts {
            self.table(level, len * part / parts, len * (part + 1) / parts)?;
        }
        Ok(())
    }

    /// A table with writes to some of the keys from `first` to before `end`.
    fn table(&mut self, level: Level, first: usize, end: usize) -> Outcome<()> {
        let mut writes: BTreeMap<usize, Vec<(u64, Write)>> = BTreeMap::new();
        let mut ranges = Vec::new();
        let smallest_seq = self.next_seq;
        let mut free = first;
        for at in first..end {
            if self.chance.percent(35) {
                self.write(at, &mut writes);
            }
            if at >= free && at + 1 < end && self.chance.percent(3) {
                let to = (at + 1 + self.chance.below(20)).min(end - 1);
                ranges.push(self.delete_range(at, to));
                free = to;
            }
        }
        if writes.is_empty() && ranges.is_empty() {
            self.write(first, &mut writes);
        }
        let number = FileNumber(self.next_file);
        self.next_file += 1;
        let path = self.dir.join(FileName::Table(number).to_string());
        let options = self.options(level);
        let mut table = TableWriter::new(OsFs.create_new(&path)?, &path, options)?;
        for range in &ranges {
            table.add_range_tombstone(range)?;
        }
        for (at, versions) in &writes {
            // The newest version comes first.
            for (seq, write) in versions.iter().rev() {
                let (kind, value) = match write {
                    Write::Set(value) => (Kind::Set, value.as_slice()),
                    Write::Delete => (Kind::Delete, &[][..]),
                };
                table.add(&self.key(*at), Trailer::new(SeqNo(*seq), kind), value)?;
            }
        }
        let summary = table.finish()?;
        let (smallest, largest) = summary.bounds.clone().ok_or("a table without rows")?;
        let meta = TableMeta {
            number,
            size: summary.file_len,
            smallest,
            largest,
            smallest_seq: SeqNo(smallest_seq),
            largest_seq: SeqNo(self.next_seq - 1),
            created_at: 0,
            needs_compaction: false,
            backing: None,
        };
        self.tables.push((level, meta));
        Ok(())
    }

    /// The key at a place in the list of them.
    fn key(&self, at: usize) -> Vec<u8> {
        self.keys.get(at).cloned().unwrap_or_default()
    }

    /// One to three versions of a key.
    fn write(&mut self, at: usize, writes: &mut BTreeMap<usize, Vec<(u64, Write)>>) {
        for _ in 0..=self.chance.below(6) / 4 {
            let seq = self.next_seq;
            self.next_seq += 1;
            let key = self.key(at);
            let write = if self.chance.percent(25) {
                self.live.remove(&key);
                Write::Delete
            } else {
                let value = value_mixed(&mut self.chance);
                self.live.insert(key, value.clone());
                Write::Set(value)
            };
            writes.entry(at).or_default().push((seq, write));
        }
    }

    fn delete_range(&mut self, at: usize, to: usize) -> RangeTombstone {
        let seq = SeqNo(self.next_seq);
        self.next_seq += 1;
        let (start, end) = (self.key(at), self.key(to));
        let gone: Vec<_> = self
            .live
            .range(start.clone()..end.clone())
            .map(|(key, _)| key.clone())
            .collect();
        for key in gone {
            self.live.remove(&key);
        }
        RangeTombstone { start, end, seq }
    }

    fn options(&mut self, level: Level) -> WriterOptions {
        WriterOptions {
            block_len: 64 << self.chance.below(8),
            index_block_len: 64 << self.chance.below(8),
            compression: if self.chance.percent(20) {
                Compression::None
            } else {
                Compression::Snappy
            },
            filter_bits_per_key: self.chance.percent(30).then_some(10),
            last_level: level == Level::L6,
            sync: false,
            ..WriterOptions::default()
        }
    }

    /// OPTIONS, MANIFEST and markers.
    fn finish(&mut self) -> Outcome<()> {
        let (fs, dir) = (&OsFs, self.dir.as_path());
        let options = FileName::Options(FileNumber(self.next_file)).to_string();
        let text = shingle::options_file::render(FormatVersion::NEWEST);
        fs.create_new(&dir.join(options))?
            .write_all(text.as_bytes())?;
        let next_file = FileNumber(self.next_file + 1);
        let last_seq = SeqNo(self.next_seq - 1);
        let empty = Version::new(FileNumber(0), next_file, last_seq, BTreeMap::new());
        let mut manifest = Writer::create(fs, dir, MANIFEST, &empty)?;
        let mut edit = VersionEdit::default();
        (edit.next_file, edit.last_seq) = (Some(next_file), Some(last_seq));
        edit.added_tables.clone_from(&self.tables);
        manifest.append(&edit)?;
        marker::set(fs, dir, &Mark::FormatVersion(FormatVersion::NEWEST))?;
        marker::set(fs, dir, &Mark::Manifest(MANIFEST))?;
        Ok(())
    }
}
