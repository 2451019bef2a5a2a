//! The search: backwards from the entitlement, breadth first, so that short ways come first.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use c1z_proto::connector::v2;

use super::{EDGES_MAX, Edge, Path, WAYS_MAX, Why, WhyOptions};
use crate::engine::types::{EntitlementRef, GrantKey, ResourceRef};
use crate::engine::{GrantFilter, Reader, Scope};
use crate::ops::Step;
use crate::ops::observe::Meter;
use crate::{ErrorKind, Result};

/// What a search knows and still has to look at.
pub(super) struct Search<'a> {
    reader: &'a dyn Reader,
    scope: &'a Scope,
    principal: &'a ResourceRef,
    options: &'a WhyOptions<'a>,
    /// Edges into an entitlement, once they were read; the key is its id and, if known, resource.
    edges: BTreeMap<EntitlementRef, Rc<[Rc<Link>]>>,
    edges_len: usize,
    /// Grants of the principal, once they were looked up.
    held: BTreeMap<EntitlementRef, Option<Rc<v2::Grant>>>,
    is_cut: bool,
}

/// A grant that spreads. Its texts are held once, however many entitlements it names.
struct Spread {
    grant_id: String,
    holder: ResourceRef,
    to: EntitlementRef,
    is_shallow: bool,
    principal_types: Vec<String>,
}

/// An edge while the search goes on.
struct Link {
    from: EntitlementRef,
    by: Rc<Spread>,
}

impl Link {
    fn edge(&self) -> Edge {
        let by = &*self.by;
        Edge {
            grant_id: by.grant_id.clone(),
            holder: by.holder.clone(),
            from: self.from.clone(),
            to: by.to.clone(),
            is_shallow: by.is_shallow,
            principal_types: by.principal_types.clone(),
        }
    }
}

/// A way that is being followed backwards.
struct Way {
    /// Where it has come to.
    at: EntitlementRef,
    /// From there to the entitlement that was asked for, the edge nearest to that one first.
    edges: Vec<Rc<Link>>,
}

impl Way {
    /// Whether the way has been at an entitlement of this id. Resources are not always known.
    fn has_been_at(&self, id: &str) -> bool {
        self.at.id == id || self.edges.iter().any(|edge| edge.by.to.id == id)
    }
}

impl<'a> Search<'a> {
    pub(super) fn new(
        reader: &'a dyn Reader,
        scope: &'a Scope,
        principal: &'a ResourceRef,
        options: &'a WhyOptions<'a>,
    ) -> Self {
        Self {
            reader,
            scope,
            principal,
            options,
            edges: BTreeMap::new(),
            edges_len: 0,
            held: BTreeMap::new(),
            is_cut: false,
        }
    }

    pub(super) fn run(mut self, entitlement: &EntitlementRef) -> Result<Why> {
        let grant = self.held(entitlement)?;
        let mut why = Why {
            grant: grant.as_deref().cloned(),
            ..Why::default()
        };
        let mut ways = VecDeque::from([Way {
            at: entitlement.clone(),
            edges: Vec::new(),
        }]);
        while let Some(way) = ways.pop_front() {
            if why.paths.len() == self.options.paths_max {
                self.is_cut = true;
                break;
            }
            let grant = self.held(&way.at)?;
            if let Some(path) = ended(&way, grant.as_deref()) {
                why.paths.push(path);
            }
            self.extend(&way, grant.as_deref(), &mut ways)?;
        }
        why.unexplained = unexplained(&why, &entitlement.id);
        why.is_cut = self.is_cut;
        Ok(why)
    }

    /// The ways that are one edge longer.
    fn extend(
        &mut self,
        way: &Way,
        grant: Option<&v2::Grant>,
        ways: &mut VecDeque<Way>,
    ) -> Result<()> {
        // A shallow edge takes direct holders only: what they hold by expansion does not count.
        let from_shallow = way.edges.last().is_some_and(|edge| edge.by.is_shallow);
        if from_shallow {
            return Ok(());
        }
        // Where expansion ran, the grant tells where it came from.
        let sources = grant.map(|grant| &grant.sources.sources);
        let told = sources.filter(|sources| !sources.is_empty());
        for edge in self.edges_into(&way.at)?.iter() {
            let is_followed = told.is_none_or(|told| told.contains_key(&edge.from.id))
                && self.takes_principal(edge)
                && !way.has_been_at(&edge.from.id);
            if !is_followed {
                continue;
            }
            if way.edges.len() == self.options.steps_max || ways.len() == WAYS_MAX {
                self.is_cut = true;
                return Ok(());
            }
            let mut edges = way.edges.clone();
            edges.push(Rc::clone(edge));
            ways.push_back(Way {
                at: edge.from.clone(),
                edges,
            });
        }
        Ok(())
    }

    fn takes_principal(&self, edge: &Link) -> bool {
        let types = &edge.by.principal_types;
        types.is_empty() || types.contains(&self.principal.resource_type)
    }

    /// The principal's grant of an entitlement.
    fn held(&mut self, entitlement: &EntitlementRef) -> Result<Option<Rc<v2::Grant>>> {
        if let Some(known) = self.held.get(entitlement) {
            return Ok(known.clone());
        }
        let key = GrantKey {
            entitlement: entitlement.clone(),
            principal: self.principal.clone(),
        };
        let found = match self.reader.get_grant_by_key(self.scope, &key) {
            Ok(grant) => Some(Rc::new(grant)),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        self.held.insert(entitlement.clone(), found.clone());
        Ok(found)
    }

    /// The edges that end at an entitlement.
    fn edges_into(&mut self, entitlement: &EntitlementRef) -> Result<Rc<[Rc<Link>]>> {
        if let Some(known) = self.edges.get(entitlement) {
            return Ok(Rc::clone(known));
        }
        let mut edges = Vec::new();
        if self.edges_len < EDGES_MAX {
            self.read_edges(entitlement, &mut edges)?;
        } else {
            self.is_cut = true;
        }
        let edges: Rc<[Rc<Link>]> = edges.into();
        self.edges.insert(entitlement.clone(), Rc::clone(&edges));
        Ok(edges)
    }

    fn read_edges(
        &mut self,
        entitlement: &EntitlementRef,
        edges: &mut Vec<Rc<Link>>,
    ) -> Result<()> {
        let filter = GrantFilter {
            entitlement: Some(entitlement.clone()),
            has_expansion: Some(true),
            ..GrantFilter::default()
        };
        let mut meter = Meter::start(self.options.observer, Step::Rows, None)?;
        let rows = match self.reader.stream_grants(self.scope, &filter) {
            // A source entitlement that no record describes: it has no grants to read.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            rows => rows?,
        };
        for row in rows {
            let row = row?;
            meter.row()?;
            let Some(expansion) = row.expansion else {
                continue;
            };
            let principal = &row.grant.principal.id;
            let by = Rc::new(Spread {
                holder: ResourceRef::new(
                    principal.resource_type.clone(),
                    principal.resource.clone(),
                ),
                grant_id: row.grant.id.clone(),
                to: entitlement.clone(),
                is_shallow: expansion.shallow,
                principal_types: expansion.resource_type_ids,
            });
            let ids = expansion.entitlement_ids.iter();
            for id in ids.filter(|id| !id.trim().is_empty()) {
                if self.edges_len == EDGES_MAX {
                    self.is_cut = true;
                    return Ok(());
                }
                self.edges_len += 1;
                edges.push(Rc::new(Link {
                    from: EntitlementRef::bare(id.clone()),
                    by: Rc::clone(&by),
                }));
            }
        }
        Ok(())
    }
}

/// The path, if the principal holds directly what the way has come to.
fn ended(way: &Way, grant: Option<&v2::Grant>) -> Option<Path> {
    let grant = grant?;
    let sources = &grant.sources.sources;
    // Without sources expansion has not touched it; with itself among them it was there before.
    let is_direct = sources.is_empty() || sources.contains_key(&way.at.id);
    is_direct.then(|| Path {
        start: way.at.clone(),
        grant_id: grant.id.clone(),
        edges: way.edges.iter().rev().map(|link| link.edge()).collect(),
    })
}

/// Sources of the grant that no path comes from.
fn unexplained(why: &Why, own: &str) -> Vec<String> {
    let Some(grant) = &why.grant else {
        return Vec::new();
    };
    let last = |path: &Path| path.edges.last().map(|edge| edge.from.id.clone());
    let explained: Vec<_> = why.paths.iter().filter_map(last).collect();
    let sources = grant.sources.sources.keys();
    let mut left: Vec<_> = sources
        .filter(|id| *id != own && !explained.contains(id))
        .cloned()
        .collect();
    left.sort();
    left
}
