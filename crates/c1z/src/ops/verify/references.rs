//! Records that name others which the file does not hold: allowed, since connectors write what they
//! see, and worth knowing.

use super::finding::{Class, Finding, Place};
use super::lockstep::{Lockstep, Presence};
use super::readable::Readable;
use super::report::Report;
use crate::Result;
use crate::keyspace::Family;
use crate::keyspace::tuple::SEPARATOR;

pub(crate) const GRANT_ENTITLEMENT: &str = "grant-entitlement";
pub(crate) const GRANT_PRINCIPAL: &str = "grant-principal";
pub(crate) const ENTITLEMENT_RESOURCE: &str = "entitlement-resource";
pub(crate) const RESOURCE_TYPE: &str = "resource-type";
pub(crate) const RESOURCE_PARENT: &str = "resource-parent";
pub(crate) const SYNC_PARENT: &str = "sync-parent";

/// Counts a row whose `name` is missing; of several rows that name the same only the first is shown.
pub(crate) fn missing(report: &mut Report, name: &'static str, key: &[u8], is_first: bool) {
    if !is_first || !report.wants(Class::Reference, name) {
        return report.count_more(Class::Reference, name, 1);
    }
    let detail = match name {
        GRANT_ENTITLEMENT => "the entitlement is not in the file",
        GRANT_PRINCIPAL => "the principal is not in the file",
        ENTITLEMENT_RESOURCE => "the resource is not in the file",
        RESOURCE_TYPE => "the resource type is not in the file",
        RESOURCE_PARENT => "the parent is not in the file",
        _ => "the parent sync is not in the file",
    };
    report.add(Finding::new(
        Class::Reference,
        name,
        Place::key(key),
        detail,
    ));
}

/// References from the leading components of sorted keys to the rows of a family whose keys they are.
pub(crate) struct References {
    name: &'static str,
    target: Family,
    /// Components that the target's key has.
    components: usize,
    lockstep: Lockstep,
    key: Vec<u8>,
}

impl References {
    /// References called `name` to rows of `target`.
    pub(crate) fn new(
        readable: &Readable,
        name: &'static str,
        target: Family,
        components: usize,
    ) -> Result<Self> {
        Ok(Self {
            name,
            target,
            components,
            lockstep: Lockstep::new(readable, target)?,
            key: Vec::new(),
        })
    }

    /// Judges the row of `key`, whose body begins with the components of the target.
    pub(crate) fn check(&mut self, key: &[u8], body: &[u8], report: &mut Report) -> Result<()> {
        let mut seen = 0;
        let end = body.iter().position(|&byte| {
            seen += usize::from(byte == SEPARATOR);
            seen == self.components
        });
        self.key.clear();
        self.key.extend_from_slice(self.target.header());
        self.key.push(SEPARATOR);
        let named = body.get(..end.unwrap_or(body.len())).unwrap_or_default();
        self.key.extend_from_slice(named);
        let (presence, is_first) = self.lockstep.find(&self.key)?;
        if presence == Presence::Absent {
            missing(report, self.name, key, is_first);
        }
        Ok(())
    }
}

/// The bytes of `key` after the header of `family` and its separator; empty for a malformed key.
pub(crate) fn body(family: Family, key: &[u8]) -> &[u8] {
    key.get(family.header().len() + 1..).unwrap_or_default()
}
