//! What the end of a sync adds to its records: digests, statistics, the finished run (`c1z3-keyspace` §8, §11.2).

use shingle::batch::Batch;

use super::kv::Kv;
use super::leftovers::put_run;
use super::live_kv::{Emit, SealPass};
use super::options::PebbleOptions;
use crate::Result;
use crate::digest::{self, DigestBuilder, GrantHasher, Root};
use crate::engine::Profile;
use crate::engine::types::{SyncRun, SyncStats};
use crate::keyspace::{Family, MetadataKey, splice};
use crate::ops::Step;
use crate::ops::observe::Meter;
use crate::record::{stats, token};

/// The seal of one sync. Memory is bounded, whatever the number of rows: that of one entitlement's digest, and a count per
/// resource type.
pub(super) struct SyncSeal<'a> {
    /// The run as it ends.
    run: SyncRun,
    kv: &'a dyn Kv,
    options: &'a PebbleOptions,
    stats: SyncStats,
    digests: Option<Digests>,
    meter: Meter<'a>,
}

#[derive(Debug)]
struct Digests {
    hasher: GrantHasher,
    builder: DigestBuilder,
}

impl<'a> SyncSeal<'a> {
    /// The seal of `run`, which has an end, in the database that `kv` shows.
    pub(super) fn new(run: SyncRun, kv: &'a dyn Kv, options: &'a PebbleOptions) -> Result<Self> {
        Ok(Self {
            meter: Meter::start(&options.observer, Step::Seal, None)?,
            run,
            kv,
            options,
            stats: SyncStats::default(),
            digests: options.digests.then(|| Digests {
                hasher: GrantHasher::new(),
                builder: DigestBuilder::new(),
            }),
        })
    }
}

impl SealPass for SyncSeal<'_> {
    fn row(&mut self, key: &[u8], value: &[u8], emit: &mut Emit<'_>) -> Result<()> {
        self.options.cancel.check()?;
        self.meter.row()?;
        match self.options.profile {
            Profile::GoPebble => stats::count(&mut self.stats, key)?,
            Profile::Ours | Profile::GoSqlite => stats::count_with_types(&mut self.stats, key)?,
        }
        match (&mut self.digests, Family::of(key)) {
            (Some(_), Some(Family::Entitlement)) => {
                // Entitlements come before grants, so the root of one that has grants replaces this.
                let partition = splice::entitlement_partition(key)?;
                emit(&digest::root_key(partition), &Root::default().encode())
            }
            (Some(digests), Some(Family::Grant)) => digests.grant(key, value, emit),
            _ => Ok(()),
        }
    }

    fn written(&mut self) -> Result<()> {
        self.options.cancel.check()?;
        self.meter.row()
    }

    fn finish(&mut self, emit: &mut Emit<'_>) -> Result<Batch> {
        self.meter.end()?;
        self.meter = Meter::start(&self.options.observer, Step::Indexes, None)?;
        if let Some(digests) = self.digests.take() {
            let root = digests.builder.finish(emit)?;
            emit(&digest::global_root_key(), &root.encode())?;
        }
        let mut stats = std::mem::take(&mut self.stats);
        token::lift_into(&self.run.token, &mut stats);
        stats.written_at = self.run.ended_at;
        let mut batch = Batch::new();
        put_run(&mut batch, self.kv, &self.run)?;
        let stats = stats::encode(&stats, self.run.id.as_str())?;
        batch.set(&MetadataKey::Stats.to_vec(), &stats)?;
        for marker in [
            MetadataKey::GrantIndexPending,
            MetadataKey::DigestBuildPending,
        ] {
            let key = marker.to_vec();
            if self.kv.get(&key)?.is_some() {
                batch.delete(&key)?;
            }
        }
        Ok(batch)
    }
}

impl Digests {
    fn grant(&mut self, key: &[u8], value: &[u8], emit: &mut Emit<'_>) -> Result<()> {
        let hashed = self.hasher.hash(key, value)?;
        self.builder.grant(&hashed, emit)?;
        let mut row = Vec::with_capacity(key.len() + 4);
        hashed.key_into(&mut row);
        emit(&row, &hashed.value())
    }
}
