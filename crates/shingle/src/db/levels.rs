//! The promises that levels make to each other (`pebble-ondisk` §7, end).
//!
//! A point read by level order must find the same as one by sequence number. So: within a source
//! internal keys ascend strictly; of one user key a newer level holds the newer versions; a range
//! tombstone is newer than every point and tombstone under it in older levels, and not newer than
//! those over it in newer levels. Each table keeps what its entry in the MANIFEST says: bounds and
//! sequence numbers.

use std::cmp::Ordering;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{State, TableOpener};
use crate::iter::{Bounds, Fragments, MemSource, Merge, RunCursor, Source, judge};
use crate::key::{RangeTombstone, SeqNo, Trailer, compare};
use crate::manifest::{FileName, Level, TableMeta};
use crate::memory::MemTable;
use crate::sst::CacheMode;
use crate::version::Run;
use crate::{Error, Result};

const STRUCTURE: &str = "levels";

/// What a check of the levels went through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LevelsReport {
    /// Tables read, virtual ones counted each.
    pub tables: u64,
    /// Point entries, versions and tombstones included.
    pub points: u64,
    /// Range tombstones, cut at the bounds of virtual tables.
    pub range_tombstones: u64,
}

/// Where the entries of a rank are.
enum Place {
    Memory(Arc<MemTable>),
    Tables(Run),
}

/// A source of entries, all older than those of the rank before it where keys meet.
struct Rank {
    place: Place,
    /// The newest and the oldest tombstone over every key; the oldest with inverted numbers.
    newest: Fragments,
    oldest: Fragments,
}

impl Rank {
    fn new(place: Place, tombstones: &[RangeTombstone]) -> Self {
        let inverted: Vec<_> = tombstones
            .iter()
            .map(|t| RangeTombstone {
                seq: invert(t.seq),
                ..t.clone()
            })
            .collect();
        Self {
            place,
            newest: Fragments::new(tombstones, SeqNo::MAX),
            oldest: Fragments::new(&inverted, SeqNo::MAX),
        }
    }

    /// Sequence numbers of the oldest and the newest tombstone over `key`.
    fn covering(&self, key: &[u8]) -> Option<(SeqNo, SeqNo)> {
        let newest = self.newest.covering(key, &mut 0)?;
        let oldest = self.oldest.covering(key, &mut 0)?;
        Some((invert(oldest.seq), newest.seq))
    }
}

fn invert(seq: SeqNo) -> SeqNo {
    SeqNo(SeqNo::MAX.0 - seq.0)
}

/// Checks the levels of a database in one directory.
pub(crate) struct LevelCheck<'a> {
    pub(crate) state: &'a State,
    pub(crate) dir: &'a Path,
    /// Whether memory is newer than all tables.
    pub(crate) memory_is_newest: bool,
}

impl LevelCheck<'_> {
    pub(crate) fn run(&self) -> Result<LevelsReport> {
        let mut report = LevelsReport {
            tables: self.state.version.tables().count() as u64,
            ..LevelsReport::default()
        };
        let ranks = self.ranks(&mut report)?;
        check_tombstones(&ranks).map_err(|e| e.in_file(self.dir))?;
        self.check_points(&ranks, &mut report)?;
        Ok(report)
    }

    /// All sources, newest first: memory, each table of L0, each other level.
    fn ranks(&self, report: &mut LevelsReport) -> Result<Vec<Rank>> {
        let mut ranks = Vec::new();
        // Above a table that joined by way of a log stand the writes that followed it, below those
        // that came before: then memory, which holds both, has no rank.
        for memory in &self.state.memory {
            if self.memory_is_newest {
                let place = Place::Memory(Arc::clone(memory));
                ranks.push(Rank::new(place, memory.tombstones()));
            } else {
                report.points += memory.len() as u64;
            }
            report.range_tombstones += memory.tombstones().len() as u64;
        }
        let newest = self.state.version.level(Level::L0).iter().rev();
        let mut runs: Vec<Run> = newest.map(|table| [Arc::clone(table)].into()).collect();
        for level in Level::all().skip(1) {
            let tables = self.state.version.level(level);
            if !tables.is_empty() {
                runs.push(tables.into());
            }
        }
        for run in runs {
            let mut tombstones = Vec::new();
            for table in run.iter() {
                self.collect_tombstones(table, &mut tombstones)?;
            }
            report.range_tombstones += tombstones.len() as u64;
            ranks.push(Rank::new(Place::Tables(run), &tombstones));
        }
        Ok(ranks)
    }

    /// Adds the range tombstones that a table shows.
    fn collect_tombstones(&self, meta: &TableMeta, out: &mut Vec<RangeTombstone>) -> Result<()> {
        let open = self.state.tables.get(meta.file())?;
        for stored in open.table.range_tombstones() {
            let start = (&stored.start).max(&meta.smallest.user);
            let end = (&stored.end).min(&meta.largest.user);
            let cut = *start != stored.start || *end != stored.end;
            if cut && !meta.is_virtual() {
                let found = format_args!(
                    "[{}, {})",
                    stored.start.escape_ascii(),
                    stored.end.escape_ascii()
                );
                let expected = "a range tombstone within the bounds of its table";
                return Err(corrupt(expected, found).in_file(self.path_of(meta)));
            }
            if start < end {
                out.push(RangeTombstone {
                    start: start.clone(),
                    end: end.clone(),
                    seq: meta.synthetic_seq().unwrap_or(stored.seq),
                });
            }
        }
        Ok(())
    }

    fn check_points(&self, ranks: &[Rank], report: &mut LevelsReport) -> Result<()> {
        let mut merge = self.ranked_merge(ranks);
        let mut last = Last::default();
        merge.seek_first()?;
        while let (Some((key, trailer)), Some((rank, source))) = (merge.current(), merge.source()) {
            report.points += 1;
            judge(key, trailer)?;
            let table = source.table();
            let checked = table
                .map_or(Ok(()), |table| check_bounds(table, key, trailer))
                .and_then(|()| last.check(key, trailer, rank))
                .and_then(|()| check_coverage(ranks, key, trailer, rank));
            checked.map_err(|e| match table {
                Some(table) => e.in_file(self.path_of(table)),
                None => e.in_file(self.dir),
            })?;
            last.set(key, trailer, rank);
            merge.step()?;
        }
        Ok(())
    }

    /// All entries, each rank a source in their order.
    fn ranked_merge(&self, ranks: &[Rank]) -> Merge<TableOpener> {
        let opener = Arc::new(TableOpener::new(
            Arc::clone(&self.state.tables),
            CacheMode::Bypass,
        ));
        let all = Arc::new(Bounds::all());
        let sources = ranks.iter().filter_map(|rank| match &rank.place {
            Place::Memory(memory) => {
                let cursor = Box::new(memory.cursor(None, None));
                Some(Source::Mem(MemSource::new(cursor, Arc::default())))
            }
            Place::Tables(run) => RunCursor::new(&opener, run, &all).map(Source::Run),
        });
        Merge::new(sources.collect())
    }

    fn path_of(&self, meta: &TableMeta) -> PathBuf {
        self.dir.join(FileName::Table(meta.file()).to_string())
    }
}

/// The entry before the one that is checked.
#[derive(Default)]
struct Last {
    key: Vec<u8>,
    trailer: Option<Trailer>,
    rank: usize,
}

impl Last {
    fn set(&mut self, key: &[u8], trailer: Trailer, rank: usize) {
        self.key.clear();
        self.key.extend_from_slice(key);
        self.trailer = Some(trailer);
        self.rank = rank;
    }

    /// Checks that an entry comes after this one, and from no newer level if it is an older
    /// version.
    fn check(&self, key: &[u8], trailer: Trailer, rank: usize) -> Result<()> {
        let Some(last) = self.trailer else {
            return Ok(());
        };
        if compare((&self.key, last), (key, trailer)) != Ordering::Less {
            let found = format_args!("{}{trailer:?} after {last:?}", key.escape_ascii());
            return Err(corrupt("ascending internal keys", found));
        }
        if self.key == key && self.rank > rank {
            let found = format_args!("{}{trailer:?} above {last:?}", key.escape_ascii());
            return Err(corrupt("newer versions in newer levels", found));
        }
        Ok(())
    }
}

/// Checks an entry against what the MANIFEST says of its table.
fn check_bounds(meta: &TableMeta, key: &[u8], trailer: Trailer) -> Result<()> {
    if key < &meta.smallest.user[..] || !meta.reaches(key) {
        let expected = format!("a key in {:?} to {:?}", meta.smallest, meta.largest);
        return Err(corrupt(&expected, key.escape_ascii()));
    }
    let seq = trailer.seq();
    if seq < meta.smallest_seq || seq > meta.largest_seq {
        let (from, to) = (meta.smallest_seq.0, meta.largest_seq.0);
        let expected = format!("a sequence number in {from} to {to}");
        let found = format_args!("{}{trailer:?}", key.escape_ascii());
        return Err(corrupt(&expected, found));
    }
    Ok(())
}

/// Checks an entry against the range tombstones over it in other levels.
fn check_coverage(ranks: &[Rank], key: &[u8], trailer: Trailer, rank: usize) -> Result<()> {
    for (other, tombstones) in ranks.iter().enumerate().filter(|(other, _)| *other != rank) {
        let Some((oldest, newest)) = tombstones.covering(key) else {
            continue;
        };
        let seq = trailer.seq();
        if (other < rank && oldest < seq) || (other > rank && newest > seq) {
            let (from, to) = (oldest.0, newest.0);
            let found = format_args!("{from} to {to} over {}{trailer:?}", key.escape_ascii());
            return Err(corrupt("newer range tombstones in newer levels", found));
        }
    }
    Ok(())
}

fn corrupt(expected: &str, found: impl std::fmt::Display) -> Error {
    Error::corrupt(STRUCTURE, 0, expected, found)
}

/// Compares the tombstones of all ranks where one of them starts; between starts nothing new meets.
fn check_tombstones(ranks: &[Rank]) -> Result<()> {
    for starts in ranks {
        for fragment in starts.newest.iter().chain(starts.oldest.iter()) {
            let key = &fragment.start;
            let mut limit = SeqNo::MAX;
            for rank in ranks {
                let Some((oldest, newest)) = rank.covering(key) else {
                    continue;
                };
                if newest > limit {
                    let found = format_args!("{} at {}", newest.0, key.escape_ascii());
                    let expected = format!("range tombstones up to {} in older levels", limit.0);
                    return Err(corrupt(&expected, found));
                }
                limit = oldest;
            }
        }
    }
    Ok(())
}
