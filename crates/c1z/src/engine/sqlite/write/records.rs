//! Puts of records: a statement for each kind, executed for each record that wins.

use std::borrow::Cow;
use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, Statement};

use super::super::fault::sql;
use super::super::live::Live;
use super::Writing;
use crate::engine::contract::Contract;
use crate::engine::types::{SyncId, Timestamp};
use crate::v1_tables::Zone;
use crate::{Error, Result};

/// Which of two records with one id stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// The one that is written.
    Replace,
    /// The one that is written, if the stored one is older than its stamp (`store-contract` §3.4).
    IfNewer,
    /// The one that is written, with expansion and time of the stored one (§5.3).
    KeepExpansion,
}

/// What all rows of a call have in common.
pub(super) struct Call<'c> {
    pub(super) sync: &'c str,
    pub(super) at: &'c str,
}

/// A kind of record that can be put.
pub(super) trait Put {
    /// What it is called in messages.
    const KIND: &'static str;
    /// Its table.
    const TABLE: &'static str;

    /// The statement that puts one.
    fn statement(rule: Rule) -> &'static str;

    /// Fails if a part of the identity is missing.
    fn check(&self) -> Result<()>;

    /// What makes it the same record.
    fn external_id(&self) -> Cow<'_, str>;

    /// Puts it.
    fn execute(&self, statement: &mut Statement<'_>, call: &Call<'_>) -> rusqlite::Result<usize>;
}

/// Puts the records of a call.
pub(super) fn put<M: Put>(contract: &Contract<Live>, records: &[M], rule: Rule) -> Result<()> {
    if records.is_empty() {
        return Ok(());
    }
    let mut writing = Writing::begin(contract)?;
    for (index, record) in records.iter().enumerate() {
        record
            .check()
            .map_err(|error| at_index(M::KIND, index, &error))?;
    }
    let at = writing.stamp()?;
    let sync = writing.sync().clone();
    let options = &contract.source().options;
    writing.commit(|connection| {
        let newer = match rule {
            Rule::IfNewer => Some(Newer::among(records, &at, &options.zone)?),
            Rule::Replace | Rule::KeepExpansion => None,
        };
        let call = Call {
            sync: sync.as_str(),
            at: &at,
        };
        let failed = sql("write a record");
        let mut statement = connection
            .prepare_cached(M::statement(rule))
            .map_err(&failed)?;
        let mut written = 0;
        for (index, record) in records.iter().enumerate() {
            options.cancel.check()?;
            if let Some(newer) = &newer
                && !newer.wins::<M>(connection, &sync, index, &record.external_id())?
            {
                continue;
            }
            record.execute(&mut statement, &call).map_err(&failed)?;
            written += 1;
        }
        Ok(written)
    })?;
    Ok(())
}

/// The error of one element of a call, by its place.
pub(super) fn at_index(kind: &str, index: usize, error: &Error) -> Error {
    Error::new(error.kind(), format!("{kind} at index `{index}`: {error}"))
}

/// Which records of a call replace what is stored: of each id the last, if it is newer.
struct Newer<'a> {
    last: HashMap<Cow<'a, str>, usize>,
    at: Timestamp,
    zone: &'a Zone,
}

impl<'a> Newer<'a> {
    fn among<M: Put>(records: &'a [M], at: &str, zone: &'a Zone) -> Result<Self> {
        let ids = records.iter().enumerate();
        Ok(Self {
            last: ids.map(|(index, row)| (row.external_id(), index)).collect(),
            at: zone.instant(at)?,
            zone,
        })
    }

    fn wins<M: Put>(
        &self,
        connection: &Connection,
        sync: &SyncId,
        index: usize,
        id: &str,
    ) -> Result<bool> {
        if self.last.get(id) != Some(&index) {
            return Ok(false);
        }
        let query = format!(
            "SELECT discovered_at FROM {} WHERE external_id = ? AND sync_id = ?",
            M::TABLE
        );
        let read = || {
            let mut statement = connection.prepare_cached(&query)?;
            let stored = statement.query_row([id, sync.as_str()], |row| row.get::<_, String>(0));
            stored.optional()
        };
        match read().map_err(sql("read a record"))? {
            Some(stored) => Ok(self.zone.instant(&stored)? < self.at),
            None => Ok(true),
        }
    }
}
