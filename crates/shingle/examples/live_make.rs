//! Makes live databases for `interop/run live`: `live_make OUT` writes `OUT/open/NAME/db` with the rows
//! that it must hold in `kv.ndjson` beside it, and `OUT/refused/NAME`, which the original engine must
//! not open.
#![expect(
    clippy::disallowed_methods,
    reason = "a test tool outside the product writes its lists"
)]

mod support;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use shingle::batch::Batch;
use shingle::live::{Deriver, LiveDatabase, LiveOptions};
use shingle::vfs::OsFs;
use support::Maker;
use support::indexes::{Indexes, sections};

type Failure = Box<dyn std::error::Error>;
type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

const ROWS: u64 = 6000;

fn options(derived: bool) -> LiveOptions {
    LiveOptions {
        sections: sections(),
        deriver: derived.then(|| Arc::new(Indexes::new()) as Arc<dyn Deriver>),
        write_buffer_bytes: 256 << 10,
        table_bytes: 64 << 10,
        ..LiveOptions::default()
    }
}

fn create(dir: &Path, derived: bool) -> shingle::Result<LiveDatabase> {
    LiveDatabase::create(Arc::new(OsFs), dir, options(derived))
}

/// Writes the rows `from..to`, and deletes some of them again.
fn write(database: &LiveDatabase, rows: &mut Rows, from: u64, to: u64) -> shingle::Result<()> {
    let mut maker = Maker::new(ROWS);
    let mut batch = Batch::new();
    for i in 0..to {
        maker.row(i);
        if i < from {
            continue;
        }
        let key = &maker.keys[0];
        batch.set(key, &maker.value)?;
        rows.insert(key.clone(), maker.value.clone());
        if i % 7 == 0 {
            batch.delete(key)?;
            rows.remove(key);
        }
        if i % 100 == 99 {
            database.commit(std::mem::take(&mut batch))?;
        }
    }
    database.commit(batch).map(drop)
}

/// Deletes a range of what was written.
fn delete_range(database: &LiveDatabase, rows: &mut Rows) -> Result<(), Failure> {
    let mut keys = rows.keys().skip(rows.len() / 3);
    let start = keys.next().ok_or("no rows")?.clone();
    let end = keys.nth(200).ok_or("few rows")?.clone();
    let mut batch = Batch::new();
    batch.delete_range(&start, &end)?;
    database.commit(batch)?;
    rows.retain(|key, _| *key < start || end <= *key);
    Ok(())
}

/// Writes the list of the rows, and of what follows from them if `derived`.
fn list(dir: &Path, rows: &Rows, derived: bool) -> Result<(), Failure> {
    let mut all = rows.clone();
    let indexes = Indexes::new();
    for (key, value) in rows.iter().filter(|_| derived) {
        indexes.derive(key, value, &mut |_, key, value| {
            all.insert(key.to_vec(), value.to_vec());
            Ok(())
        })?;
    }
    let hex = |bytes: &[u8]| {
        bytes
            .iter()
            .fold(String::new(), |text, b| text + &format!("{b:02x}"))
    };
    let mut text = String::new();
    for (key, value) in &all {
        writeln!(
            text,
            r#"{{"key_hex":"{}","value_hex":"{}"}}"#,
            hex(key),
            hex(value)
        )?;
    }
    fs::write(dir.join("kv.ndjson"), text)?;
    Ok(())
}

fn main() -> Result<(), Failure> {
    let out = PathBuf::from(std::env::args().nth(1).ok_or("usage: live_make OUT")?);
    let (open, refused) = (out.join("open"), out.join("refused"));
    fs::create_dir_all(&refused)?;
    let mut rows = Rows::new();

    // Little: in the log alone.
    let database = create(&refused.join("log-only"), true)?;
    write(&database, &mut rows, 0, 100)?;
    database.barrier()?;
    database.checkpoint_recovery(&refused.join("log-only-recovery"))?;
    database.close()?;

    // More: runs and a log; exchanged while live.
    let live = refused.join("runs");
    let database = create(&live, true)?;
    rows.clear();
    write(&database, &mut rows, 0, ROWS / 2)?;
    delete_range(&database, &mut rows)?;
    write(&database, &mut rows, ROWS / 2, ROWS / 2 + 50)?;
    database.checkpoint_recovery(&refused.join("runs-recovery"))?;
    let exchange = open.join("exchange");
    database.checkpoint_exchange(&exchange.join("db"))?;
    list(&exchange, &rows, true)?;
    database.close()?;

    // Sealed, edited, sealed again.
    let sealed = open.join("sealed");
    let database = create(&sealed.join("db"), true)?;
    rows.clear();
    write(&database, &mut rows, 0, ROWS / 2)?;
    database.seal(Batch::new())?;
    write(&database, &mut rows, ROWS / 2, ROWS)?;
    delete_range(&database, &mut rows)?;
    database.checkpoint_recovery(&refused.join("edited-recovery"))?;
    let linked = open.join("exchange-after-edits");
    database.checkpoint_exchange(&linked.join("db"))?;
    list(&linked, &rows, true)?;
    database.seal(Batch::new())?;
    list(&sealed, &rows, true)?;
    database.close()?;

    // Without derived rows a live directory is one for everybody.
    let plain = open.join("plain");
    let database = create(&plain.join("db"), false)?;
    rows.clear();
    write(&database, &mut rows, 0, ROWS)?;
    delete_range(&database, &mut rows)?;
    database.checkpoint_recovery(&open.join("plain-recovery/db"))?;
    list(&open.join("plain-recovery"), &rows, false)?;
    write(&database, &mut rows, ROWS / 2, ROWS / 2 + 10)?;
    list(&plain, &rows, false)?;
    database.close()?;
    Ok(())
}
