//! Times every kind of call on our engine and on SQLite, in one process: `bench_engines [GRANTS]`. Both are on disk, hold the
//! same records and answer through the same traits. Reads are taken in turn, the best of [`ROUNDS`] counts; writes happen
//! once. Prints a line a kind, and at the end every kind in which ours is slower.
#![expect(clippy::print_stdout, reason = "the figures are the point of the run")]

mod made;
mod reads;

use std::path::Path;
use std::sync::Arc;

use c1z::OpenOptions;
use c1z::engine::types::{EntitlementRef, GrantKey, SyncType};
use c1z::engine::{
    GrantFilter, PageRequest, PebbleOptions, PebbleStore, Scope, SqliteOptions, SqliteStore,
    StorageEngine,
};
use c1z::ops::build::{PackOptions, publish_store};
use shingle::vfs::{Clock, OsClock, OsFs};

use made::{Made, grant_id};

pub(crate) type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// How often a read is timed on each engine.
const ROUNDS: usize = 3;
/// Records of a call.
const CALL: usize = 1_000;

/// Milliseconds of one kind on both engines: ours, SQLite's.
struct Line {
    name: String,
    millis: [f64; 2],
}

#[derive(Default)]
struct Lines(Vec<Line>);

impl Lines {
    fn add(&mut self, name: &str, millis: [f64; 2]) {
        let [ours, sqlite] = millis;
        let mark = if ours > sqlite { "  slower" } else { "" };
        println!(
            "{name:<46} {ours:>10.2} ms {sqlite:>10.2} ms {:>8.2}{mark}",
            sqlite / ours
        );
        self.0.push(Line {
            name: name.to_owned(),
            millis,
        });
    }

    /// Times one write on each engine.
    fn write(
        &mut self,
        name: &str,
        engines: [&dyn StorageEngine; 2],
        mut work: impl FnMut(&dyn StorageEngine) -> Outcome<()>,
    ) -> Outcome<()> {
        let mut millis = [0.0; 2];
        for (engine, millis) in engines.into_iter().zip(&mut millis) {
            *millis = timed(|| work(engine))?.0;
        }
        self.add(name, millis);
        Ok(())
    }

    fn finish(&self) {
        let slower = self.0.iter().filter(|line| line.millis[0] > line.millis[1]);
        let slower: Vec<&str> = slower.map(|line| line.name.as_str()).collect();
        println!(
            "ours is slower in {} of {}: {slower:?}",
            slower.len(),
            self.0.len()
        );
    }
}

/// Milliseconds that `work` takes.
pub(crate) fn timed<T>(work: impl FnOnce() -> Outcome<T>) -> Outcome<(f64, T)> {
    let before = OsClock.monotonic();
    let value = work()?;
    let taken = OsClock.monotonic().saturating_sub(before);
    Ok((taken.as_secs_f64() * 1_000.0, value))
}

fn main() -> Outcome<()> {
    let grants = std::env::args().nth(1);
    let grants = grants.map_or(Ok(100_000), |text| text.parse())?;
    let folder = tempfile::tempdir()?;
    let ours = PebbleStore::create_in(
        Arc::new(OsFs),
        folder.path().join("pebble"),
        PebbleOptions::default(),
    )?;
    let options = SqliteOptions {
        // As much as our own engine has for its buffers.
        cache_bytes: PebbleOptions::default().memory_bytes_max,
        ..SqliteOptions::default()
    };
    let sqlite = SqliteStore::create_in(folder.path().join("sqlite"), options)?;
    let engines = [ours.engine(), sqlite.engine()];
    let made = Made::new(grants);
    println!(
        "{grants} grants{:>42} {:>13} {:>11}",
        "ours", "sqlite", "times"
    );
    let mut lines = Lines::default();
    load(&mut lines, engines, &made)?;
    reads::run(&mut lines, engines, &made)?;
    change(&mut lines, engines, &made)?;
    save_and_open(&mut lines, &ours, &sqlite, folder.path())?;
    lines.write("delete the sync", engines, |engine| {
        let run = engine.latest_finished_sync(None)?.ok_or("no sync")?;
        Ok(engine.delete_sync_run(&run.id)?)
    })?;
    lines.finish();
    Ok(())
}

fn load(lines: &mut Lines, engines: [&dyn StorageEngine; 2], made: &Made) -> Outcome<()> {
    for engine in engines {
        engine.start_new_sync(&SyncType::Full, "")?;
        engine.put_resource_types(&Made::resource_types())?;
    }
    lines.write("put resources", engines, |engine| {
        let all = made.resources();
        all.chunks(CALL)
            .try_for_each(|call| Ok(engine.put_resources(call)?))
    })?;
    lines.write("put entitlements", engines, |engine| {
        let all = made.entitlements();
        all.chunks(CALL)
            .try_for_each(|call| Ok(engine.put_entitlements(call)?))
    })?;
    lines.write("put grants", engines, |engine| {
        for start in (0..made.grants).step_by(CALL) {
            let call: Vec<_> = (start..made.grants.min(start + CALL))
                .map(|n| made.grant(n))
                .collect();
            engine.put_grants(&call)?;
        }
        Ok(())
    })?;
    lines.write("put a tenth of the grants again", engines, |engine| {
        for start in (0..made.grants / 10).step_by(CALL) {
            let end = (made.grants / 10).min(start + CALL);
            let call: Vec<_> = (start..end).map(|n| made.grant(n * 10)).collect();
            engine.put_grants(&call)?;
        }
        Ok(())
    })?;
    lines.write("put 1,000 grants, one a call", engines, |engine| {
        (0..1_000).try_for_each(|n| Ok(engine.put_grants(&[made.grant(n * 7 % made.grants)])?))
    })?;
    lines.write("end the sync", engines, |engine| Ok(engine.end_sync()?))
}

/// Deletes in a finished sync that is current again.
fn change(lines: &mut Lines, engines: [&dyn StorageEngine; 2], made: &Made) -> Outcome<()> {
    for engine in engines {
        let run = engine.latest_finished_sync(None)?.ok_or("no sync")?;
        engine.set_current_sync(&run.id)?;
    }
    let spread = |k: usize| made.grant(made.spread(k));
    lines.write("delete 1,000 grants by id", engines, |engine| {
        let ids: Vec<String> = (0..1_000).map(|k| grant_id(&spread(k))).collect();
        Ok(engine.delete_grants_by_ids(&ids).map(drop)?)
    })?;
    lines.write("delete 1,000 grants by structure", engines, |engine| {
        let keys: Vec<GrantKey> = (1_000..2_000).map(|k| made::key_of(&spread(k))).collect();
        Ok(engine.delete_grants_by_keys(&keys).map(drop)?)
    })?;
    lines.write("end it again", engines, |engine| Ok(engine.end_sync()?))
}

fn save_and_open(
    lines: &mut Lines,
    ours: &PebbleStore,
    sqlite: &SqliteStore,
    folder: &Path,
) -> Outcome<()> {
    let (v3, v1) = (folder.join("v3.c1z"), folder.join("v1.c1z"));
    let pack = PackOptions::default();
    let saved = [
        timed(|| Ok(publish_store(ours, &v3, &pack).map(drop)?))?.0,
        timed(|| Ok(sqlite.save(&v1, &pack).map(drop)?))?.0,
    ];
    lines.add("save", saved);
    let (_, file) = timed(|| Ok(c1z::open_with(&v3, &OpenOptions::default())?))?;
    let entitlement = file
        .reader()
        .stream_entitlements(&Scope::Default, &c1z::engine::EntitlementFilter::default())?
        .next()
        .ok_or("no entitlement")??;
    drop(file);
    let filter = GrantFilter {
        entitlement: Some(EntitlementRef::bare(&entitlement.id)),
        ..GrantFilter::default()
    };
    let page = PageRequest::first(100);
    let mut opened = [f64::MAX; 2];
    for round in 0..ROUNDS {
        let (millis, _) = timed(|| {
            let file = c1z::open_with(&v3, &OpenOptions::default())?;
            Ok(file.reader().list_grants(&Scope::Default, &filter, &page)?)
        })?;
        opened[0] = opened[0].min(millis);
        let work = folder.join(format!("opened-{round}"));
        let (millis, _) = timed(|| {
            let store = SqliteStore::unpack(&v1, &work, SqliteOptions::default())?;
            Ok(store
                .engine()
                .list_grants(&Scope::Default, &filter, &page)?)
        })?;
        opened[1] = opened[1].min(millis);
    }
    lines.add("open a file and read the first page", opened);
    Ok(())
}
