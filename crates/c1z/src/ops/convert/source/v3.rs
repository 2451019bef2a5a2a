//! A v3 file or the directory of its database: at most one sync.
//!
//! Rows are read family by family in order of keys. A database in the layout of mid-2026, whose
//! entitlements and grants are keyed by external id, is re-keyed on the way, row by row: no memory is
//! needed beyond that of the sort behind it.

use std::path::Path;
use std::sync::Arc;

use shingle::bulk::InputOrder;
use shingle::db::{Database, ReadOptions, ScanOptions};
use shingle::iter::Bounds;
use shingle::sst::{BlockCache, TableOptions};
use shingle::vfs::Fs;

use super::{Source, SourceRecord, SourceSync, TakeRecord, TakeRow, TakeSession};
use crate::digest::global_root_key;
use crate::envelope::{EnvelopeFile, OpenOptions, PayloadOptions};
use crate::keyspace::{Family, KeyRange, Layout, MetadataKey, prefix, stamp};
use crate::ops::convert::options::ConvertOptions;
use crate::ops::{RecordKind, StoredRecord};
use crate::record::{SessionView, primary_key_into, stats, sync_run};
use crate::{Error, ErrorKind, Result};

/// Memory for decoded blocks. A scan passes the cache by; the few point reads need little.
const BLOCK_CACHE_BYTES: usize = 1 << 20;
/// Memory for decoded frames: a scan comes to each once.
const FRAME_CACHE_BYTES: u64 = 8 << 20;

/// A v3 database.
#[derive(Debug)]
pub(crate) struct V3Source {
    database: Database,
    layout: Layout,
    syncs: Vec<SourceSync>,
}

impl V3Source {
    /// Opens a packed file.
    pub(crate) fn open_file(path: &Path, options: &ConvertOptions) -> Result<Self> {
        let envelope = OpenOptions {
            limits: options.limits,
            variables: options.variables.clone(),
            payload: PayloadOptions {
                cache_bytes: FRAME_CACHE_BYTES,
                ..PayloadOptions::new(options.budget.clone())
            },
        };
        match EnvelopeFile::open(&*options.fs, path, &envelope)? {
            EnvelopeFile::V3(file) => Self::open(file.payload()?, Path::new("")),
            EnvelopeFile::V1(_) => Err(Error::new(ErrorKind::EngineMismatch, "a v1 file")),
        }
    }

    /// Opens the directory of a database.
    pub(crate) fn open_dir(path: &Path, options: &ConvertOptions) -> Result<Self> {
        Self::open(Arc::clone(&options.fs), path)
    }

    fn open(fs: Arc<dyn Fs>, dir: &Path) -> Result<Self> {
        let options = ReadOptions {
            table: TableOptions {
                cache: Arc::new(BlockCache::new(BLOCK_CACHE_BYTES)),
                ..TableOptions::default()
            },
            ..ReadOptions::default()
        };
        let mut source = Self {
            database: Database::open_sealed(fs, dir, options)?,
            layout: Layout::Current,
            syncs: Vec::new(),
        };
        let version = source.get(MetadataKey::KeyspaceVersion)?;
        let id_format = source.get(MetadataKey::GrantIdFormat)?;
        let mut rows = source.scan(&prefix::wiped_by_new_sync());
        let has_rows = rows.next()?.is_some();
        source.layout = stamp::layout(version.as_deref(), id_format.as_deref(), has_rows)?;
        source.syncs.extend(source.read_sync()?);
        Ok(source)
    }

    fn read_sync(&self) -> Result<Option<SourceSync>> {
        let Some(stored) = self.database.get(Family::SyncRun.header())? else {
            return Ok(None);
        };
        let stored = stored.to_vec();
        let mut run = sync_run::decode(&stored)?;
        if let Some(value) = self.get(MetadataKey::Stats)? {
            let (of, recorded) = stats::decode(&value)?;
            run.stats = (of == run.id.as_str()).then_some(recorded);
        }
        let is_current = self.layout == Layout::Current;
        Ok(Some(SourceSync {
            run,
            stored: Some(stored),
            rowid: None,
            order: if is_current {
                InputOrder::Ascending
            } else {
                InputOrder::Any
            },
            has_digests: self.database.get(&global_root_key())?.is_some(),
        }))
    }

    fn get(&self, key: MetadataKey<'_>) -> Result<Option<Vec<u8>>> {
        let found = self.database.get(&key.to_vec())?;
        Ok(found.map(|value| value.to_vec()))
    }

    fn scan(&self, range: &KeyRange) -> shingle::db::Scan {
        let bounds = Bounds {
            lower: Some(range.lower.clone()),
            upper: range.upper.clone(),
        };
        self.database.scan(bounds, ScanOptions::default())
    }
}

impl Source for V3Source {
    fn syncs(&self) -> &[SourceSync] {
        &self.syncs
    }

    fn records(&self, kind: RecordKind, syncs: &[usize], take: &mut TakeRecord<'_>) -> Result<u64> {
        let mut scan = self.scan(&kind.family().range());
        let rekeyed = self.layout == Layout::ExternalId;
        let mut own_key = Vec::new();
        for &sync in syncs {
            while let Some((key, value)) = scan.next()? {
                let mut key = key;
                if rekeyed {
                    own_key.clear();
                    match primary_key_into(kind.family(), value, &mut own_key) {
                        Ok(()) => key = &own_key,
                        Err(e) if e.kind() == ErrorKind::InvalidArgument => {
                            take(sync, SourceRecord::Unnamed(kind, e))?;
                            continue;
                        }
                        Err(e) => return Err(e),
                    }
                }
                take(
                    sync,
                    SourceRecord::Stored(StoredRecord { kind, key, value }),
                )?;
            }
        }
        Ok(0)
    }

    fn sessions(&self, _: usize, take: &mut TakeSession<'_>) -> Result<()> {
        let mut scan = self.scan(&Family::Session.range());
        while let Some((_, value)) = scan.next()? {
            take(&SessionView::parse(value)?)?;
        }
        Ok(())
    }

    fn others(&self, _: usize, take: &mut TakeRow<'_>) -> Result<()> {
        for range in unowned() {
            let mut scan = self.scan(&range);
            while let Some((key, value)) = scan.next()? {
                if !is_engine_row(key) {
                    take(key, value)?;
                }
            }
        }
        Ok(())
    }
}

/// The ranges without records, index rows, digests and session entries.
fn unowned() -> [KeyRange; 3] {
    let after = |family: Family| prefix::upper_bound(family.header()).unwrap_or_default();
    let range = |lower: Vec<u8>, upper: Option<&[u8]>| KeyRange {
        lower,
        upper: upper.map(<[u8]>::to_vec),
    };
    [
        range(Vec::new(), Some(Family::ResourceType.header())),
        range(after(Family::GrantHash), Some(Family::Counter.header())),
        range(after(Family::DigestNode), None),
    ]
}

/// Whether the row is made anew for every database.
fn is_engine_row(key: &[u8]) -> bool {
    let made = [
        MetadataKey::KeyspaceVersion,
        MetadataKey::GrantIdFormat,
        MetadataKey::Stats,
        MetadataKey::GrantIndexPending,
        MetadataKey::DigestBuildPending,
    ];
    made.iter().any(|made| made.to_vec() == key)
}
