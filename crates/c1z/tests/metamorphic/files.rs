//! Operations over files (`store-contract` §4), on what sequences left in them: each has an answer that follows from the
//! records of the two syncs alone.
//!
//! The records are read of the first store of the bench, when a sync is kept, and so not of the files.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use c1z::engine::ids::Ksuids;
use c1z::engine::types::{SyncId, SyncRun, SyncType};
use c1z::engine::{Identity, Profile, Reader};
use c1z::envelope::Existing;
use c1z::ops::convert::{ConvertOptions, FileFormat};
use c1z::ops::copy::{CloneOptions, clone_sync, snapshot};
use c1z::ops::delta::{DeltaInput, DeltaOptions, additions, pair};
use c1z::ops::diff::{Change, Compared, DiffOptions, Side, diff};
use c1z::ops::merge::{MergeOptions, merge};
use c1z::ops::rollback::{RollbackOptions, rollback};
use c1z::ops::{NoObserver, StoredRecord};
use c1z::{Error, ErrorKind, MemoryBudget, Store};
use c1z_proto::connector::v2;
use shingle::db::ScanOptions;
use shingle::iter::Bounds;
use shingle::vfs::{Fs, MemFs};
use testkit::chance::SeededEntropy;
use testkit::clock::ManualClock;

use crate::options::OptionSet;

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileOp {
    /// A copy of the first file.
    Snapshot,
    /// The changes from the first to the second.
    Diff,
    /// What only the second holds, as a file.
    Additions,
    /// The changes from the first to the second, as two files.
    Pair,
    /// Both as one.
    Merge,
    /// The first without what expansion did.
    Rollback,
}

impl FileOp {
    pub(crate) const ALL: [Self; 6] = [
        Self::Snapshot,
        Self::Diff,
        Self::Additions,
        Self::Pair,
        Self::Merge,
        Self::Rollback,
    ];
}

/// Records by kind and identity: their canonical bytes.
pub(crate) type Records = BTreeMap<(usize, Vec<String>), Vec<u8>>;

/// A finished sync in a file of its own.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) path: String,
    format: FileFormat,
    run: SyncRun,
    records: Records,
}

/// Where files are and how they are read and written.
pub(crate) struct Files<'a> {
    fs: &'a MemFs,
    options: &'a OptionSet,
    clock: &'a Arc<ManualClock>,
    lossy: Option<FileOp>,
}

type Checked = Result<(), String>;

impl<'a> Files<'a> {
    /// `lossy`: the operation whose results lose a record before they are looked at, to see that it is missed.
    pub(crate) fn new(
        fs: &'a MemFs,
        options: &'a OptionSet,
        clock: &'a Arc<ManualClock>,
        lossy: Option<FileOp>,
    ) -> Self {
        Self {
            fs,
            options,
            clock,
            lossy,
        }
    }

    fn loses(&self, of: FileOp) -> bool {
        self.lossy == Some(of)
    }

    fn convert(&self) -> ConvertOptions {
        ConvertOptions {
            fs: Arc::new(self.fs.clone()),
            entropy: Arc::new(SeededEntropy::seeded(17)),
            existing: Existing::Replace,
            budget: MemoryBudget::new(self.options.job_bytes()),
            threads: self.options.threads(),
            zone: c1z::v1_tables::Zone::utc(),
            ..ConvertOptions::default()
        }
    }

    fn open(&self, path: &str) -> Result<Store, String> {
        let open = self.options.open(self.fs, self.clock);
        c1z::open_with(path, &open).map_err(|error| format!("{path}: {error:?}"))
    }

    /// Clones a sync out of a file; `number` makes the name.
    pub(crate) fn keep(
        &self,
        saved: &Path,
        id: &SyncId,
        format: FileFormat,
        engine: &dyn Reader,
        number: usize,
    ) -> Result<Kept, String> {
        let path = format!("kept-{number}-{id}.c1z");
        // One that was kept before, of an earlier state.
        let _ = self.fs.remove_file(Path::new(&path));
        let options = CloneOptions {
            sync: Some(id.clone()),
            convert: self.convert(),
            ..CloneOptions::default()
        };
        let say = |error: Error| format!("clone of {id}: {error:?}");
        clone_sync(saved, &path, &options).map_err(say)?;
        let again = clone_sync(saved, &path, &options).err();
        if again.is_none_or(|error| error.kind() != ErrorKind::AlreadyExists) {
            return Err(format!("{path} was cloned over"));
        }
        let run = engine.get_sync(id).map_err(say)?;
        let records = records(engine, id, identity(format)).map_err(say)?;
        same(&self.records(&path, id, format)?, &records)?;
        Ok(Kept {
            path,
            format,
            run,
            records,
        })
    }

    /// Whether the operation could be done; what is wrong with its result is the error.
    pub(crate) fn check(&self, of: FileOp, a: &Kept, b: &Kept) -> Result<bool, String> {
        if of == FileOp::Pair && self.options.profile == Profile::GoSqlite {
            // Its lists show no expansions, so what is known of the syncs here misses changes that a pair holds.
            return Ok(false);
        }
        let done = match of {
            FileOp::Snapshot => self.snapshot(a),
            FileOp::Diff => self.diff(a, b),
            FileOp::Additions => self.additions(a, b),
            FileOp::Pair => return self.pair(a, b),
            FileOp::Merge => return self.merge(a, b),
            FileOp::Rollback => return self.rollback(a),
        };
        let about = |error| format!("{of:?} of {} and {}: {error}", a.path, b.path);
        done.map(|()| true).map_err(about)
    }

    fn snapshot(&self, a: &Kept) -> Checked {
        let _ = self.fs.remove_file(Path::new("snapshot.c1z"));
        snapshot(&a.path, "snapshot.c1z", &self.convert()).map_err(|error| format!("{error:?}"))?;
        let bytes = |path: &str| {
            self.fs.open(Path::new(path)).and_then(|file| {
                let mut bytes = vec![0; usize::try_from(file.len()).unwrap()];
                file.read_exact_at(0, &mut bytes).map(|()| bytes)
            })
        };
        let mut copied = bytes("snapshot.c1z").unwrap();
        if self.loses(FileOp::Snapshot) {
            copied.pop();
        }
        same(&copied, &bytes(&a.path).unwrap())
    }

    fn diff(&self, a: &Kept, b: &Kept) -> Checked {
        let (base, applied) = (self.open(&a.path)?, self.open(&b.path)?);
        // By stored rows where both are v3 files, else by messages.
        let base = Side::of_store(&base, &a.run.id);
        let applied = Side::of_store(&applied, &b.run.id);
        let found = changes(base, applied, identity(a.format));
        let mut found = found.map_err(|error| format!("{error:?}"))?;
        if self.loses(FileOp::Diff) {
            found.pop();
        }
        same(&found, &expected_changes(&a.records, &b.records))?;
        let none = changes(base, base, identity(a.format)).map_err(|e| format!("{e:?}"))?;
        same(&none, &Vec::new())
    }

    fn delta(&self) -> DeltaOptions {
        DeltaOptions {
            clock: self.clock.clone(),
            ids: Arc::new(Ksuids::new(Arc::new(SeededEntropy::seeded(19)))),
            convert: self.convert(),
            ..DeltaOptions::default()
        }
    }

    fn additions(&self, a: &Kept, b: &Kept) -> Checked {
        let [base, applied] = [a, b].map(input);
        let made = additions(&base, &applied, "additions.c1z", &self.delta());
        let run = made.map_err(|error| format!("{error:?}"))?.run;
        let mut expected = b.records.clone();
        expected.retain(|key, _| !a.records.contains_key(key));
        same(
            &self.made(FileOp::Additions, "additions.c1z", &run.id, a.format)?,
            &expected,
        )
    }

    /// The base without the deletions and with the upserts is the applied sync, and neither holds more than it must.
    fn pair(&self, a: &Kept, b: &Kept) -> Result<bool, String> {
        let [base, applied] = [a, b].map(input);
        let made = pair(
            &base,
            &applied,
            "upserts.c1z",
            "deletions.c1z",
            &self.delta(),
        );
        if !a.run.supports_diff || !b.run.supports_diff {
            return refused(made, ErrorKind::FailedPrecondition);
        }
        let [upserts, deletions] = made.map_err(|error| format!("pair: {error:?}"))?;
        let put = self.made(FileOp::Pair, "upserts.c1z", &upserts.run.id, a.format)?;
        let gone = self.made(FileOp::Pair, "deletions.c1z", &deletions.run.id, a.format)?;
        let mut to_put = b.records.clone();
        to_put.retain(|key, value| a.records.get(key) != Some(value));
        same(&put, &to_put).map_err(|error| format!("upserts: {error}"))?;
        let mut to_delete = a.records.clone();
        to_delete.retain(|key, _| !b.records.contains_key(key));
        same(&gone, &to_delete).map_err(|error| format!("deletions: {error}"))?;
        let mut applied = a.records.clone();
        applied.retain(|key, _| !gone.contains_key(key));
        applied.extend(put);
        same(&applied, &b.records).map_err(|error| format!("applied: {error}"))?;
        Ok(true)
    }

    /// Merges files into one; the run of the result.
    pub(crate) fn merged(&self, inputs: &[&str], output: &str) -> c1z::Result<SyncRun> {
        let options = MergeOptions {
            clock: self.clock.clone(),
            ids: Arc::new(Ksuids::new(Arc::new(SeededEntropy::seeded(23)))),
            convert: self.convert(),
            ..MergeOptions::default()
        };
        merge(inputs, output, &options).map(|made| made.run)
    }

    /// Of each record the version found last stays.
    fn merge(&self, a: &Kept, b: &Kept) -> Result<bool, String> {
        let inputs = [a.path.as_str(), b.path.as_str()];
        let made = self.merged(&inputs, "merged.c1z");
        let half = |kept: &Kept| {
            let halves = [SyncType::PartialUpserts, SyncType::PartialDeletions];
            halves.contains(&kept.run.sync_type)
        };
        if half(a) || half(b) {
            return refused(made, ErrorKind::FailedPrecondition);
        }
        let run = made.map_err(|error| format!("merge: {error:?}"))?;
        let merged = self.made(FileOp::Merge, "merged.c1z", &run.id, a.format)?;
        let ids: BTreeSet<_> = a.records.keys().chain(b.records.keys()).collect();
        same(&merged.keys().collect(), &ids).map_err(|error| format!("merge: {error}"))?;
        for (key, value) in &merged {
            if ![a, b].iter().any(|of| of.records.get(key) == Some(value)) {
                return Err(format!("merge: {key:?} is of no input"));
            }
        }
        if a.format == FileFormat::V3 {
            let [left, right] = inputs.map(|path| self.rows(path));
            let expected = newest(left?, right?);
            same(&newest(self.rows("merged.c1z")?, Rows::new()), &expected)
                .map_err(|error| format!("merge: {error}"))?;
        }
        Ok(true)
    }

    /// Products of expansion are gone, and so are sources; doing it again changes nothing.
    fn rollback(&self, a: &Kept) -> Result<bool, String> {
        if !a.run.supports_diff {
            let options = self.rollback_options();
            let made = rollback(&a.path, "rolled-back.c1z", &options);
            return refused(made, ErrorKind::SyncNotExpanded);
        }
        let roll = |from: &str, to: &str| {
            let options = self.rollback_options();
            let made = rollback(from, to, &options);
            made.map_err(|error| format!("rollback of {from}: {error:?}"))?;
            self.made(FileOp::Rollback, to, &a.run.id, a.format)
        };
        let found = roll(&a.path, "rolled-back.c1z")?;
        same(&found, &rolled_back(&a.records)).map_err(|error| format!("rollback: {error}"))?;
        let again = roll("rolled-back.c1z", "again.c1z")?;
        same(&again, &found).map_err(|error| format!("rollback of a rollback: {error}"))?;
        Ok(true)
    }

    fn rollback_options(&self) -> RollbackOptions {
        RollbackOptions {
            convert: self.convert(),
            ..RollbackOptions::default()
        }
    }

    /// The records of a v3 file of which expansion is taken back.
    pub(crate) fn rolled_back(&self, from: &str, to: &str, id: &SyncId) -> Result<Records, String> {
        rollback(from, to, &self.rollback_options()).map_err(|error| format!("{error:?}"))?;
        self.records(to, id, FileFormat::V3)
    }

    fn records(&self, path: &str, id: &SyncId, format: FileFormat) -> Result<Records, String> {
        let store = self.open(path)?;
        let found = records(store.reader(), id, identity(format));
        found.map_err(|error| format!("{path}: {error:?}"))
    }

    /// What an operation made.
    fn made(
        &self,
        of: FileOp,
        path: &str,
        id: &SyncId,
        format: FileFormat,
    ) -> Result<Records, String> {
        let mut found = self.records(path, id, format)?;
        if self.loses(of) {
            found.pop_last();
        }
        Ok(found)
    }

    pub(crate) fn rows(&self, path: &str) -> Result<Rows, String> {
        let store = self.open(path)?;
        let database = store
            .database()
            .ok_or_else(|| format!("{path} has no rows"))?;
        let mut scan = database.scan(Bounds::all(), ScanOptions::default());
        let mut rows = Rows::new();
        while let Some((key, value)) = scan.next().map_err(|error| format!("{path}: {error}"))? {
            rows.insert(key.to_vec(), value.to_vec());
        }
        Ok(rows)
    }
}

pub(crate) type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

/// Primaries but assets; of two versions the later one, of equals the second.
pub(crate) fn newest(left: Rows, right: Rows) -> Rows {
    let mut winners = Rows::new();
    for (key, value) in left.into_iter().chain(right) {
        let found = StoredRecord::of_row(&key, &value);
        let Some(record) = found.filter(|of| of.kind != c1z::ops::RecordKind::Asset) else {
            continue;
        };
        let at = record.discovered_at().unwrap();
        let held = winners
            .get(&key)
            .and_then(|held| StoredRecord::of_row(&key, held));
        if held.is_none_or(|held| held.discovered_at().unwrap() <= at) {
            winners.insert(key, value);
        }
    }
    winners
}

fn input(kept: &Kept) -> DeltaInput {
    DeltaInput {
        path: kept.path.as_str().into(),
        sync: Some(kept.run.id.clone()),
    }
}

/// How files of a format know a record.
fn identity(format: FileFormat) -> Identity {
    match format {
        FileFormat::V1 => Identity::External,
        _ => Identity::Structural,
    }
}

/// Not done, for this reason.
fn refused<T>(made: c1z::Result<T>, kind: ErrorKind) -> Result<bool, String> {
    match made {
        Err(error) if error.kind() == kind => Ok(false),
        Err(error) => Err(format!("refused as {error:?} instead of {kind:?}")),
        Ok(_) => Err(format!("done where {kind:?} was due")),
    }
}

fn same<T: PartialEq + std::fmt::Debug>(found: &T, expected: &T) -> Checked {
    if found == expected {
        return Ok(());
    }
    Err(format!("{found:?}\nexpected: {expected:?}"))
}

/// All records of a sync but assets, expansions included.
pub(crate) fn records(
    reader: &dyn Reader,
    sync: &SyncId,
    identity: Identity,
) -> c1z::Result<Records> {
    let side = Side::new(reader, sync);
    let mut found = Records::new();
    add::<v2::ResourceType>(side, 0, identity, &mut found)?;
    add::<v2::Resource>(side, 1, identity, &mut found)?;
    add::<v2::Entitlement>(side, 2, identity, &mut found)?;
    add::<v2::Grant>(side, GRANT, identity, &mut found)?;
    Ok(found)
}

/// The kind of grants in [`Records`].
const GRANT: usize = 3;

fn add<R: Compared>(
    side: Side<'_>,
    kind: usize,
    identity: Identity,
    found: &mut Records,
) -> c1z::Result<()> {
    for record in R::rows(side)? {
        let record = record?;
        let parts = record.identity(identity).into_iter();
        let parts = parts.map(Cow::into_owned).collect();
        found.insert((kind, parts), c1z_proto::encode_canonical(&record));
    }
    Ok(())
}

type Changes = Vec<(Change, Vec<u8>)>;

fn changes(base: Side<'_>, applied: Side<'_>, identity: Identity) -> c1z::Result<Changes> {
    let mut found = Changes::new();
    changes_of::<v2::ResourceType>(base, applied, identity, &mut found)?;
    changes_of::<v2::Resource>(base, applied, identity, &mut found)?;
    changes_of::<v2::Entitlement>(base, applied, identity, &mut found)?;
    changes_of::<v2::Grant>(base, applied, identity, &mut found)?;
    found.sort();
    Ok(found)
}

fn changes_of<R: Compared>(
    base: Side<'_>,
    applied: Side<'_>,
    identity: Identity,
    found: &mut Changes,
) -> c1z::Result<()> {
    let options = DiffOptions {
        identity,
        changes: &Change::ALL,
        as_v3: false,
        budget: MemoryBudget::new(8 << 20),
    };
    let mut visit = |change, record: R| {
        found.push((change, c1z_proto::encode_canonical(&record)));
        Ok::<_, Error>(())
    };
    diff(base, applied, &options, &NoObserver, &mut visit)
}

fn expected_changes(old: &Records, new: &Records) -> Changes {
    let mut changes = Changes::new();
    for (id, record) in new {
        match old.get(id) {
            None => changes.push((Change::Created, record.clone())),
            Some(before) if before != record => changes.push((Change::Modified, record.clone())),
            Some(_) => {}
        }
    }
    let gone = old.iter().filter(|(id, _)| !new.contains_key(*id));
    changes.extend(gone.map(|(_, record)| (Change::Deleted, record.clone())));
    changes.sort();
    changes
}

/// §4.8: a grant with sources but not its own entitlement among them is a product.
pub(crate) fn rolled_back(records: &Records) -> Records {
    let mut left = Records::new();
    for ((kind, id), bytes) in records {
        let mut bytes = bytes.clone();
        if *kind == GRANT {
            let mut grant: v2::Grant = c1z::record::message::decode("grant", &bytes).unwrap();
            let sources = &grant.sources.sources;
            if !sources.is_empty() && !sources.contains_key(&grant.entitlement.id) {
                continue;
            }
            if !sources.is_empty() {
                grant.sources = None.into();
                bytes = c1z_proto::encode_canonical(&grant);
            }
        }
        left.insert((*kind, id.clone()), bytes);
    }
    left
}
