//! What two engines may legally differ in, all of it (`store-contract` §8.1, §1.8, §5.6).
//!
//! | may differ | where that is |
//! |---|---|
//! | order of rows, but for sync runs, principals of an entitlement, and answers in the order of a request | `listing` and `stream` compare in any order |
//! | page tokens | `listing` maps those of the one to those of the other; the session store's are the next key and are compared |
//! | texts of errors | only kinds are compared |
//! | digests: none means *not built* | `Allowed::digest`; two that exist have to be equal |
//! | engine, format, size on disk | never compared |
//! | what v3 files cannot hold of a record (§1.8) | [`Allowed::projected`]: both sides are reduced first |
//! | when and whether statistics were recorded | not compared where counts are asked for: recounted ones have no time; not in runs either with [`Allowed::recorded`] |
//! | grants of an entitlement that is named by id alone and has no row: by structure they are not found, by external id they are | with [`Allowed::projected`] such a read is the primary's alone, and counted |
//! | a store of one sync refuses another where one of many starts it (`architecture` §2.2) | [`Allowed::one_sync`] |
//!
//! Identity is no entry: where one engine goes by structure and the other by external id, the caller's ids have to be in
//! bijection with structure. Ids that collide are a difference, and reported.

use c1z_proto::connector::v2;

use super::row::Row;
use crate::engine::Identity;
use crate::engine::model::project;
use crate::engine::reader::Metadata;

/// One of the two sides of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The primary; the first file.
    Left,
    /// The shadow; the second file.
    Right,
}

/// What two particular engines may differ in beyond what any two may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// Whether records are reduced to what a v3 file holds (§1.8) before they are compared: one side keeps more.
    pub projected: bool,
    /// Whether what a run recorded of its rows may be absent or another on a side: a conversion counts again, without the
    /// types that have no resources, and what an edit made void.
    pub recorded: bool,
    /// The side that holds one sync only, if the other holds many: where it refuses to start another one, so does the tee.
    pub one_sync: Option<Side>,
    /// What makes a record of the one side that of the other.
    pub identity: Identity,
}

impl Default for Allowed {
    fn default() -> Self {
        Self::ALIKE
    }
}

impl Allowed {
    /// Two stores of v3 files, or a store and the structural model of one.
    pub const ALIKE: Self = Self {
        projected: false,
        recorded: false,
        one_sync: None,
        identity: Identity::Structural,
    };

    /// Two stores of v1 files.
    pub const ALIKE_V1: Self = Self {
        identity: Identity::External,
        ..Self::ALIKE
    };

    /// A store of a v3 file on the left, one of a v1 file on the right.
    pub const V3_AND_V1: Self = Self {
        projected: true,
        recorded: true,
        one_sync: Some(Side::Left),
        identity: Identity::Structural,
    };

    /// These, between a store and a copy of it that recorded its statistics anew.
    #[must_use]
    pub const fn counted_anew(self) -> Self {
        Self {
            recorded: true,
            ..self
        }
    }

    /// What two files may differ in, by their formats.
    pub fn between(left: &Metadata, right: &Metadata) -> Self {
        match (is_v1(left), is_v1(right)) {
            (true, true) => Self::ALIKE_V1,
            (false, false) => Self::ALIKE,
            (false, true) => Self::V3_AND_V1,
            (true, false) => Self {
                one_sync: Some(Side::Right),
                ..Self::V3_AND_V1
            },
        }
    }

    /// The row as it is compared.
    pub(super) fn reduce<R: Row>(self, row: &R) -> R {
        let mut row = row.clone();
        if self.projected {
            row.project();
        }
        if self.recorded {
            row.forget_recorded();
        }
        row
    }

    /// Whether two digests may stand side by side.
    pub(super) fn digest<D: PartialEq>(left: Option<&D>, right: Option<&D>) -> bool {
        match (left, right) {
            (Some(left), Some(right)) => left == right,
            _ => true,
        }
    }
}

fn is_v1(metadata: &Metadata) -> bool {
    metadata.engine == "sqlite"
}

/// What a v3 file keeps of a record.
pub(super) trait Projected {
    /// Reduces the record to that.
    fn project(&mut self);
}

impl Projected for v2::ResourceType {
    fn project(&mut self) {
        *self = project::resource_type(self);
    }
}

impl Projected for v2::Resource {
    fn project(&mut self) {
        *self = project::resource(self);
    }
}

impl Projected for v2::Entitlement {
    fn project(&mut self) {
        *self = project::entitlement(self);
    }
}

impl Projected for v2::Grant {
    fn project(&mut self) {
        *self = project::grant(self);
    }
}
