//! Times reads of a v1 file next to SQLite in C, in one run: `just bench-v1 FOLDER`.
//!
//! Both sides do the same work from the same packed file: decode the zstd stream, open the database, find rows, decode
//! every grant with the same codec. SQLite reads a database file in the temporary folder with prepared statements; ours
//! reads the database in memory, by way of the whole reading contract. Every phase checks that both found as many rows.
#![allow(
    clippy::print_stdout,
    reason = "a measurement: the figures are the point"
)]

use std::io::Read as _;
use std::path::Path;

use c1z::Store;
use c1z::engine::types::{EntitlementRef, ResourceRef};
use c1z::engine::{EntitlementFilter, GrantFilter, ResourceFilter, Scope};
use c1z::record::message;
use c1z_proto::connector::v2;
use rusqlite::{Connection, OpenFlags, Rows, params};
use shingle::vfs::{Clock, Fs, OsClock, OsFs};
use testkit::golden::read_file;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
    for path in std::env::args().skip(1) {
        compare(Path::new(&path))?;
    }
    Ok(())
}

/// Runs one side of a phase: rows, and seconds.
fn timed(run: impl FnOnce() -> Result<u64>) -> Result<(u64, f64)> {
    let start = OsClock.monotonic();
    let rows = run()?;
    let took = OsClock.monotonic().saturating_sub(start);
    Ok((rows, took.as_secs_f64()))
}

/// Runs both sides of a phase and prints them.
fn phase(
    name: &str,
    ours: impl FnOnce() -> Result<u64>,
    sqlite: impl FnOnce() -> Result<u64>,
) -> Result<()> {
    let (rows, seconds) = timed(ours)?;
    let (rows_sqlite, seconds_sqlite) = timed(sqlite)?;
    assert_eq!(rows, rows_sqlite, "{name}: both sides find the same rows");
    let ratio = seconds_sqlite / seconds;
    println!("{name:<30} {rows:>8} rows {seconds:>9.4} s {seconds_sqlite:>9.4} s {ratio:>6.2}");
    Ok(())
}

fn compare(path: &Path) -> Result<()> {
    println!("{}: rows, ours, SQLite, ratio", path.display());
    let scratch = tempfile::tempdir()?;
    let image = scratch.path().join("x.db");
    let (mut ours, mut sqlite) = (None, None);
    phase(
        "decode and open",
        || {
            ours = Some(c1z::open(path)?);
            Ok(1)
        },
        || {
            sqlite = Some(open_sqlite(path, &image)?);
            Ok(1)
        },
    )?;
    if let (Some(ours), Some(sqlite)) = (ours, sqlite) {
        lists(&ours, &sqlite)?;
        points(&ours, &sqlite)?;
        let pages = ours.sqlite().map(c1z::sqlite_file::Database::counters);
        println!("ours: {pages:?}");
    }
    Ok(())
}

fn lists(ours: &Store, sqlite: &Connection) -> Result<()> {
    let all = "select data from v1_grants where sync_id = ?1";
    for name in ["all grants, decoded", "all grants, again"] {
        let everything = GrantFilter::default();
        phase(name, || stream(ours, &everything), || by(sqlite, all, &[]))?;
    }
    let users = ResourceFilter {
        resource_type: "user".into(),
        parent: None,
    };
    let users = ours.reader().stream_resources(&Scope::Default, &users)?;
    let users = users.map(|row| row.map(|row| row.id.resource.clone()));
    let users = sample(users, 1_000)?;
    let by_principal = "select data from v1_grants where sync_id = ?1 \
         and principal_resource_type_id = 'user' and principal_resource_id = ?2 order by id";
    let ours_by_principal = || {
        total(&users, |id| {
            let filter = GrantFilter {
                principal: Some(ResourceRef::new("user", id)),
                ..GrantFilter::default()
            };
            stream(ours, &filter)
        })
    };
    let name = "by principal, 1,000 lists";
    phase(name, ours_by_principal, || by(sqlite, by_principal, &users))?;
    let rows = ours.reader();
    let rows = rows.stream_entitlements(&Scope::Default, &EntitlementFilter::default())?;
    let entitlements = sample(rows.map(|row| row.map(|row| row.id)), 100)?;
    let by_entitlement =
        "select data from v1_grants where sync_id = ?1 and entitlement_id = ?2 order by id";
    let ours_by_entitlement = || {
        total(&entitlements, |id| {
            let filter = GrantFilter {
                entitlement: Some(EntitlementRef::bare(id)),
                ..GrantFilter::default()
            };
            stream(ours, &filter)
        })
    };
    let theirs = || by(sqlite, by_entitlement, &entitlements);
    phase("by entitlement, 100 lists", ours_by_entitlement, theirs)
}

fn points(ours: &Store, sqlite: &Connection) -> Result<()> {
    let rows = ours.reader();
    let rows = rows.stream_grants(&Scope::Default, &GrantFilter::default())?;
    let grants = sample(rows.map(|row| row.map(|row| row.grant.id)), 1_000)?;
    let by_id = "select data from v1_grants where sync_id = ?1 and external_id = ?2";
    let ours_by_id = || {
        total(&grants, |id| {
            ours.reader().get_grant(&Scope::Default, id)?;
            Ok(1)
        })
    };
    phase("get grant by id, 1,000 times", ours_by_id, || {
        by(sqlite, by_id, &grants)
    })?;
    let ours_counted = || Ok(u64::try_from(ours.reader().stats(None, None)?.grants)?);
    phase("count by type, all tables", ours_counted, || count(sqlite))
}

/// What our statistics count: rows by resource type. Returns the number of grants.
fn count(sqlite: &Connection) -> Result<u64> {
    let sync = sync(sqlite)?;
    let mut grants = 0;
    for table in ["v1_resources", "v1_entitlements", "v1_grants"] {
        let query =
            format!("select resource_type_id, count(*) from {table} where sync_id = ?1 group by 1");
        let mut statement = sqlite.prepare(&query)?;
        let counts = statement.query_map([&sync], |row| row.get::<_, i64>(1))?;
        let counts = counts.collect::<rusqlite::Result<Vec<_>>>()?;
        grants = counts.iter().sum();
    }
    for table in ["v1_resource_types", "v1_assets"] {
        let query = format!("select count(*) from {table} where sync_id = ?1");
        sqlite.query_row(&query, [&sync], |row| row.get::<_, i64>(0))?;
    }
    Ok(u64::try_from(grants)?)
}

/// Decodes the stream with C zstd into a file, and opens that.
fn open_sqlite(path: &Path, image: &Path) -> Result<Connection> {
    let packed = read_file(path)?;
    let mut bytes = Vec::new();
    zstd::Decoder::new(packed.get(5..).unwrap_or_default())?.read_to_end(&mut bytes)?;
    // Rollback journal: so that opening makes no other files.
    bytes.get_mut(18..20).ok_or("no database")?.fill(1);
    OsFs.create(image)?.write_all(&bytes)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    Ok(Connection::open_with_flags(image, flags)?)
}

/// The sync that both sides read.
fn sync(sqlite: &Connection) -> Result<String> {
    let latest = "select sync_id from v1_sync_runs where ended_at is not null \
         order by ended_at desc limit 1";
    Ok(sqlite.query_row(latest, [], |row| row.get(0))?)
}

/// Grants of a query that takes the sync and a key, for every key; for none, that takes the sync.
fn by(sqlite: &Connection, query: &str, keys: &[String]) -> Result<u64> {
    let sync = sync(sqlite)?;
    let mut statement = sqlite.prepare(query)?;
    if keys.is_empty() {
        return decode(statement.query([&sync])?);
    }
    let mut count = 0;
    for key in keys {
        count += decode(statement.query(params![sync, key])?)?;
    }
    Ok(count)
}

fn decode(mut rows: Rows<'_>) -> Result<u64> {
    let mut count = 0;
    while let Some(row) = rows.next()? {
        let grant: v2::Grant = message::decode("grant", row.get_ref(0)?.as_blob()?)?;
        std::hint::black_box(grant);
        count += 1;
    }
    Ok(count)
}

fn stream(store: &Store, filter: &GrantFilter) -> Result<u64> {
    let mut rows = 0;
    for row in store.reader().stream_grants(&Scope::Default, filter)? {
        std::hint::black_box(row?);
        rows += 1;
    }
    Ok(rows)
}

fn total(keys: &[String], mut read: impl FnMut(&str) -> Result<u64>) -> Result<u64> {
    keys.iter().map(|key| read(key)).sum()
}

/// About `count` items, evenly spread.
fn sample(items: impl Iterator<Item = c1z::Result<String>>, count: usize) -> Result<Vec<String>> {
    let all = items.collect::<c1z::Result<Vec<_>>>()?;
    let step = (all.len() / count).max(1);
    Ok(all.into_iter().step_by(step).take(count).collect())
}
