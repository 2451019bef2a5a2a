//! Why a principal holds an entitlement: the grants that lead from one to the other.
//!
//! A grant of entitlement *E* to a resource *R* may say that it spreads to the holders of other
//! entitlements, usually the membership of *R* (`store-contract` §5). Such a grant is an [`Edge`] from each
//! of those entitlements to *E*. A [`Path`] begins with an entitlement that the principal holds by a
//! grant of the source system and follows edges to the one that was asked for.
//!
//! Where expansion ran, a grant names the entitlements that it came from, and only those are followed;
//! where it did not, every edge is. Both ways the indexes are used: the grants of one entitlement are
//! read once for its edges, and holding is looked up by key. No entitlement comes twice on a path, so
//! that cycles end.

mod search;

use c1z_proto::connector::v2;

use super::{NoObserver, Observer};
use crate::Result;
use crate::engine::types::{EntitlementRef, ResourceRef};
use crate::engine::{Reader, Scope};

/// Paths that are told unless [`WhyOptions::paths_max`] says otherwise.
pub const PATHS_MAX: usize = 100;
/// Entitlements on a path, and so edges, unless [`WhyOptions::steps_max`] says otherwise.
pub const STEPS_MAX: usize = 32;
/// Edges that are remembered. A grant that spreads is rare; beyond this many the answer is cut.
const EDGES_MAX: usize = 100_000;
/// Ways that wait to be followed. Their number can grow exponentially with the edges; beyond this many the answer is cut.
const WAYS_MAX: usize = 10_000;

/// How far is looked.
pub struct WhyOptions<'a> {
    /// Paths that are told at most; default [`PATHS_MAX`].
    pub paths_max: usize,
    /// Edges on one path at most; default [`STEPS_MAX`].
    pub steps_max: usize,
    /// Watches grants that are read for edges.
    pub observer: &'a dyn Observer,
}

impl Default for WhyOptions<'_> {
    fn default() -> Self {
        Self {
            paths_max: PATHS_MAX,
            steps_max: STEPS_MAX,
            observer: &NoObserver,
        }
    }
}

/// A grant by which holders of some entitlement come to hold another.
#[derive(Clone, Debug, PartialEq)]
pub struct Edge {
    /// Id of the grant.
    pub grant_id: String,
    /// Who holds it: the group whose members are meant.
    pub holder: ResourceRef,
    /// The entitlement whose holders are meant.
    pub from: EntitlementRef,
    /// The entitlement that they come to hold.
    pub to: EntitlementRef,
    /// Whether only those count who hold `from` directly.
    pub is_shallow: bool,
    /// Types of principals that count; empty: any.
    pub principal_types: Vec<String>,
}

/// One way from a principal to an entitlement.
#[derive(Clone, Debug, PartialEq)]
pub struct Path {
    /// What the principal holds to begin with.
    pub start: EntitlementRef,
    /// Id of the grant by which it does.
    pub grant_id: String,
    /// The edges from there to the entitlement that was asked for; none: it is `start` itself.
    pub edges: Vec<Edge>,
}

/// Why a principal holds an entitlement, or that it does not.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Why {
    /// The grant that says so, if the sync holds one: the principal's own, or a product of expansion.
    pub grant: Option<v2::Grant>,
    /// Ways, short ones first.
    pub paths: Vec<Path>,
    /// Source entitlements that the grant names and to which no way was found: their edge or their
    /// grant is not in the sync (any more).
    pub unexplained: Vec<String>,
    /// Whether there is more than was told: too many paths, too long ones, or too many edges.
    pub is_cut: bool,
}

impl Why {
    /// Whether the principal holds the entitlement: a grant says so, or a way leads there that
    /// expansion would take.
    pub fn holds(&self) -> bool {
        self.grant.is_some() || !self.paths.is_empty()
    }
}

/// Finds out why `principal` holds `entitlement`.
///
/// # Errors
/// `NotFound` without the sync; `Ambiguous` if the bare entitlement id names several; those of reads
/// and of the observer.
///
/// # Complexity
/// O(grants of the entitlements upstream), each read once, plus O(paths told · their length) lookups.
/// Memory for edges only.
pub fn why(
    reader: &dyn Reader,
    scope: &Scope,
    principal: &ResourceRef,
    entitlement: &EntitlementRef,
    options: &WhyOptions<'_>,
) -> Result<Why> {
    search::Search::new(reader, scope, principal, options).run(entitlement)
}
