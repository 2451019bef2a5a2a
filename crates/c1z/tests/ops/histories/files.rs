//! Syncs as files in memory.

use std::path::Path;
use std::sync::Arc;

use c1z::engine::types::{SyncRun, Timestamp};
use c1z::ops::build::v1::{V1Builder, V1Columns, V1Grant, V1Options, V1Row, V1Run};
use c1z::ops::build::{BuildOptions, PackOptions, RunToWrite, V3Builder};
use c1z::ops::convert::{ConvertOptions, FileFormat};
use c1z::ops::{RecordKind, StoredRecord};
use c1z::record::{self, AssetView, GrantPut, PutExpansion, StoredExpansion, message};
use c1z::{MemoryBudget, OpenOptions, Store};
use c1z_proto::{connector::v2, encode_canonical};
use shingle::vfs::{Fs, MemFs};
use testkit::chance::SeededEntropy;

use super::judge::{Map, Told};
use super::reading::{read_v1, read_v3};
use super::records::{Body, Record};
use super::syncs::{BEGIN, Format, Sync};
use crate::support::pack_options;

/// A disk in memory with a file for each sync.
pub(super) struct Disk {
    pub(super) fs: Arc<dyn Fs>,
    pub(super) names: Vec<String>,
}

impl Disk {
    pub(super) fn with(syncs: &[Sync]) -> Self {
        let fs: Arc<dyn Fs> = Arc::new(MemFs::new());
        let names: Vec<String> = (0..syncs.len()).map(|i| format!("{i}.c1z")).collect();
        for (sync, name) in syncs.iter().zip(&names) {
            match sync.format {
                Format::V1 => write_v1(&fs, name, sync),
                Format::V3 => write_v3(&fs, name, sync),
            }
        }
        Self { fs, names }
    }

    pub(super) fn open(&self, name: &str) -> Store {
        let options = OpenOptions {
            fs: Arc::clone(&self.fs),
            budget: MemoryBudget::new(16 << 20),
            ..OpenOptions::default()
        };
        c1z::open_with(name, &options).unwrap()
    }

    /// How results are written: one thread, memory that is little and yet more than these records take.
    pub(super) fn convert_options(&self) -> ConvertOptions {
        ConvertOptions {
            fs: Arc::clone(&self.fs),
            entropy: Arc::new(SeededEntropy::seeded(3)),
            threads: 1,
            allow_loss: true,
            level: 1,
            budget: MemoryBudget::new(32 << 20),
            ..ConvertOptions::default()
        }
    }

    /// The run and the records of the one sync in a file.
    pub(super) fn read(&self, name: &str, format: Format) -> (SyncRun, Map) {
        let store = self.open(name);
        let run = store.reader().latest_finished_sync(None).unwrap().unwrap();
        let map = match format {
            Format::V1 => read_v1(&store),
            Format::V3 => read_v3(&self.fs, Path::new(name)),
        };
        (run, map)
    }
}

/// The format of a result, as the program names it.
pub(super) fn named(format: Format) -> FileFormat {
    match format {
        Format::V1 => FileFormat::V1,
        Format::V3 => FileFormat::V3,
    }
}

fn packing(fs: &Arc<dyn Fs>) -> PackOptions {
    let mut options = pack_options(fs, 1);
    options.write.level = 1;
    options
}

fn moment(tenths: u32) -> Timestamp {
    Timestamp {
        seconds: BEGIN + i64::from(tenths / 10),
        nanos: tenths % 10 * 100_000_000,
    }
}

/// Expansion and flag beside a grant.
fn expansion_of(body: &Body) -> (Option<Vec<u8>>, bool) {
    match body {
        Body::Grant {
            expansion,
            needs_expansion,
            ..
        } => (expansion.as_ref().map(encode_canonical), *needs_expansion),
        _ => (None, false),
    }
}

fn write_v3(fs: &Arc<dyn Fs>, name: &str, sync: &Sync) {
    let options = BuildOptions {
        threads: 1,
        memory_bytes: 1 << 20,
        ..BuildOptions::default()
    };
    let mut builder = V3Builder::new(name, &options, &packing(fs), true).unwrap();
    for record in &sync.records {
        let value = stored(record, sync.run.id.as_str());
        let kind = record.kind();
        let mut key = Vec::new();
        record::primary_key_into(kind.family(), &value, &mut key).unwrap();
        let stored = StoredRecord {
            kind,
            key: &key,
            value: &value,
        };
        builder.sync().put(&stored).unwrap();
    }
    let run = RunToWrite {
        run: &sync.run,
        stored: None,
    };
    builder.finish(Some(run)).unwrap();
}

fn stored(record: &Record, sync_id: &str) -> Vec<u8> {
    let at = record.at.map(moment);
    match &record.body {
        Body::ResourceType(of) => message::encode(&record::resource_type::to_record(of, at)),
        Body::Resource(of) => message::encode(&record::resource::to_record(of, at)),
        Body::Entitlement(of) => message::encode(&record::entitlement::to_record(of, at)),
        Body::Grant { message: of, .. } => {
            let (expansion, needs_expansion) = expansion_of(&record.body);
            let put = GrantPut {
                discovered_at: at,
                expansion: PutExpansion::Keep(StoredExpansion {
                    expansion: expansion.as_deref(),
                    needs_expansion,
                }),
                ..GrantPut::default()
            };
            message::encode(&record::grant::to_record(of, &put).unwrap())
        }
        Body::Asset {
            id,
            content_type,
            data,
        } => {
            let mut bytes = Vec::new();
            let asset = AssetView {
                sync_id,
                external_id: id,
                content_type,
                data,
                discovered_at: at,
            };
            asset.encode_into(&mut bytes);
            bytes
        }
    }
}

fn write_v1(fs: &Arc<dyn Fs>, name: &str, sync: &Sync) {
    let options = V1Options {
        memory_bytes: 1 << 20,
        level: 1,
        ..V1Options::default()
    };
    let mut builder = V1Builder::new(name, &options, &packing(fs)).unwrap();
    let syncs: Vec<&Sync> = sync.others.iter().chain([sync]).collect();
    for kind in RecordKind::ALL {
        let mut table = builder.table(kind).unwrap();
        for sync in &syncs {
            for record in sync.records.iter().filter(|record| record.kind() == kind) {
                push(record, sync.run.id.as_str(), &mut |row| {
                    table.push(row).unwrap();
                });
            }
        }
        table.finish().unwrap();
    }
    let runs: Vec<V1Run<'_>> = syncs
        .iter()
        .map(|sync| V1Run {
            rowid: None,
            run: &sync.run,
        })
        .collect();
    builder.finish(&runs).unwrap();
}

fn push(record: &Record, sync_id: &str, push: &mut dyn FnMut(&V1Row<'_>)) {
    let data = row_data(record);
    let external_id = record.external_id();
    let (expansion, needs_expansion) = expansion_of(&record.body);
    let structure = record.structure();
    let part = |i: usize| structure.get(i).map_or("", String::as_str);
    let parent;
    let columns = match &record.body {
        Body::ResourceType(_) => V1Columns::ResourceType,
        Body::Resource(of) => {
            parent = of.parent_resource_id.as_option();
            V1Columns::Resource {
                resource_type: part(0),
                parent: parent.map(|id| (id.resource_type.as_str(), id.resource.as_str())),
            }
        }
        Body::Entitlement(_) => V1Columns::Entitlement {
            resource_type: part(0),
            resource: part(1),
        },
        Body::Grant { .. } => V1Columns::Grant(V1Grant {
            resource_type: part(0),
            resource: part(1),
            entitlement: part(2),
            principal_type: part(3),
            principal: part(4),
            expansion: expansion.as_deref(),
            needs_expansion,
        }),
        Body::Asset { content_type, .. } => V1Columns::Asset { content_type },
    };
    push(&V1Row {
        rowid: None,
        sync_id,
        external_id: &external_id,
        discovered_at: moment(record.at.unwrap_or_default()),
        data: &data,
        columns,
    });
}

/// The message of a row. The entries of a map come in any order, as Go writes them: the order depends on the time here.
fn row_data(record: &Record) -> Vec<u8> {
    match &record.body {
        Body::Grant { message, .. } => scrambled(message, record.at.unwrap_or_default()),
        _ => Told::of(record, Format::V1).message,
    }
}

fn scrambled(message: &v2::Grant, at: u32) -> Vec<u8> {
    let mut entries: Vec<Vec<u8>> = Vec::new();
    for (key, source) in &message.sources.sources {
        let one = v2::GrantSources {
            sources: [(key.clone(), source.clone())].into_iter().collect(),
            ..Default::default()
        };
        entries.push(encode_canonical(&one));
    }
    if entries.len() < 2 {
        return encode_canonical(message);
    }
    entries.sort();
    if at % 2 == 1 {
        entries.reverse();
    }
    let mut bytes = encode_canonical(&v2::Grant {
        sources: buffa::MessageField::none(),
        ..message.clone()
    });
    let entries = entries.concat();
    // Field 5, of a length below 128.
    bytes.extend([0x2a, u8::try_from(entries.len()).unwrap()]);
    bytes.extend(entries);
    bytes
}
