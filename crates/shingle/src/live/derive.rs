//! Deriving whole families from all primary rows.

use std::sync::Arc;

use super::deriver::check_derived;
use super::{DerivedOrder, Deriver};
use crate::Result;
use crate::bulk::{
    Section, SectionWriter, Settings, SortOptions, Sorter, bounds_of, write_section,
};
use crate::parallel;

/// Families that are derived, row by row.
pub(super) struct Derivation<'a> {
    deriver: &'a dyn Deriver,
    settings: &'a Arc<Settings>,
    /// By family; `None` for those that are not wanted.
    sinks: Vec<Option<Sink>>,
}

/// Where the rows of a family go.
enum Sink {
    Sorted(Sorter),
    Straight(SectionWriter),
}

impl<'a> Derivation<'a> {
    pub(super) fn new(
        deriver: &'a dyn Deriver,
        settings: &'a Arc<Settings>,
        wanted: &[bool],
    ) -> Self {
        let families = || deriver.families().iter().zip(wanted);
        let sorted = families().filter(|(f, wanted)| **wanted && f.order == DerivedOrder::Any);
        let memory_bytes = settings.options.memory_bytes / sorted.count().max(1);
        let sink = |order: DerivedOrder| match order {
            DerivedOrder::AsPrimaries => Sink::Straight(SectionWriter::new(Arc::clone(settings))),
            DerivedOrder::Any => Sink::Sorted(Sorter::new(
                settings.scratch.clone(),
                SortOptions {
                    memory_bytes,
                    background: settings.options.threads > 1,
                    ..SortOptions::default()
                },
            )),
        };
        Self {
            deriver,
            settings,
            sinks: families()
                .map(|(f, wanted)| wanted.then(|| sink(f.order)))
                .collect(),
        }
    }

    /// Derives what follows from a primary row.
    pub(super) fn add(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        let Self { deriver, sinks, .. } = self;
        let families = deriver.families();
        deriver.derive(key, value, &mut |family, key, value| {
            check_derived(families, family, key)?;
            match sinks.get_mut(family) {
                Some(Some(Sink::Sorted(sorter))) => sorter.add(key, value),
                Some(Some(Sink::Straight(section))) => section.add(key, value),
                _ => Ok(()),
            }
        })
    }

    /// Writes what is not written yet. Tables end at the sections of the database.
    pub(super) fn finish(self) -> Result<Vec<Section>> {
        let (settings, threads) = (self.settings, self.settings.options.threads);
        let mut sections = Vec::new();
        let mut sorters = Vec::new();
        for sink in self.sinks.into_iter().flatten() {
            match sink {
                Sink::Straight(section) => sections.push(section.finish()?),
                Sink::Sorted(sorter) => sorters.push(sorter),
            }
        }
        let sorted = parallel::map(sorters, threads, |sorter| {
            let sorted = sorter.finish()?;
            let ranges = bounds_of(&settings.options.sections).into_iter();
            let begin = || SectionWriter::new(Arc::clone(settings));
            let write = |bounds| write_section(begin(), &sorted, bounds);
            ranges.map(write).collect::<Result<Vec<_>>>()
        });
        sections.extend(sorted?.into_iter().flatten());
        Ok(sections)
    }
}
