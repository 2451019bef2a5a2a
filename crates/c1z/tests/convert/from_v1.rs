//! v1 to v3 against Go: of every v1 file that Go converted, we make the same keys and values.
//!
//! What is free, and left out of the comparison: the time when statistics were written; statistics and
//! digests of a sync that is not finished, which Go writes when it converts and we do not. What
//! differs: Go stamps assets with the time of the conversion, we keep theirs.

use std::collections::BTreeMap;

use c1z::engine::types::{SyncId, SyncRun};
use c1z::keyspace::{Family, MetadataKey};
use c1z::ops::convert::{Carry, ConvertOptions, FileFormat, SyncChoice, convert};
use c1z::record::{AssetView, stats, sync_run};
use c1z::v1_tables::Zone;
use testkit::golden::sqlite::{Cell, Row};
use testkit::golden::{Case, cases_with};

use crate::support::*;

fn golden(case: &Case) -> Rows {
    let pairs = case.kv("from-v1").unwrap().into_iter();
    pairs.map(|pair| (pair.key, pair.value)).collect()
}

fn run_of(rows: &Rows) -> Option<SyncRun> {
    let value = rows.get(Family::SyncRun.header())?;
    Some(sync_run::decode(value).unwrap())
}

/// Takes out what is free.
fn comparable(mut rows: Rows, run: Option<&SyncRun>) -> Rows {
    let key = MetadataKey::Stats.to_vec();
    let finished = run.is_some_and(SyncRun::is_finished);
    if let Some(value) = rows.remove(&key).filter(|_| finished) {
        let (id, mut recorded) = stats::decode(&value).unwrap();
        recorded.written_at = None;
        rows.insert(key, stats::encode(&recorded, &id).unwrap());
    }
    let is_digest = |key: &[u8]| {
        matches!(
            Family::of(key),
            Some(Family::GrantHash | Family::DigestNode)
        )
    };
    rows.retain(|key, _| finished || !is_digest(key));
    for (_, value) in rows
        .iter_mut()
        .filter(|(key, _)| Family::of(key) == Some(Family::Asset))
    {
        let without_time = AssetView {
            discovered_at: None,
            ..AssetView::parse(value).unwrap()
        };
        let mut bytes = Vec::new();
        without_time.encode_into(&mut bytes);
        *value = bytes;
    }
    rows
}

/// Times of assets in the v1 file, by id.
fn asset_times(case: &Case, sync_id: &str) -> BTreeMap<String, String> {
    let mut times = BTreeMap::new();
    for line in case.sqlite_rows().unwrap() {
        if let Row::Record { table, row } = line
            && table == "v1_assets"
            && row["sync_id"] == Cell::Text(sync_id.to_owned())
        {
            let text = |column: &str| match &row[column] {
                Cell::Text(text) => text.clone(),
                other => panic!("{other:?}"),
            };
            times.insert(text("external_id"), text("discovered_at"));
        }
    }
    times
}

#[test]
fn every_key_and_value_is_that_of_go() {
    let cases = cases_with("kv.from-v1.ndjson.gz").unwrap();
    assert_eq!(cases.len(), 13);
    println!("case | rows of Go | ours | different | losses");
    let mut wrong = Vec::new();
    for case in cases {
        let expected = golden(&case);
        let run = run_of(&expected);
        let mem = with_input(&case, "v1.c1z");
        let chosen = run
            .as_ref()
            .map(|run| SyncId::new(run.id.as_str()).unwrap());
        let options = ConvertOptions {
            sync: chosen.map_or(SyncChoice::All, SyncChoice::Id),
            carry: Carry::AsGo,
            allow_loss: true,
            ..options(&mem, FileFormat::V3)
        };
        let summary = convert("in", "out.c1z", &options).unwrap();
        let (_, found) = read_v3(&mem, "out.c1z");
        let different = difference(
            &comparable(expected.clone(), run.as_ref()),
            &comparable(found.clone(), run.as_ref()),
        );
        let times = asset_times(&case, run.as_ref().map_or("", |run| run.id.as_str()));
        let assets = found
            .iter()
            .filter(|(key, _)| Family::of(key) == Some(Family::Asset));
        for (_, value) in assets {
            let view = AssetView::parse(value).unwrap();
            let kept = Zone::utc().text(view.discovered_at.unwrap()).unwrap();
            assert_eq!(times[view.external_id], kept, "{}", case.name);
        }
        let losses: Vec<String> = summary
            .losses
            .iter()
            .map(|(kind, loss)| format!("{} {}", loss.count, kind.as_str()))
            .collect();
        println!(
            "{} | {} | {} | {} | {}",
            case.name,
            expected.len(),
            found.len(),
            different.len(),
            losses.join(", ")
        );
        wrong.extend(
            different
                .into_iter()
                .map(|line| format!("{}: {line}", case.name)),
        );
    }
    assert_eq!(wrong, Vec::<String>::new());
}
