//! Times a whole sync on disk: `bench_write GRANTS [MEMORY_MIB [none|batch|operation]]` puts that many grants as messages in
//! calls of 1,000, ends the sync, publishes it, and prints a line a step.
//!
//! The making of the messages is in the time of the writing. Peak memory over the budget is an error.
#![expect(clippy::print_stdout, reason = "the figures are the point of the run")]

use std::sync::Arc;

use c1z::MemoryBudget;
use c1z::engine::types::SyncType;
use c1z::engine::{PebbleOptions, PebbleStore};
use c1z::ops::build::{PackOptions, publish_store};
use c1z_proto::connector::v2;
use shingle::live::Durability;
use shingle::vfs::{Clock, CountingFs, OsClock, OsFs};
use testkit::usage::usage;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

const CALL: u64 = 1000;
/// Grants of one entitlement.
const GRANTS_OF_ONE: u64 = 500;
/// Principals that they go to.
const PRINCIPALS: u64 = 50_000;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, default: u64| {
        let text = arguments.get(at);
        text.map_or(Ok(default), |text| text.parse::<u64>())
    };
    let (grants, memory_mib) = (number(0, 1_000_000)?, number(1, 256)?);
    let durability = match arguments.get(2).map(String::as_str) {
        Some("none") => Durability::None,
        Some("operation") => Durability::PerOperation,
        _ => Durability::PerBatch,
    };
    let folder = tempfile::tempdir()?;
    let fs = CountingFs::new(Arc::new(OsFs));
    let options = PebbleOptions {
        durability,
        // The block cache, the allocator and the messages take the rest.
        memory_bytes_max: (memory_mib << 20) / 2,
        ..PebbleOptions::default()
    };
    mark("start");
    let store = PebbleStore::create_in(Arc::new(fs.clone()), folder.path().join("db"), options)?;
    let engine = store.engine();
    engine.start_new_sync(&SyncType::Full, "")?;
    let mut next = 0;
    while next < grants {
        let end = grants.min(next + CALL);
        let call: Vec<v2::Grant> = (next..end).map(grant).collect();
        engine.put_grants(&call)?;
        next = end;
    }
    mark("written");
    engine.end_sync()?;
    mark("sealed");
    let mut pack = PackOptions {
        fs: Arc::new(fs.clone()),
        ..PackOptions::default()
    };
    pack.write.budget = MemoryBudget::new(memory_mib << 20);
    let file = publish_store(&store, &folder.path().join("out.c1z"), &pack)?;
    mark("published");
    let counts = fs.counts();
    println!(
        "{} rows of {} MiB, file {} bytes; wrote {} MiB, read {} MiB",
        file.sync.database.rows,
        file.sync.database.raw_bytes >> 20,
        file.envelope.file_len,
        counts.write_bytes >> 20,
        counts.read_bytes >> 20,
    );
    let (_, peak) = usage();
    if peak > memory_mib {
        return Err(format!("peak memory is over the budget mib=`{peak}`").into());
    }
    Ok(())
}

/// The `n`-th grant: entitlements one after the other, principals in no order.
fn grant(n: u64) -> v2::Grant {
    let resource = |of: &str, id: String| v2::Resource {
        id: Some(v2::ResourceId {
            resource_type: of.to_owned(),
            resource: id,
            ..Default::default()
        })
        .into(),
        ..Default::default()
    };
    let group = format!("group-{:08}", n / GRANTS_OF_ONE);
    let user = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) % PRINCIPALS;
    v2::Grant {
        entitlement: Some(v2::Entitlement {
            id: format!("group:{group}:member"),
            resource: Some(resource("group", group)).into(),
            ..Default::default()
        })
        .into(),
        principal: Some(resource("user", format!("user-{user:08}"))).into(),
        ..Default::default()
    }
}

fn mark(what: &str) {
    let (cpu, peak) = usage();
    let wall = OsClock.monotonic().as_secs_f64();
    println!("{what:<10} {wall:>7.2} s {cpu:>7.2} cpu s  peak {peak:>4} MiB");
}
