//! The same rows into SQLite as fast as we know how: no contract, nothing looked up, no journal, nothing synced before the
//! end; unique indexes kept on the way, plain ones built at the end, as the bulk load of the original does.

use c1z::envelope::{LEVEL_DEFAULT, publish, write_v1};
use c1z::record::message;
use rusqlite::{Connection, params};
use shingle::vfs::{Fs, OsFs};

use crate::made;
use crate::measure::Run;
use crate::{CALL, Job, Outcome, pack};

const SYNC: &str = "2qVyMyUb4B6tF8S1zv0KqZ3xQ1w";
const AT: &str = "2026-11-28 09:45:13.056791";
const SCHEMA: &str = include_str!("../../src/ops/build/v1/schema.sql");
const INSERT: &str = "INSERT INTO v1_grants (resource_type_id, resource_id, entitlement_id, \
     principal_resource_type_id, principal_resource_id, external_id, data, sync_id, discovered_at) \
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";

pub(crate) fn write(job: &Job<'_>, run: &Run) -> Outcome<u64> {
    let path = job.folder.join("sync.db");
    let connection = Connection::open(&path)?;
    for pragma in [
        "journal_mode = OFF",
        "synchronous = OFF",
        "locking_mode = EXCLUSIVE",
    ] {
        connection.execute_batch(&format!("PRAGMA {pragma}"))?;
    }
    let cache_kib = (job.memory_mib << 10) / 2;
    connection.execute_batch(&format!("PRAGMA cache_size = -{cache_kib}"))?;
    let (late, now): (Vec<_>, Vec<_>) = SCHEMA
        .split_terminator(";\n")
        .partition(|statement| statement.starts_with("CREATE INDEX"));
    for statement in now {
        connection.execute_batch(statement)?;
    }
    connection.execute(
        "INSERT INTO v1_sync_runs (sync_id, started_at, sync_token, grants_backfilled) VALUES (?, ?, '', 1)",
        [SYNC, AT],
    )?;
    let mut next = 0;
    while next < job.grants {
        let end = job.grants.min(next + CALL);
        connection.execute_batch("BEGIN")?;
        let mut insert = connection.prepare_cached(INSERT)?;
        for mut grant in (next..end).map(made::grant) {
            let of = grant.entitlement.id.clone();
            let (on, to) = (
                grant.entitlement.resource.id.clone(),
                grant.principal.id.clone(),
            );
            let id = format!("{of}:{}:{}", to.resource_type, to.resource);
            grant.id.clone_from(&id);
            insert.execute(params![
                on.resource_type,
                on.resource,
                of,
                to.resource_type,
                to.resource,
                id,
                message::encode(&grant),
                SYNC,
                AT
            ])?;
        }
        connection.execute_batch("COMMIT")?;
        next = end;
    }
    run.mark("written");
    for index in late {
        connection.execute_batch(index)?;
    }
    let stats = format!("{{\"grants\":{}}}", job.grants);
    connection.execute(
        "UPDATE v1_sync_runs SET ended_at = ?, stats = ?",
        [AT, &stats],
    )?;
    connection.execute_batch("PRAGMA locking_mode = NORMAL; SELECT 1 FROM v1_sync_runs")?;
    drop(connection);
    run.mark("sealed");
    let pack = pack(job);
    let output = job.folder.join("out.c1z");
    let database = OsFs.open(&path)?;
    let out = publish(&*pack.fs, &*pack.entropy, &output, pack.existing, |out| {
        write_v1(&*database, LEVEL_DEFAULT, out)
    });
    out?;
    run.mark("published");
    Ok(OsFs.metadata(&output)?.len)
}
