//! The two syncs that are compared, and the files that hold them.

use std::path::Path;

use c1z::engine::Identity;
use c1z::engine::types::{SyncId, SyncType};
use c1z::ops::diff::{Side, common_identity};
use c1z::{Error, ErrorKind, MemoryBudget, Store};

use super::DiffArgs;
use crate::args::Global;
use crate::failure::Failure;
use crate::file;
use crate::memory::Shares;

/// Two syncs.
pub(super) struct Sides {
    base_store: Store,
    /// None: the same file.
    applied_store: Option<Store>,
    base: SyncId,
    applied: SyncId,
    pub(super) identity: Identity,
    pub(super) as_v3: bool,
    pub(super) budget: MemoryBudget,
}

impl Sides {
    pub(super) fn open(global: &Global, args: &DiffArgs) -> Result<Self, Failure> {
        if let [base, applied] = args.files.as_slice() {
            return Self::of_two(global, args, base, applied);
        }
        let shares = Shares::for_files(global, 1);
        let store = file::open_within(global, &global.file, shares.file)?;
        let [base, applied] = syncs_of_one(&store, args)?;
        let (identity, as_v3) = common_identity(store.reader(), store.reader());
        Ok(Self {
            base_store: store,
            applied_store: None,
            base,
            applied,
            identity,
            as_v3,
            budget: shares.own(),
        })
    }

    fn of_two(
        global: &Global,
        args: &DiffArgs,
        base: &Path,
        applied: &Path,
    ) -> Result<Self, Failure> {
        let shares = Shares::for_files(global, 2);
        let open = |path: &Path, id: Option<&str>| {
            let opened = || {
                let store = file::open_within(global, path, shares.file)?;
                let sync = sync_in(&store, id)?;
                Ok((store, sync))
            };
            opened().map_err(|failure: Failure| failure.in_file(path))
        };
        let (base_store, base) = open(base, args.base_sync.as_deref())?;
        let (applied_store, applied) = open(applied, args.applied_sync.as_deref())?;
        let (identity, as_v3) = common_identity(base_store.reader(), applied_store.reader());
        Ok(Self {
            base_store,
            applied_store: Some(applied_store),
            base,
            applied,
            identity,
            as_v3,
            budget: shares.own(),
        })
    }

    /// The file of the base.
    pub(super) fn base_path(&self) -> &Path {
        self.base_store.path()
    }

    /// Base and applied.
    pub(super) fn both(&self) -> [Side<'_>; 2] {
        let applied = self.applied_store.as_ref().unwrap_or(&self.base_store);
        [
            Side::of_store(&self.base_store, &self.base),
            Side::of_store(applied, &self.applied),
        ]
    }
}

/// The named sync of a file, or its latest.
fn sync_in(store: &Store, id: Option<&str>) -> Result<SyncId, Failure> {
    if let Some(id) = id {
        return Ok(store.reader().get_sync(&SyncId::new(id)?)?.id);
    }
    let found = file::select_latest(store)?;
    found.map(|selected| selected.run.id).ok_or_else(|| {
        let error = Error::not_found("the file holds no sync; there is nothing to compare");
        error.in_file(store.path()).into()
    })
}

/// Two syncs of one file: those that are named, the two latest finished full ones for those that are not.
fn syncs_of_one(store: &Store, args: &DiffArgs) -> Result<[SyncId; 2], Failure> {
    let named = |id: &Option<String>| id.as_deref().map(|id| sync_in(store, Some(id))).transpose();
    match (named(&args.base_sync)?, named(&args.applied_sync)?) {
        (Some(base), Some(applied)) => Ok([base, applied]),
        (None, None) => two_latest(store),
        (Some(base), None) => Ok([base, latest_full(store)?]),
        (None, Some(_)) => Err(Failure::usage(
            "which sync is the base?",
            "name it with --base-sync",
        )),
    }
}

fn latest_full(store: &Store) -> Result<SyncId, Failure> {
    let latest = store.reader().latest_finished_sync(Some(&SyncType::Full))?;
    latest.map(|run| run.id).ok_or_else(|| {
        let message = "the file holds no finished full sync; there is nothing to compare";
        Error::not_found(message)
            .with_hint("`c1z syncs` lists the syncs of a file")
            .into()
    })
}

/// The previous finished full sync and the latest.
fn two_latest(store: &Store) -> Result<[SyncId; 2], Failure> {
    let latest = latest_full(store)?;
    let previous = store
        .reader()
        .previous_finished_sync(Some(&SyncType::Full))?;
    let Some(previous) = previous else {
        let message =
            "the file holds a single finished full sync; there is nothing to compare it with";
        return Err(Error::new(ErrorKind::FailedPrecondition, message)
            .with_hint(
                "`c1z diff BASE FILE` compares two files; `c1z syncs` lists the syncs of one",
            )
            .into());
    };
    Ok([previous, latest])
}
