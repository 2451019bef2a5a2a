//! Writes of records through a tee.

use std::fmt;
use std::io::{self, Read};
use std::sync::PoisonError;

use c1z_proto::connector::v2;

use super::report::{Call, Difference};
use super::row::Row;
use super::{HasEngine, Pace, Tee, answer};
use crate::Result;
use crate::engine::types::{EntitlementRef, GrantKey, ResourceRef, SyncId};
use crate::engine::writer::{ASSET_LEN_MAX, Writer};
use crate::engine::{Identity, StorageEngine};

impl<A: HasEngine, B: HasEngine> Tee<A, B> {
    /// A call that changes both.
    pub(super) fn write<T: Row>(
        &self,
        call: &Call<'_>,
        pace: Pace,
        mut ask: impl FnMut(&dyn StorageEngine) -> Result<T>,
    ) -> Result<T> {
        let _gate = self.gate.write().unwrap_or_else(PoisonError::into_inner);
        self.check_usable()?;
        let operation = self.journal.next_operation();
        self.tick();
        let (primary, shadow) = self.engines();
        let (left, right) = (ask(primary), ask(shadow));
        self.judge_write(operation, call, pace, left, &right)
    }

    /// The clock of both stands still until the next write.
    pub(super) fn tick(&self) {
        if let Some(clock) = &self.options.clock {
            clock.tick();
        }
    }

    pub(super) fn judge_write<T: Row>(
        &self,
        operation: u64,
        call: &Call<'_>,
        pace: Pace,
        left: Result<T>,
        right: &Result<T>,
    ) -> Result<T> {
        let found = answer::results(&left, right, self.options.allowed, answer::one);
        let difference = match found {
            None if self.state_is_due(pace) => self.state_difference()?,
            found => found,
        };
        self.judge(operation, call, difference, left)
    }
}

/// Records of a call, by their number and identities.
struct Batch<'a, T>(&'a [T]);

impl<T: Row> fmt::Debug for Batch<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}s:", self.0.len(), T::SUBJECT)?;
        for record in self.0 {
            write!(f, " {:?}", record.identity(Identity::Structural))?;
        }
        Ok(())
    }
}

/// Entries of a call, without their values.
struct Keys<'a>(&'a [(String, Vec<u8>)]);

impl fmt::Debug for Keys<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|(key, _)| key))
            .finish()
    }
}

/// What a reader gave, to be given again.
struct Given<'a> {
    bytes: &'a [u8],
    /// The error that came behind the bytes.
    error: Option<io::ErrorKind>,
}

impl Read for Given<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match (self.bytes.read(buffer)?, self.error) {
            (0, Some(kind)) if !buffer.is_empty() => Err(kind.into()),
            (read, _) => Ok(read),
        }
    }
}

macro_rules! batches {
    ($($name:ident($record:ty)),* $(,)?) => {
        $(fn $name(&self, records: &[$record]) -> Result<()> {
            let batch = Batch(records);
            let arguments: [&dyn fmt::Debug; 1] = [&batch];
            let call = Call { name: stringify!($name), arguments: &arguments };
            self.write(&call, Pace::Write, |engine| engine.$name(records))
        })*
    };
}

impl<A: HasEngine, B: HasEngine> Writer for Tee<A, B> {
    batches! {
        put_resource_types(v2::ResourceType),
        put_resources(v2::Resource),
        put_entitlements(v2::Entitlement),
        put_grants(v2::Grant),
        store_expanded_grants(v2::Grant),
        put_resource_types_if_newer(v2::ResourceType),
        put_resources_if_newer(v2::Resource),
        put_entitlements_if_newer(v2::Entitlement),
        put_grants_if_newer(v2::Grant),
    }

    fn delete_grant(&self, id: &str) -> Result<()> {
        let call = Call {
            name: "delete_grant",
            arguments: &[&id],
        };
        self.write(&call, Pace::Write, |engine| engine.delete_grant(id))
    }

    fn delete_grants_by_ids(&self, ids: &[String]) -> Result<u64> {
        let call = Call {
            name: "delete_grants_by_ids",
            arguments: &[&ids],
        };
        self.write(&call, Pace::Write, |engine| {
            engine.delete_grants_by_ids(ids)
        })
    }

    fn delete_grants_by_keys(&self, keys: &[GrantKey]) -> Result<u64> {
        let call = Call {
            name: "delete_grants_by_keys",
            arguments: &[&keys],
        };
        self.write(&call, Pace::Write, |engine| {
            engine.delete_grants_by_keys(keys)
        })
    }

    fn delete_resource(&self, id: &ResourceRef) -> Result<u64> {
        let call = Call {
            name: "delete_resource",
            arguments: &[id],
        };
        self.write(&call, Pace::Write, |engine| engine.delete_resource(id))
    }

    fn delete_entitlement(&self, id: &EntitlementRef) -> Result<u64> {
        let call = Call {
            name: "delete_entitlement",
            arguments: &[id],
        };
        self.write(&call, Pace::Write, |engine| engine.delete_entitlement(id))
    }

    /// The data is held in memory, so that both can read it; one byte more than an asset may have, at most.
    fn put_asset(&self, id: &str, content_type: &str, data: &mut dyn Read) -> Result<()> {
        let mut bytes = Vec::new();
        let read = data.take(ASSET_LEN_MAX + 1).read_to_end(&mut bytes);
        let error = read.err().map(|error| error.kind());
        let call = Call {
            name: "put_asset",
            arguments: &[&id, &content_type, &error],
        };
        self.write(&call, Pace::Write, |engine| {
            let bytes = bytes.as_slice();
            engine.put_asset(id, content_type, &mut Given { bytes, error })
        })
    }

    fn session_set(&self, sync: &SyncId, prefix: &str, key: &str, value: &[u8]) -> Result<()> {
        let call = Call {
            name: "session_set",
            arguments: &[sync, &prefix, &key],
        };
        self.write(&call, Pace::Write, |engine| {
            engine.session_set(sync, prefix, key, value)
        })
    }

    fn session_set_many(
        &self,
        sync: &SyncId,
        prefix: &str,
        entries: &[(String, Vec<u8>)],
    ) -> Result<()> {
        let keys = Keys(entries);
        let arguments: [&dyn fmt::Debug; 3] = [sync, &prefix, &keys];
        let call = Call {
            name: "session_set_many",
            arguments: &arguments,
        };
        self.write(&call, Pace::Write, |engine| {
            engine.session_set_many(sync, prefix, entries)
        })
    }

    fn session_delete(&self, sync: &SyncId, prefix: &str, key: &str) -> Result<()> {
        let call = Call {
            name: "session_delete",
            arguments: &[sync, &prefix, &key],
        };
        self.write(&call, Pace::Write, |engine| {
            engine.session_delete(sync, prefix, key)
        })
    }

    fn session_clear(&self, sync: &SyncId, prefix: &str) -> Result<()> {
        let call = Call {
            name: "session_clear",
            arguments: &[sync, &prefix],
        };
        self.write(&call, Pace::Write, |engine| {
            engine.session_clear(sync, prefix)
        })
    }
}

/// Two plain values of a handle.
pub(super) fn plain(
    subject: &str,
    left: &dyn fmt::Debug,
    right: &dyn fmt::Debug,
) -> Option<Difference> {
    let (left, right) = (format!("{left:?}"), format!("{right:?}"));
    (left != right).then(|| Difference::of("handle", "", subject, &left, &right))
}
