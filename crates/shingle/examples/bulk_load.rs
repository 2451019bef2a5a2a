//! Times the bulk builder: `bulk_load ROWS MEMORY_MIB THREADS [verify]` builds a database of that many
//! grants, five keys each, in a temporary directory and prints one JSON line a phase.
//!
//! The rows have the shape of those of `interop/run bench-load`, which times the original engine:
//! group by group, principals in no order, a value of 300 bytes on the first key of each.

#![expect(clippy::print_stdout, reason = "a measuring program prints")]

use std::fmt::Write as _;
use std::sync::Arc;

use shingle::bulk::{BulkBuilder, BulkOptions};
use shingle::vfs::{Clock, CountingFs, OsClock, OsFs};

/// Makes rows from a seed.
struct Maker {
    state: u64,
    rows: u64,
    keys: [Vec<u8>; 5],
    value: Vec<u8>,
}

impl Maker {
    fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn row(&mut self, i: u64) {
        let (group, user) = (i / 500, self.draw() % (self.rows / 10).max(10));
        let entitlement = format!("group\0group-{group:08}\x001\0member");
        let principal = format!("user\0user-{user:08}-{i:08x}");
        let tail = format!("{entitlement}\0{principal}");
        let hash = self.draw().to_be_bytes();
        let parts: [&[&[u8]]; 5] = [
            &[&[3, 4, 0], tail.as_bytes()],
            &[
                &[3, 7, 4, 0],
                principal.as_bytes(),
                &[0],
                entitlement.as_bytes(),
            ],
            &[&[3, 7, 5, 0], tail.as_bytes()],
            &[&[3, 7, 6, 0], b"user\0", tail.as_bytes()],
            &[
                &[3, 7, 8, 0],
                entitlement.as_bytes(),
                &hash,
                principal.as_bytes(),
            ],
        ];
        for (key, parts) in self.keys.iter_mut().zip(parts) {
            *key = parts.concat();
        }
        let mut value = String::new();
        let _ = write!(
            value,
            "group:group-{group:08}:member:user:user-{user:08}-{i:08x}{tail}\
             type.googleapis.com/c1.connector.v2.GrantMetadata ticket T-{:07} granted_by admin-{:03} ",
            self.draw() % 10_000_000,
            self.draw() % 1000
        );
        while value.len() < 300 {
            value.push_str("type.googleapis.com/c1.connector.v2.GrantImmutable ");
        }
        value.truncate(300);
        self.value = value.into_bytes();
    }
}

/// Processor seconds of this process, and its largest resident set in bytes.
fn usage() -> (f64, u64) {
    let field = |text: &str, at: usize| -> u64 {
        text.split_whitespace()
            .nth(at)
            .and_then(|n| n.parse().ok())
            .unwrap_or(0)
    };
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let stat = stat.rsplit(')').next().unwrap_or_default();
    let ticks = field(stat, 11) + field(stat, 12);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    #[expect(clippy::cast_precision_loss, reason = "hundredths of a second")]
    let seconds = ticks as f64 / 100.0;
    (seconds, peak.map_or(0, |peak| field(peak, 0)) * 1024)
}

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
    let mut maker = Maker {
        state: 1,
        rows,
        keys: Default::default(),
        value: Vec::new(),
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
    for i in 0..rows {
        maker.row(i);
    }
    let made = phase("make rows only", start);
    maker.state = 1;
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
