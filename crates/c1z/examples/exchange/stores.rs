//! Stores on disk: sealed directories, directories that are still written, published files, and Go's unfinished files
//! resumed by us.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use c1z::OpenOptions;
use c1z::engine::types::{SyncId, SyncRun, SyncType};
use c1z::engine::{PebbleOptions, PebbleStore, Profile};
use c1z::ops::build::{PackOptions, publish_store};
use shingle::live::CompactionPolicy;
use shingle::vfs::OsFs;
use testkit::chance::Chance;
use testkit::clock::ManualClock;
use testkit::generate::{GenerateOptions, Generated, GeneratedAsset, generate};
use testkit::golden::{Format, packed_files};
use testkit::rebuild::{self, Rows};

use crate::files::{fan_out, name_expandable};
use crate::{Outcome, list};

/// Makes all of it in `out`: `open/NAME/{db,kv.ndjson.gz}`, `refused/NAME`, `files/NAME.{c1z,kv.ndjson.gz}`.
pub(crate) fn make(out: &Path) -> Outcome<String> {
    let folders = Folders::create(out)?;
    let mut rows = 0;
    for seed in 1..=2 {
        rows += folders.whole_life(seed)?;
    }
    folders.log_only()?;
    let resumed = folders.resume_theirs()?;
    let (open, refused) = (count(&folders.open)?, count(&folders.refused)?);
    let files = count(&folders.files)? / 2;
    Ok(format!(
        "{open} sealed directories, {refused} unsealed ones, {files} published files, {resumed} of them Go's unfinished \
         ones resumed and finished; {rows} rows"
    ))
}

struct Folders {
    open: PathBuf,
    refused: PathBuf,
    files: PathBuf,
}

impl Folders {
    fn create(out: &Path) -> Outcome<Self> {
        let [open, refused, files] = ["open", "refused", "files"].map(|name| out.join(name));
        for folder in [&open, &refused, &files] {
            std::fs::create_dir_all(folder)?;
        }
        Ok(Self {
            open,
            refused,
            files,
        })
    }

    /// A sync that is published half way, ended, edited, ended again; directories are copied in between.
    fn whole_life(&self, seed: u64) -> Outcome<usize> {
        let made = records(seed);
        let dir = self.open.join(format!("twice-{seed}"));
        let store = create(&dir.join("db"), Little::Memory)?;
        let engine = store.engine();
        let sync = engine.start_new_sync(&SyncType::Full, "")?;
        made.write_to(engine, 97)?;
        engine.session_set(&sync, "prefix", "key", b"value")?;
        engine.checkpoint_sync(
            r#"{"current_action":{"operation":"list-grants","page_token":"p-42"}}"#,
        )?;
        copy(&dir.join("db"), &self.refused.join(format!("runs-{seed}")))?;
        self.publish(&store, &format!("unfinished-{seed}"))?;
        engine.end_sync()?;
        self.publish(&store, &format!("finished-{seed}"))?;
        let once = self.open.join(format!("once-{seed}"));
        copy(&dir.join("db"), &once.join("db"))?;
        let rows = rows_in(&store)?;
        list::save(&once.join("kv.ndjson.gz"), &rows)?;
        edit(&store, &sync, &made)?;
        copy(
            &dir.join("db"),
            &self.refused.join(format!("edited-{seed}")),
        )?;
        engine.end_sync()?;
        self.publish(&store, &format!("twice-{seed}"))?;
        let sealed = rows_in(&store)?;
        list::save(&dir.join("kv.ndjson.gz"), &sealed)?;
        store.close()?;
        Ok(rows.len() + sealed.len())
    }

    /// All of it is in the log.
    fn log_only(&self) -> Outcome<()> {
        let store = create(&self.refused.join("log-only"), Little::Nothing)?;
        store.engine().start_new_sync(&SyncType::Full, "")?;
        store
            .engine()
            .put_resource_types(&records(9).resource_types)?;
        store.engine().checkpoint_sync("token")?;
        Ok(store.close()?)
    }

    /// Go's unfinished files, of either layout, go on in a directory and end.
    fn resume_theirs(&self) -> Outcome<usize> {
        let mut resumed = 0;
        for file in packed_files()? {
            let is_unfinished = file.case.name.contains("unfinished");
            if file.format == Format::V1 || !is_unfinished {
                continue;
            }
            let (_, theirs) = rebuild::read_v3(&OsFs, &file.case.path(file.file))?;
            let Some((run, _)) = rebuild::run_of(&theirs)? else {
                return Err("a file without a sync".into());
            };
            let name = format!(
                "resumed-{}-{}",
                file.case.name,
                file.file.trim_end_matches(".c1z")
            );
            let dir = self.open.join(&name);
            let options = PebbleOptions {
                clock: Arc::new(clock_after(&run)?),
                ..options(Little::Memory)
            };
            let store = PebbleStore::resume_file(
                file.case.path(file.file),
                &OpenOptions::default(),
                dir.join("db"),
                options,
            )?;
            let engine = store.engine();
            if engine.resume_sync(None, None)? != run.id {
                return Err("another sync".into());
            }
            engine.end_sync()?;
            list::save(&dir.join("kv.ndjson.gz"), &rows_in(&store)?)?;
            self.publish(&store, &name)?;
            store.close()?;
            resumed += 1;
        }
        Ok(resumed)
    }

    fn publish(&self, store: &PebbleStore, name: &str) -> Outcome<()> {
        let path = self.files.join(format!("{name}.c1z"));
        publish_store(store, &path, &PackOptions::default())?;
        list::save(&path.with_extension("kv.ndjson.gz"), &rows_in(store)?)
    }
}

/// Of what a store has little.
#[derive(Clone, Copy)]
enum Little {
    /// So that runs are written.
    Memory,
    Nothing,
}

fn options(little: Little) -> PebbleOptions {
    PebbleOptions {
        // Statistics as the engine counts them, which names no type without resources.
        profile: Profile::GoPebble,
        memory_bytes_max: match little {
            Little::Memory => 1 << 20,
            Little::Nothing => 64 << 20,
        },
        // Directories are copied while they are written: nothing may go away meanwhile.
        compaction: CompactionPolicy {
            background: false,
            ..CompactionPolicy::default()
        },
        ..PebbleOptions::default()
    }
}

fn create(dir: &Path, little: Little) -> Outcome<PebbleStore> {
    Ok(PebbleStore::create_in(
        Arc::new(OsFs),
        dir,
        options(little),
    )?)
}

fn records(seed: u64) -> Generated {
    let mut chance = Chance::seeded(seed);
    let mut made = generate(&GenerateOptions::small(seed));
    fan_out(&mut made, 2500);
    name_expandable(&mut made);
    // One that is a table of its own, in noise and in text.
    for (id, data) in [
        ("large-noise", chance.bytes((2 << 20) + 17)),
        ("large-text", b"<svg/>".repeat(300_000)),
    ] {
        made.assets.push(GeneratedAsset {
            id: id.to_owned(),
            content_type: "image/svg+xml".to_owned(),
            data,
        });
    }
    made
}

/// Changes some of a finished sync.
fn edit(store: &PebbleStore, sync: &SyncId, made: &Generated) -> Outcome<()> {
    let engine = store.engine();
    engine.set_current_sync(sync)?;
    let last = made.grants.last().ok_or("no grants")?;
    engine.delete_grant(&last.id)?;
    let mut grants = made
        .grants
        .iter()
        .rev()
        .skip(5)
        .take(40)
        .cloned()
        .collect::<Vec<_>>();
    for grant in &mut grants {
        grant.id.push_str("-edited");
    }
    engine.put_grants(&grants)?;
    Ok(engine.put_asset("large-text", "text/plain", &mut &b"short now"[..])?)
}

fn rows_in(store: &PebbleStore) -> Outcome<Rows> {
    let mut rows = Rows::new();
    store.for_each_row(&mut |key, value| {
        rows.insert(key.to_vec(), value.to_vec());
        Ok(())
    })?;
    Ok(rows)
}

/// An hour after a run began: it is not abandoned yet.
fn clock_after(run: &SyncRun) -> Outcome<ManualClock> {
    let mut at = run.started_at.ok_or("a run that never began")?;
    at.seconds += 3600;
    Ok(ManualClock::at(at))
}

fn copy(from: &Path, to: &Path) -> Outcome<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        std::fs::copy(entry.path(), to.join(entry.file_name()))?;
    }
    Ok(())
}

fn count(folder: &Path) -> Outcome<usize> {
    Ok(std::fs::read_dir(folder)?.count())
}
