//! Times the bulk builder: `bulk_load ROWS MEMORY_MIB THREADS [verify]` builds a database of that many
//! grants, five keys each, in a temporary directory and prints one JSON line a phase.
//!
//! The rows have the shape of those of `interop/run bench-load`, which times the original engine:
//! group by group, principals in no order, a value of 300 bytes on the first key of each.

#![expect(clippy::print_stdout, reason = "a measuring program prints")]

mod support;

use std::sync::Arc;

use shingle::bulk::{BulkBuilder, BulkOptions};
use shingle::vfs::{Clock, CountingFs, OsClock, OsFs};
use support::{Maker, usage};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default: u64| -> Result<u64, std::num::ParseIntError> {
        arguments.next().map_or(Ok(default), |text| text.parse())
    };
    let (rows, memory, threads) = (number(1_000_000)?, number(64)?, number(2)?);
    let verify = std::env::args().any(|argument| argument == "verify");
    let folder = tempfile::tempdir()?;
    let fs = CountingFs::new(Arc::new(OsFs));
    let headers = [&[3, 4][..], &[3, 7, 4], &[3, 7, 5], &[3, 7, 6], &[3, 7, 8]];
    let options = BulkOptions {
        memory_bytes: usize::try_from(memory << 20)?,
        threads: usize::try_from(threads)?,
        sections: headers.into_iter().map(<[u8]>::to_vec).collect(),
        verify,
        sync: false,
        ..BulkOptions::default()
    };
    let mut maker = Maker::new(rows);
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
    for i in 0..rows {
        maker.row(i);
    }
    let made = phase("make rows only", start);
    maker = Maker::new(rows);
    let mut builder = BulkBuilder::new(Arc::new(fs.clone()), folder.path().join("db"), options)?;
    for i in 0..rows {
        maker.row(i);
        for (n, key) in maker.keys.iter().enumerate() {
            let value: &[u8] = if n == 0 { &maker.value } else { &[] };
            builder.add(key, value)?;
        }
    }
    let added = phase("add", made);
    let built = builder.finish()?;
    phase("finish", added);
    let len: u64 = built.files.iter().map(|(_, len)| len).sum();
    let counts = fs.counts();
    println!(
        "{{\"rows\":{},\"tables\":{},\"raw_bytes\":{},\"file_bytes\":{len},\"written_bytes\":{},\
         \"read_bytes\":{}}}",
        built.rows,
        built.tables.len(),
        built.raw_bytes,
        counts.write_bytes,
        counts.read_bytes
    );
    Ok(())
}
