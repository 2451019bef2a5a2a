//! Times a live load: `live_load ROWS [BATCH [DURABILITY]]` writes that many grants in calls of
//! BATCH (1000) into a live database in a temporary directory, seals it, and prints one JSON line a
//! phase. DURABILITY is `none`, `batch` (default) or `operation`.
//!
//! The rows have the shape of those of `interop/run bench-load`, which times the original engine.
//! Primary rows alone are written; the four index keys of each are derived.

#![expect(clippy::print_stdout, reason = "a measuring program prints")]

mod support;

use std::sync::Arc;

use shingle::batch::Batch;
use shingle::iter::Bounds;
use shingle::live::{DerivedOrder, Deriver, Durability, Emit, Family, LiveDatabase, LiveOptions};
use shingle::vfs::{Clock, CountingFs, OsClock, OsFs};
use support::{Maker, usage};

/// Derives the index keys from a primary key, as `bench-load` makes them; the hash in the last one is
/// of the key.
#[derive(Debug)]
struct Indexes {
    families: Vec<Family>,
    sources: Vec<Bounds>,
}

impl Indexes {
    fn new() -> Self {
        let orders = [
            DerivedOrder::Any,
            DerivedOrder::AsPrimaries,
            DerivedOrder::AsPrimaries,
            DerivedOrder::Any,
        ];
        let families = [4, 5, 6, 8].into_iter().zip(orders);
        Self {
            families: families
                .map(|(n, order)| Family {
                    bounds: Bounds::prefix(&[3, 7, n]),
                    order,
                    kept: false,
                })
                .collect(),
            sources: vec![Bounds::prefix(&[3, 4])],
        }
    }
}

impl Deriver for Indexes {
    fn families(&self) -> &[Family] {
        &self.families
    }

    fn sources(&self) -> &[Bounds] {
        &self.sources
    }

    fn derive(&self, key: &[u8], _value: &[u8], emit: &mut Emit<'_>) -> shingle::Result<()> {
        let tail = key.get(3..).unwrap_or_default();
        let cuts = tail.iter().enumerate().filter(|(_, byte)| **byte == 0);
        let cut = cuts.map(|(at, _)| at).nth(3).unwrap_or_default();
        let (entitlement, principal) = tail.split_at(cut);
        let principal = principal.get(1..).unwrap_or_default();
        let hash = hash_of(tail).to_be_bytes();
        emit(
            0,
            &[&[3, 7, 4, 0], principal, &[0], entitlement].concat(),
            &[],
        )?;
        emit(1, &[&[3, 7, 5, 0], tail].concat(), &[])?;
        emit(2, &[&[3, 7, 6, 0], &b"user\0"[..], tail].concat(), &[])?;
        emit(
            3,
            &[&[3, 7, 8, 0], entitlement, &hash, principal].concat(),
            &[],
        )
    }
}

/// FNV-1a, mixed so that its high bytes vary.
fn hash_of(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325, step);
    (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

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
    let headers = [&[3, 4][..], &[3, 7, 4], &[3, 7, 5], &[3, 7, 6], &[3, 7, 8]];
    let options = LiveOptions {
        sections: headers.into_iter().map(<[u8]>::to_vec).collect(),
        deriver: Some(Arc::new(Indexes::new())),
        durability,
        threads: 2,
        verify: false,
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
