//! Lines of JSON: any number of syncs, one after another.
//!
//! A line can only be reached by reading all before it, so the file is read once to learn its syncs
//! and to see that it is whole, and again for each time that records are asked for.

use std::io::{self, BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use shingle::bulk::InputOrder;
use shingle::vfs::ReadFile;

use super::{Source, SourceItem, SourceRecord, SourceSync, TakeRecord, TakeRow, TakeSession};
use crate::ops::convert::options::ConvertOptions;
use crate::ops::ndjson::{Form, Item, Reader, Record, columns};
use crate::ops::{RecordKind, StoredRecord};
use crate::record::{SessionView, primary_key_into};
use crate::{Error, ErrorKind, Result};

/// Bytes that are read at a time.
const BUFFER_LEN: usize = 256 << 10;

/// A file of lines.
#[derive(Debug)]
pub(crate) struct NdjsonSource {
    file: Arc<dyn ReadFile>,
    syncs: Vec<SourceSync>,
}

impl NdjsonSource {
    /// Opens a file and reads it once.
    pub(crate) fn open(path: &Path, options: &ConvertOptions) -> Result<Self> {
        let file = options.fs.open(path);
        let mut source = Self {
            file: file.map_err(|e| Error::io("open", path, e))?,
            syncs: Vec::new(),
        };
        let mut reader = source.reader()?;
        let mut syncs = Vec::new();
        while let Some(item) = reader.next_item()? {
            if let Item::Sync(head) = item {
                syncs.push(SourceSync {
                    run: head.decode()?,
                    stored: Some(head.run.to_vec()),
                    rowid: None,
                    order: InputOrder::Any,
                    has_digests: false,
                });
            }
        }
        source.syncs = syncs;
        Ok(source)
    }

    fn reader(&self) -> Result<Reader<BufReader<Sequential>>> {
        let sequential = Sequential {
            file: Arc::clone(&self.file),
            offset: 0,
        };
        Reader::new(BufReader::with_capacity(BUFFER_LEN, sequential))
    }

    /// Gives every item of the syncs at the given positions to `take`.
    fn items(
        &self,
        syncs: &[usize],
        take: &mut dyn FnMut(usize, SourceItem<'_>) -> Result<()>,
    ) -> Result<()> {
        let mut reader = self.reader()?;
        let mut at = None;
        let mut lines = Lines::default();
        while let Some(item) = reader.next_item()? {
            if matches!(item, Item::Sync(_)) {
                at = Some(at.map_or(0, |at| at + 1));
                continue;
            }
            let Some(sync) = at.filter(|at| syncs.binary_search(at).is_ok()) else {
                continue;
            };
            let run = self.syncs.get(sync).map_or("", |sync| sync.run.id.as_str());
            lines.give(&item, run, &mut |item| take(sync, item))?;
        }
        Ok(())
    }
}

impl Source for NdjsonSource {
    fn syncs(&self) -> &[SourceSync] {
        &self.syncs
    }

    fn records(&self, kind: RecordKind, syncs: &[usize], take: &mut TakeRecord<'_>) -> Result<u64> {
        self.items(syncs, &mut |at, item| match item {
            SourceItem::Record(record) if record.kind() == kind => take(at, record),
            _ => Ok(()),
        })?;
        Ok(0)
    }

    fn sessions(&self, sync: usize, take: &mut TakeSession<'_>) -> Result<()> {
        self.items(&[sync], &mut |_, item| match item {
            SourceItem::Session(entry) => take(entry),
            _ => Ok(()),
        })
    }

    fn others(&self, sync: usize, take: &mut TakeRow<'_>) -> Result<()> {
        self.items(&[sync], &mut |_, item| match item {
            SourceItem::Row(key, value) => take(key, value),
            _ => Ok(()),
        })
    }

    fn visit(
        &self,
        sync: usize,
        take: &mut dyn FnMut(SourceItem<'_>) -> Result<()>,
    ) -> Result<u64> {
        self.items(&[sync], &mut |_, item| take(item))?;
        Ok(0)
    }
}

/// Makes records of items; keeps its buffer.
#[derive(Default)]
struct Lines {
    key: Vec<u8>,
}

impl Lines {
    fn give(
        &mut self,
        item: &Item<'_>,
        sync_id: &str,
        take: &mut dyn FnMut(SourceItem<'_>) -> Result<()>,
    ) -> Result<()> {
        match item {
            Item::Sync(_) => Ok(()),
            Item::Session(value) => take(SourceItem::Session(&SessionView::parse(value)?)),
            Item::Row { key, value } => take(SourceItem::Row(key, value)),
            Item::Record(record) => match record.form {
                Form::Stored { key } => self.stored(record, key, take),
                Form::Message { columns: told } => {
                    columns::decode(record.kind, told, sync_id, record.value, &mut |row| {
                        take(SourceItem::Record(SourceRecord::Row(row)))
                    })
                }
            },
        }
    }

    fn stored(
        &mut self,
        record: &Record<'_>,
        key: Option<&[u8]>,
        take: &mut dyn FnMut(SourceItem<'_>) -> Result<()>,
    ) -> Result<()> {
        let (kind, value) = (record.kind, record.value);
        self.key.clear();
        let key = match key {
            Some(key) => key,
            None => match primary_key_into(kind.family(), value, &mut self.key) {
                Ok(()) => self.key.as_slice(),
                Err(error) if error.kind() == ErrorKind::InvalidArgument => {
                    return take(SourceItem::Record(SourceRecord::Unnamed(kind, error)));
                }
                Err(error) => return Err(error),
            },
        };
        let stored = StoredRecord { kind, key, value };
        take(SourceItem::Record(SourceRecord::Stored(stored)))
    }
}

/// A file read from front to back.
struct Sequential {
    file: Arc<dyn ReadFile>,
    offset: u64,
}

impl Read for Sequential {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read_at(self.offset, buf)?;
        self.offset += n as u64;
        Ok(n)
    }
}
