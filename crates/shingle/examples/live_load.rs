//! Times a live load: `live_load ROWS [BATCH [DURABILITY]]` writes that many grants in calls of
//! BATCH (1000) into a live database in a temporary directory, seals it, and prints one JSON line a
//! phase. DURABILITY is `none`, `batch` (default) or `operation`; the
//! word `verify` anywhere has every table of the last level read back.
//!
//! The rows have the shape of those of `interop/run bench-load`, which times the original engine.
//! Primary rows alone are written; the four index keys of each are derived.

#![expect(clippy::print_stdout, reason = "a measuring program prints")]

mod support;

use std::sync::Arc;

use shingle::batch::Batch;
use shingle::live::{Durability, LiveDatabase, LiveOptions};
use shingle::vfs::{Clock, CountingFs, OsClock, OsFs};
use support::indexes::{Indexes, sections};
use support::{Maker, usage};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, default: u64| {
        let text = arguments.get(at);
        text.map_or(Ok(default), |text| text.parse::<u64>())
    };
    let (rows, batch_rows) = (number(0, 1_000_000)?, number(1, 1000)?.max(1));
    let durability = match arguments.get(2).map(String::as_str) {
        Some("none") => Durability::None,
        Some("operation") => Durability::PerOperation,
        _ => Durability::PerBatch,
    };
    let folder = tempfile::tempdir()?;
    let fs = CountingFs::new(Arc::new(OsFs));
    let options = LiveOptions {
        sections: sections(),
        deriver: Some(Arc::new(Indexes::new())),
        durability,
        threads: 2,
        verify: arguments.iter().any(|argument| argument == "verify"),
        ..LiveOptions::default()
    };
    let phase = |name: &str, since: (f64, f64)| {
        let (wall, (cpu, peak)) = (OsClock.monotonic().as_secs_f64(), usage());
        println!(
            "{{\"phase\":\"{name}\",\"seconds\":{:.2},\"cpu_seconds\":{:.2},\"peak_rss\":{peak}}}",
            wall - since.0,
            cpu - since.1
        );
        (wall, cpu)
    };
    let start = (OsClock.monotonic().as_secs_f64(), 0.0);
    let path = folder.path().join("db");
    let database = LiveDatabase::create(Arc::new(fs.clone()), path, options)?;
    let mut maker = Maker::new(rows);
    let mut batch = Batch::new();
    for i in 0..rows {
        maker.row(i);
        batch.set(&maker.keys[0], &maker.value)?;
        if (i + 1) % batch_rows == 0 {
            database.commit(std::mem::take(&mut batch))?;
        }
    }
    database.commit(batch)?;
    let loaded = phase("load", start);
    let report = database.seal(Batch::new())?;
    database.close()?;
    phase("seal", loaded);
    let (wall, (cpu, peak)) = (OsClock.monotonic().as_secs_f64() - start.0, usage());
    let counts = fs.counts();
    println!(
        "{{\"rows\":{rows},\"batch\":{batch_rows},\"durability\":\"{durability:?}\",\"seconds\":{wall:.2},\
         \"cpu_seconds\":{cpu:.2},\"peak_rss\":{peak},\"written_bytes\":{},\"read_bytes\":{},\
         \"tables\":{},\"disk_bytes\":{}}}",
        counts.write_bytes, counts.read_bytes, report.tables, report.bytes
    );
    Ok(())
}
