//! The indexes as families of a live database.
//!
//! | family | mode of a new store | why |
//! |---|---|---|
//! | by parent, needs expansion | kept | read while a sync runs, and rows are few |
//! | by principal | deferred | as many rows as grants; derived at the seal, or when it is first read |

use shingle::iter::Bounds;
use shingle::live;

use crate::engine::pebble::kv::bounds_of;
use crate::keyspace::{self, Family, IndexSet};

/// The indexes, in the order of their keys.
pub(in crate::engine::pebble) const INDEXES: [Family; 3] = [
    Family::ResourceByParent,
    Family::GrantByPrincipal,
    Family::GrantNeedsExpansion,
];

/// The families that indexes follow from.
pub(in crate::engine::pebble) const SOURCES: [Family; 2] = [Family::Resource, Family::Grant];

/// The place among [`INDEXES`] of the index that holds `key`.
pub(in crate::engine::pebble) fn index_of(key: &[u8]) -> Option<usize> {
    let family = Family::of(key)?;
    INDEXES.iter().position(|index| *index == family)
}

/// Derives index rows for a live database.
#[derive(Debug)]
pub(super) struct IndexDeriver {
    families: [live::Family; 3],
    sources: [Bounds; 2],
}

impl IndexDeriver {
    pub(super) fn new() -> Self {
        let family = |family: Family| live::Family {
            bounds: bounds_of(&family.range()),
            // A grant's key begins as its needs-expansion row does.
            order: match family {
                Family::GrantNeedsExpansion => live::DerivedOrder::AsPrimaries,
                _ => live::DerivedOrder::Any,
            },
            kept: family != Family::GrantByPrincipal,
        };
        Self {
            families: INDEXES.map(family),
            sources: SOURCES.map(|family| bounds_of(&family.range())),
        }
    }
}

impl live::Deriver for IndexDeriver {
    fn families(&self) -> &[live::Family] {
        &self.families
    }

    fn sources(&self) -> &[Bounds] {
        &self.sources
    }

    fn derive(&self, key: &[u8], value: &[u8], emit: &mut live::Emit<'_>) -> shingle::Result<()> {
        // Errors of `emit` go past the deriver, which has errors of its own.
        let mut stopped = None;
        let derived = keyspace::Deriver::new(IndexSet::ALL).derive(key, value, &mut |row| {
            if stopped.is_none()
                && let Some(index) = index_of(row)
                && let Err(error) = emit(index, row, &[])
            {
                stopped = Some(error);
            }
            Ok(())
        });
        match stopped {
            Some(error) => Err(error),
            None => derived.map_err(|error| {
                shingle::Error::corrupt("record", 0, "one that indexes follow from", &error)
                    .with_source(error)
            }),
        }
    }
}
