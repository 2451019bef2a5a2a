//! `c1z stats`.

use std::collections::BTreeSet;
use std::io::Write;

use c1z::engine::types::{SyncRun, SyncStats};
use c1z_proto::google::protobuf::Timestamp as TimestampMessage;
use c1z_proto::reader::v2;

use super::refuse_csv;
use super::syncs::whole_seconds;
use crate::args::{Format, Global};
use crate::failure::Failure;
use crate::file;
use crate::output::{Json, Table, data, stdout};

pub(crate) fn run(global: &Global) -> Result<(), Failure> {
    refuse_csv(global, "stats")?;
    let store = file::open(global)?;
    let Some(selected) = file::select(global, &store)? else {
        return Ok(());
    };
    let run = selected.run;
    let stats = store.reader().stats(Some(&run.id), None)?;
    match global.format {
        Format::Console => print_tables(store.reader().metadata().engine, &run, &stats),
        Format::Json | Format::Csv => print_json(&run, &stats, b""),
        Format::Ndjson => print_json(&run, &stats, br#""type":"stats","#),
    }
}

fn print_json(run: &SyncRun, stats: &SyncStats, first: &[u8]) -> Result<(), Failure> {
    let document = Json::new().render(&message(run, stats))?;
    let mut out = data();
    out.write_all(b"{")?;
    out.write_all(first)?;
    out.write_all(document.get(1..).unwrap_or_default())?;
    out.write_all(b"\n")?;
    Ok(out.flush()?)
}

fn message(run: &SyncRun, stats: &SyncStats) -> v2::SyncRun {
    let time = |time: Option<c1z::engine::types::Timestamp>| {
        time.map(|time| TimestampMessage {
            seconds: time.seconds,
            nanos: i32::try_from(time.nanos).unwrap_or(0),
            ..Default::default()
        })
        .into()
    };
    v2::SyncRun {
        id: run.id.to_string(),
        started_at: time(run.started_at),
        ended_at: time(run.ended_at),
        sync_token: run.token.clone(),
        sync_type: run.sync_type.to_string(),
        parent_sync_id: run.parent_id.clone(),
        stats: c1z::record::stats::to_message(stats).into(),
        ..Default::default()
    }
}

fn print_tables(engine: &str, run: &SyncRun, stats: &SyncStats) -> Result<(), Failure> {
    let duration = match (run.started_at, run.ended_at) {
        (Some(start), Some(end)) => format!(
            "{}s",
            (end.unix_nanos() - start.unix_nanos()) / 1_000_000_000
        ),
        _ => String::new(),
    };
    let mut out = stdout();
    let mut fields = Table::new(&mut out, &["Field", "Value"]);
    for (field, value) in [
        ("Engine", engine.to_owned()),
        ("Sync ID", run.id.to_string()),
        ("Sync Type", run.sync_type.to_string()),
        ("Parent Sync ID", run.parent_id.clone()),
        ("Started At", whole_seconds(run.started_at)),
        ("Ended At", whole_seconds(run.ended_at)),
        ("Duration", duration),
        ("Sync Token", run.token.clone()),
    ] {
        fields.row(&[field, &value])?;
    }
    fields.finish()?;
    let mut counts = Table::new(&mut out, &["Type", "Count"]);
    for (kind, count) in [
        ("Resource Types", stats.resource_types),
        ("Resources", stats.resources),
        ("Entitlements", stats.entitlements),
        ("Grants", stats.grants),
    ] {
        counts.row(&[kind, &count.to_string()])?;
    }
    counts.finish()?;
    print_by_type(&mut out, stats)?;
    Ok(out.flush()?)
}

fn print_by_type(out: &mut impl Write, stats: &SyncStats) -> Result<(), Failure> {
    let maps = [
        &stats.resources_by_resource_type,
        &stats.entitlements_by_resource_type,
        &stats.grants_by_resource_type,
    ];
    let kinds: BTreeSet<&String> = maps.iter().flat_map(|map| map.keys()).collect();
    let mut table = Table::new(
        out,
        &["Resource Type", "Resources", "Entitlements", "Grants"],
    );
    for kind in kinds {
        let mut cells = vec![kind.clone()];
        cells.extend(
            maps.iter()
                .map(|map| map.get(kind).copied().unwrap_or(0).to_string()),
        );
        table.row(&cells)?;
    }
    Ok(table.finish()?)
}
