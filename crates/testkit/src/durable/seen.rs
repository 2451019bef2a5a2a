//! What a folder of syncs and the files beside it say, in a form that can be compared.

use std::collections::BTreeMap;

use c1z::archive::{Archive, ArchiveOptions, Form};
use c1z::engine::page::collect_pages;
use c1z::engine::types::SyncRun;
use c1z::engine::{EntitlementFilter, GrantFilter, PebbleOptions, Reader, ResourceFilter, Scope};
use c1z_proto::encode_canonical;
use sha2::{Digest, Sha256};

use super::Annals;

/// What is said of a sync: its run but for times, and its records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenSync {
    /// Type, parent, partner, token; finished or not, whether it supports a diff.
    pub run: String,
    /// How many records.
    pub records: usize,
    hash: [u8; 32],
}

/// What is said of all.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Seen {
    /// The syncs of the folder by id.
    pub syncs: BTreeMap<String, SeenSync>,
    /// The files by name; those that are not there are left out.
    pub files: BTreeMap<&'static str, (String, SeenSync)>,
    /// Which syncs are packed. A sync that is written again becomes a directory first, which is a moment of its own.
    pub packed: BTreeMap<String, bool>,
}

impl Seen {
    /// Looks at the folder as a reader, or as a writer, who finishes what was decided.
    ///
    /// # Errors
    /// Anything that cannot be read: nobody may leave that.
    pub fn of(annals: &Annals, as_writer: bool) -> c1z::Result<Self> {
        let mut seen = Self::default();
        for name in Annals::files() {
            let path = annals.file(name);
            if annals.fs.metadata(&path).is_err() {
                continue;
            }
            let store = c1z::open_with(path, &annals.reading())?;
            for run in collect_pages(|page| store.reader().list_sync_runs(page))? {
                let sync = SeenSync::of(store.reader(), &run)?;
                seen.files.insert(name, (run.id.to_string(), sync));
            }
        }
        let options = ArchiveOptions {
            reading: annals.reading(),
            writing: PebbleOptions {
                memory_bytes_max: 1 << 20,
                ..PebbleOptions::default()
            },
            ..ArchiveOptions::default()
        };
        let folder = annals.folder();
        let archive = if as_writer {
            Archive::create(&folder, options)?
        } else if annals.fs.metadata(&folder).is_ok() {
            Archive::open_for_reading(&folder, options)?
        } else {
            return Ok(seen);
        };
        let engine = archive.engine();
        for run in collect_pages(|page| engine.list_sync_runs(page))? {
            let id = run.id.to_string();
            let packed = archive.entry(&run.id)?.form == Form::Packed;
            seen.packed.insert(id.clone(), packed);
            seen.syncs.insert(id, SeenSync::of(engine, &run)?);
        }
        Ok(seen)
    }
}

impl SeenSync {
    fn of(reader: &(impl Reader + ?Sized), run: &SyncRun) -> c1z::Result<Self> {
        let scope = Scope::Sync(run.id.clone());
        let mut rows: Vec<Vec<u8>> = Vec::new();
        let types = collect_pages(|page| reader.list_resource_types(&scope, page))?;
        rows.extend(types.iter().map(encode_canonical));
        for resource in reader.stream_resources(&scope, &ResourceFilter::default())? {
            rows.push(encode_canonical(&resource?));
        }
        for of in reader.stream_entitlements(&scope, &EntitlementFilter::default())? {
            rows.push(encode_canonical(&of?));
        }
        for row in reader.stream_grants(&scope, &GrantFilter::default())? {
            rows.push(encode_canonical(&row?.grant));
        }
        rows.sort();
        let mut hash = Sha256::new();
        for row in &rows {
            hash.update((row.len() as u64).to_le_bytes());
            hash.update(row);
        }
        Ok(Self {
            run: format!(
                "{} parent {:?} partner {:?} token {:?} finished {} diff {}",
                run.sync_type,
                run.parent_id,
                run.linked_id,
                run.token,
                run.is_finished(),
                run.supports_diff
            ),
            records: rows.len(),
            hash: hash.finalize().into(),
        })
    }
}
