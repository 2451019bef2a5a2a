//! Into NDJSON: any number of syncs, records in the form in which their source stores them.

use std::io::{BufWriter, Write};
use std::sync::Arc;

use super::job::{Job, RecordMeter};
use super::loss::{LossKind, LossReport};
use super::select;
use super::source::{SourceItem, SourceRecord, SourceSync};
use super::summary::SyncSummary;
use crate::Result;
use crate::engine::types::SyncStats;
use crate::envelope::publish;
use crate::ops::RecordKind;
use crate::ops::build::check_output;
use crate::ops::build::v1::{V1Columns, V1Row};
use crate::ops::ndjson::{Form, Head, Item, Record, Writer, columns};
use crate::record::{AssetView, primary_key_into, stats, sync_run};

/// Bytes that are gathered before they are written.
const BUFFER_LEN: usize = 256 << 10;

/// Writes the file.
pub(super) fn file(job: &mut Job<'_>) -> Result<Vec<SyncSummary>> {
    let (fs, entropy) = (
        Arc::clone(&job.options.fs),
        Arc::clone(&job.options.entropy),
    );
    let (output, existing) = (job.output, job.options.existing);
    check_output(&*fs, output, existing)?;
    let chosen = select::several(job.source.syncs(), job.options, &mut job.losses)?;
    job.losses.require(job.options.allow_loss)?;
    let written = publish(&*fs, &*entropy, output, existing, |out| {
        let written = write(job, &chosen, out)?;
        job.losses.require(job.options.allow_loss)?;
        Ok(written)
    })?;
    job.file_len = fs.metadata(output).ok().map(|found| found.len);
    Ok(written)
}

fn write(job: &mut Job<'_>, chosen: &[usize], out: &mut dyn Write) -> Result<Vec<SyncSummary>> {
    let source = job.source;
    let mut writer = Writer::new(BufWriter::with_capacity(BUFFER_LEN, out))?;
    let mut progress = RecordMeter::new(&*job.options.observer);
    let mut lines = Lines::default();
    let mut written = Vec::new();
    let syncs = chosen
        .iter()
        .filter_map(|at| Some((*at, source.syncs().get(*at)?)));
    for (at, sync) in syncs {
        put_sync(&mut writer, sync)?;
        note_sidecars(sync, &mut job.losses);
        let (mut counts, mut asset_bytes) = (SyncStats::default(), 0);
        let losses = &mut job.losses;
        let orphans = source.visit(at, &mut |item| {
            progress.item(&item)?;
            count(&mut counts, &item);
            asset_bytes += item.asset_len()?;
            lines.put(&mut writer, item, losses)
        })?;
        losses.add_many(LossKind::ForeignRows, orphans, || {
            "rows without a sync".to_owned()
        });
        let run = sync.run.clone();
        written.push(SyncSummary {
            run,
            counts,
            asset_bytes,
        });
    }
    progress.end()?;
    writer.finish()?;
    Ok(written)
}

fn put_sync<W: Write>(writer: &mut Writer<W>, sync: &SourceSync) -> Result<()> {
    let own = match &sync.stored {
        Some(stored) => stored.clone(),
        None => sync_run::encode_over(&sync.run, None)?,
    };
    let recorded = sync.run.stats.as_ref();
    let recorded = recorded.map(|recorded| stats::encode(recorded, sync.run.id.as_str()));
    let recorded = recorded.transpose()?;
    writer.put(&Item::Sync(Head {
        run: &own,
        stats: recorded.as_deref(),
    }))
}

fn note_sidecars(sync: &SourceSync, losses: &mut LossReport) {
    if sync.has_digests {
        losses.add(LossKind::Digests, || sync.run.id.to_string());
    }
}

/// Counts a record in the totals; NDJSON needs no more.
fn count(counts: &mut SyncStats, item: &SourceItem<'_>) {
    let SourceItem::Record(record) = item else {
        return;
    };
    *match record.kind() {
        RecordKind::ResourceType => &mut counts.resource_types,
        RecordKind::Resource => &mut counts.resources,
        RecordKind::Entitlement => &mut counts.entitlements,
        RecordKind::Grant => &mut counts.grants,
        RecordKind::Asset => &mut counts.assets,
    } += 1;
}

/// Makes items of what a source gives; keeps its buffers.
#[derive(Default)]
struct Lines {
    key: Vec<u8>,
    value: Vec<u8>,
}

impl Lines {
    fn put<W: Write>(
        &mut self,
        writer: &mut Writer<W>,
        item: SourceItem<'_>,
        losses: &mut LossReport,
    ) -> Result<()> {
        match item {
            SourceItem::Record(SourceRecord::Stored(record)) => {
                self.key.clear();
                // A record whose key cannot be told from it keeps the one that it has.
                if primary_key_into(record.kind.family(), record.value, &mut self.key).is_err() {
                    self.key.clear();
                }
                writer.put(&Item::Record(Record::of_row(record, &self.key)))
            }
            SourceItem::Record(SourceRecord::Row(row)) => self.put_row(writer, row),
            SourceItem::Record(SourceRecord::Unnamed(_, error)) => {
                losses.add(LossKind::Record, || error.to_string());
                Ok(())
            }
            SourceItem::Session(entry) => {
                self.value.clear();
                entry.encode_into(&mut self.value);
                writer.put(&Item::Session(&self.value))
            }
            SourceItem::Row(key, value) => writer.put(&Item::Row { key, value }),
        }
    }

    fn put_row<W: Write>(&mut self, writer: &mut Writer<W>, row: &V1Row<'_>) -> Result<()> {
        let kind = row.kind();
        if let V1Columns::Asset { content_type } = row.columns {
            self.value.clear();
            AssetView {
                sync_id: row.sync_id,
                external_id: row.external_id,
                content_type,
                data: row.data,
                discovered_at: Some(row.discovered_at),
            }
            .encode_into(&mut self.value);
            return writer.put(&Item::Record(Record {
                kind,
                form: Form::Stored { key: None },
                value: &self.value,
            }));
        }
        let told = columns::encode(row)?;
        writer.put(&Item::Record(Record {
            kind,
            form: Form::Message { columns: &told },
            value: row.data,
        }))
    }
}
