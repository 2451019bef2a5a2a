//! Folding everything into the last level: of each key one row, sequence number 0, no tombstones.
//!
//! The key space is cut into regions: the sections, the families, the ranges that the caller
//! replaces. Each is merged, derived or replaced. In a merged region a table of the last level stays
//! as it is if nothing newer lies in its zone, which reaches from its first key to that of the next
//! table; the others are rewritten with what is newer.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::derive::Derivation;
use super::deriver::{family_of, meet};
use super::{Deriver, Family};
use crate::Result;
use crate::bulk::{Section, SectionWriter, Settings, bounds_of};
use crate::db::State;
use crate::iter::{Bounds, Fragments};
use crate::manifest::{FileNumber, Level, TableMeta};
use crate::sst::CacheMode;
use crate::version::Run;

use super::tiers::tombstones_of;

/// What a fold works on.
pub(super) struct Fold<'a> {
    pub(super) state: &'a State,
    pub(super) settings: &'a Arc<Settings>,
    pub(super) deriver: Option<&'a dyn Deriver>,
    /// Families that have no rows yet.
    pub(super) deferred: &'a [bool],
    /// Whether they get them.
    pub(super) derives: bool,
    /// What is folded; no table sticks out of it.
    pub(super) range: &'a Bounds,
    /// Ranges whose rows are those of the section, whatever the database holds.
    pub(super) replaced: Vec<(Bounds, Section)>,
}

/// A last level that holds everything.
#[derive(Debug, Default)]
pub(super) struct Folded {
    /// Numbers of the tables of the last level that stay.
    pub(super) kept: BTreeSet<FileNumber>,
    /// What joins them.
    pub(super) sections: Vec<Section>,
}

/// Where a region's rows come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    Merged,
    /// Derived by the fold, or nowhere.
    Derived,
    Replaced,
}

impl Fold<'_> {
    pub(super) fn run(mut self) -> Result<Folded> {
        let mut folded = Folded::default();
        let wanted: Vec<bool> = (0..self.families().len())
            .map(|f| self.is_wanted(f))
            .collect();
        let mut derivation = match self.deriver {
            Some(deriver) if wanted.contains(&true) => {
                Some(Derivation::new(deriver, self.settings, &wanted))
            }
            _ => None,
        };
        let newer = Newer::of(self.state)?;
        for region in self.regions() {
            if self.origin_of(&region) == Origin::Merged {
                self.merge_region(&region, &newer, derivation.as_mut(), &mut folded)?;
            }
        }
        if let Some(derivation) = derivation {
            folded.sections.extend(derivation.finish()?);
        }
        let replaced = std::mem::take(&mut self.replaced);
        folded
            .sections
            .extend(replaced.into_iter().map(|(_, section)| section));
        Ok(folded)
    }

    fn families(&self) -> &[Family] {
        self.deriver.map_or(&[], Deriver::families)
    }

    /// Whether the rows of a family are not those that the database holds. If any family has to be
    /// derived all are: the primary rows are read anyway, and what is sealed then follows from them
    /// whatever the kept families hold.
    fn is_derived(&self, family: usize) -> bool {
        if self.derives {
            self.deferred.contains(&true)
        } else {
            self.deferred.get(family) == Some(&true)
        }
    }

    /// Whether the fold derives the rows of a family.
    fn is_wanted(&self, family: usize) -> bool {
        let bounds = self.families().get(family).map(|family| &family.bounds);
        let replaces = |bounds: &Bounds| self.replaced.iter().any(|(range, _)| meet(range, bounds));
        self.derives && self.is_derived(family) && !bounds.is_some_and(replaces)
    }

    /// The regions in order.
    fn regions(&self) -> Vec<Bounds> {
        let mut cuts: BTreeSet<Vec<u8>> = BTreeSet::new();
        cuts.extend(self.settings.options.sections.iter().cloned());
        let families = self.families().iter().map(|family| &family.bounds);
        for bounds in families.chain(self.replaced.iter().map(|(range, _)| range)) {
            cuts.extend(bounds.lower.clone());
            cuts.extend(bounds.upper.clone());
        }
        // The empty key is before all others: a cut there makes an empty region.
        cuts.remove(&Vec::new());
        let regions = bounds_of(&cuts.into_iter().collect::<Vec<_>>());
        let within = regions.iter().filter(|region| meet(region, self.range));
        within
            .map(|region| intersection(region, self.range))
            .collect()
    }

    /// No region sticks out of what its first key is in.
    fn origin_of(&self, region: &Bounds) -> Origin {
        let key = region.lower().unwrap_or_default();
        if self.replaced.iter().any(|(range, _)| range.contains(key)) {
            return Origin::Replaced;
        }
        match family_of(self.families(), key) {
            Some(family) if self.is_derived(family) => Origin::Derived,
            _ => Origin::Merged,
        }
    }

    fn merge_region(
        &self,
        region: &Bounds,
        newer: &Newer,
        derivation: Option<&mut Derivation<'_>>,
        folded: &mut Folded,
    ) -> Result<()> {
        let is_source = |deriver: &dyn Deriver| {
            let mut sources = deriver.sources().iter();
            sources.any(|source| meet(source, region))
        };
        let derivation = derivation.filter(|_| self.deriver.is_some_and(is_source));
        if let Some(derivation) = derivation {
            // Everything is read in any case.
            let section = self.rewrite(region, |key, value| derivation.add(key, value))?;
            folded.sections.push(section);
            return Ok(());
        }
        for span in self.spans(region, newer, &mut folded.kept)? {
            folded.sections.push(self.rewrite(&span, |_, _| Ok(()))?);
        }
        Ok(())
    }

    /// Writes the rows within `bounds` as a section; shows each to `visit`.
    fn rewrite(
        &self,
        bounds: &Bounds,
        mut visit: impl FnMut(&[u8], &[u8]) -> Result<()>,
    ) -> Result<Section> {
        let mut section = SectionWriter::new(Arc::clone(self.settings));
        let mut rows = self.state.rows(bounds.clone(), CacheMode::Bypass);
        while rows.next()? {
            section.add(rows.key(), rows.value())?;
            visit(rows.key(), rows.value())?;
        }
        section.finish()
    }

    /// The parts of a region that are rewritten; notes the tables that stay.
    fn spans(
        &self,
        region: &Bounds,
        newer: &Newer,
        kept: &mut BTreeSet<FileNumber>,
    ) -> Result<Vec<Bounds>> {
        let tables = self.state.version.level(Level::L6);
        let tables: Vec<&Arc<TableMeta>> = tables
            .iter()
            .filter(|table| table.overlaps(region.lower(), region.upper()))
            .collect();
        let mut spans: Vec<Bounds> = Vec::new();
        for (at, zone) in zones(region, &tables).into_iter().enumerate() {
            let table = tables.get(at);
            let stays = table.is_some_and(|table| can_stay(table, region));
            if stays && !newer.is_in(self.state, &zone)? {
                kept.extend(table.map(|table| table.number));
                continue;
            }
            match spans.last_mut().filter(|last| last.upper == zone.lower) {
                Some(last) => last.upper = zone.upper,
                None => spans.push(zone),
            }
        }
        Ok(spans)
    }
}

/// What two ranges that meet share.
fn intersection(a: &Bounds, b: &Bounds) -> Bounds {
    let upper = match (&a.upper, &b.upper) {
        (Some(a), Some(b)) => Some(a.min(b).clone()),
        (a, b) => a.clone().or_else(|| b.clone()),
    };
    Bounds {
        lower: a.lower.clone().max(b.lower.clone()),
        upper,
    }
}

/// The zones of the tables of a region, which they share out; one zone if there are no tables.
fn zones(region: &Bounds, tables: &[&Arc<TableMeta>]) -> Vec<Bounds> {
    let starts = tables
        .iter()
        .skip(1)
        .map(|table| table.smallest.user.clone());
    let mut lower = region.lower.clone();
    let mut zones = Vec::new();
    for start in starts {
        let upper = Some(start.clone());
        zones.push(Bounds { lower, upper });
        lower = Some(start);
    }
    zones.push(Bounds {
        lower,
        upper: region.upper.clone(),
    });
    zones
}

/// Whether a table of the last level may be part of a folded database: it does not stick out of its
/// region, shows a whole file, and holds nothing but rows with sequence number 0.
fn can_stay(table: &TableMeta, region: &Bounds) -> bool {
    let is_within = region.contains(&table.smallest.user)
        && region.upper().is_none_or(|upper| !table.reaches(upper));
    is_within && !table.is_virtual() && table.largest_seq.0 == 0
}

/// What is newer than the last level.
struct Newer {
    runs: Vec<Run>,
    tombstones: Vec<Arc<Fragments>>,
}

impl Newer {
    fn of(state: &State) -> Result<Self> {
        let last: Option<FileNumber> = state.version.level(Level::L6).first().map(|t| t.number);
        let is_last = |run: &&Run| last.is_some() && run.first().map(|t| t.number) == last;
        let runs: Vec<Run> = state
            .version
            .runs()
            .filter(|run| !is_last(run))
            .cloned()
            .collect();
        let tables = runs.iter().flat_map(|run| run.iter());
        let mut tombstones = vec![Arc::new(tombstones_of(state, tables)?)];
        tombstones.extend(
            state
                .memory
                .iter()
                .map(|table| Arc::clone(table.fragments())),
        );
        Ok(Self { runs, tombstones })
    }

    /// Whether anything newer lies in `zone`.
    fn is_in(&self, state: &State, zone: &Bounds) -> Result<bool> {
        let (lower, upper) = (zone.lower(), zone.upper());
        if self.tombstones.iter().any(|t| t.overlaps(lower, upper)) {
            return Ok(true);
        }
        let bounds = Arc::new(zone.clone());
        let mut merge = state.merge_with(&self.runs, &bounds, CacheMode::Bypass);
        merge.seek_first()?;
        Ok(merge.current().is_some())
    }
}
