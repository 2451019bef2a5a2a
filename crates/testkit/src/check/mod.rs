//! Compares an engine with what the Go reader answered about the same data, completely.
//!
//! Every row of a dump is looked at, whatever its kind. What is compared beyond the rows: the engine with itself, where
//! two of its operations must agree (streams and lists, keys and ids, pages of seven and the whole list).
//!
//! Where the contract and Go differ on purpose for all engines, the comparison knows it; the rules stand at the
//! functions that apply them. Everything else is a difference, or a [`Deviation`] that the caller names.

mod lookups;
mod points;
mod report;
mod rows;
mod stats;
mod syncs;
mod text;

use std::collections::{BTreeMap, HashSet};
use std::fmt::Debug;

use c1z::engine::types::{GrantKey, ResourceRef, SyncId};
use c1z::engine::{Profile, Reader, Scope};
use c1z_proto::connector::v2;

pub use report::{CheckReport, Deviation, Difference, contract_deviations};

use crate::golden::dump::{Dump, GoError, List, Row};
use rows::{Listed, Pages};

/// In which order an engine lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// As Go's engine does, in every list.
    #[default]
    AsGo,
    /// As Go's engine does, but in lists of the grants for a resource type, where Go and ours may read by different
    /// keys.
    Primary,
    /// In an order of its own: lists are compared as multisets.
    Any,
}

/// How to compare.
#[derive(Clone, Debug, Default)]
pub struct CheckOptions {
    /// The engine's order.
    pub order: Order,
    /// Differences that are documented.
    pub deviations: Vec<Deviation>,
}

/// Compares everything that `dump` tells with what `reader` answers.
///
/// `profile` is the profile that the reader was opened with, one of the two Go profiles. The reader's clock has to
/// stand at [`Dump::read_at`]. Never panics; the report says what differs.
pub fn check_reader(
    reader: &dyn Reader,
    dump: &Dump,
    profile: Profile,
    options: &CheckOptions,
) -> CheckReport {
    let mut checker = Checker {
        reader,
        dump,
        profile,
        order: options.order,
        lists: BTreeMap::new(),
        listed: HashSet::new(),
        grant_keys: BTreeMap::new(),
        entitlement: None,
        entitlements_seen: BTreeMap::new(),
        report: CheckReport::default(),
    };
    checker.run();
    checker.report.apply(&options.deviations);
    checker.report
}

struct Checker<'a> {
    reader: &'a dyn Reader,
    dump: &'a Dump,
    profile: Profile,
    order: Order,
    /// The four lists by sync id.
    lists: BTreeMap<String, Lists>,
    /// The same rows, to be looked up.
    listed: HashSet<(String, List, Listed)>,
    /// How many grants have a structure, by sync id.
    grant_keys: BTreeMap<String, BTreeMap<GrantKey, usize>>,
    /// The entitlement that the lookups of grants are about: id and resource.
    entitlement: Option<(String, ResourceRef)>,
    /// How often an entitlement id was looked up, by sync id and id: ids may repeat on several resources.
    entitlements_seen: BTreeMap<(String, String), usize>,
    report: CheckReport,
}

/// The four lists of a sync, in the order of [`List::ALL`].
type Lists = [Pages; 4];

impl Checker<'_> {
    fn run(&mut self) {
        let dump = self.dump;
        self.sync_runs();
        for run in dump.sync_runs() {
            self.read_lists(&run.id);
            for list in List::ALL {
                self.list_rows(list, &run.id);
            }
            self.pages_of_seven_agree(&run.id);
            self.streams_agree(&run.id);
            self.expansions(&run.id);
            self.pending(&run.id);
            self.assets(&run.id);
            self.grant_sources(&run.id);
        }
        for line in &dump.rows {
            let number = line.number;
            match &line.row {
                // Compared above, all rows of a list together.
                Row::SyncRun(_)
                | Row::Item(..)
                | Row::GrantExpansion(_)
                | Row::PendingExpansion(_)
                | Row::Session(_)
                | Row::Asset(_) => {}
                Row::View(view) => self.view(number, view),
                Row::PageSize7(pages) => self.page_size_7(number, pages),
                Row::Stats(expected) => self.stats_map(number, expected),
                Row::StatsV2(expected) => self.stats(number, expected),
                Row::GrantStats(expected) => self.grant_stats(number, expected),
                Row::Sessions(sessions) => self.sessions(number, sessions),
                Row::Lookup(lookup) => self.lookup(number, lookup),
                Row::GetGrantDiffers(row) => self.get_grant_differs(number, row),
                Row::OpenError(error) | Row::Error(error) => {
                    let about = "Go failed as a whole; the reader must not be there to compare";
                    self.differ("open", number, about, &error, &"a reader");
                }
            }
        }
    }

    /// Counts a comparison and records a difference if the two are not equal.
    fn compare<T: PartialEq + Debug + ?Sized>(
        &mut self,
        check: &'static str,
        line: usize,
        about: &str,
        expected: &T,
        found: &T,
    ) {
        self.report.count(check);
        if expected != found {
            self.record(
                check,
                line,
                about,
                &format!("{expected:?}"),
                &format!("{found:?}"),
            );
        }
    }

    /// Counts a comparison that has failed.
    fn differ(
        &mut self,
        check: &'static str,
        line: usize,
        about: &str,
        expected: &dyn Debug,
        found: &dyn Debug,
    ) {
        self.report.count(check);
        self.record(
            check,
            line,
            about,
            &format!("{expected:?}"),
            &format!("{found:?}"),
        );
    }

    fn record(
        &mut self,
        check: &'static str,
        line: usize,
        about: &str,
        expected: &str,
        found: &str,
    ) {
        let (expected, found) = text::around_difference(expected, found);
        self.report.differences.push(Difference {
            check,
            line,
            about: text::short(about),
            expected,
            found,
        });
    }

    /// Compares results: two errors by their code, two values by `values`.
    fn outcome<E, T: Debug>(
        &mut self,
        check: &'static str,
        line: usize,
        about: &str,
        expected: Result<&E, &GoError>,
        found: c1z::Result<T>,
        values: impl FnOnce(&mut Self, &E, T),
    ) where
        E: Debug + ?Sized,
    {
        match (expected, found) {
            (Ok(expected), Ok(found)) => values(self, expected, found),
            (Ok(expected), Err(error)) => self.differ(check, line, about, &expected, &error),
            (Err(expected), Ok(found)) => self.differ(check, line, about, &expected, &found),
            (Err(expected), Err(error)) => {
                self.report.count(check);
                if !same_code(expected, &error) {
                    self.record(
                        check,
                        line,
                        about,
                        &format!("{expected:?}"),
                        &format!("{error:?}"),
                    );
                }
            }
        }
    }

    /// Compares two lists in the engine's order: as sequences, or as multisets.
    fn sequence<T: Ord + Debug + Clone>(
        &mut self,
        check: &'static str,
        line: usize,
        about: &str,
        expected: &[T],
        found: &[T],
        in_order: bool,
    ) {
        if in_order {
            return self.compare(check, line, about, expected, found);
        }
        let (mut expected, mut found) = (expected.to_vec(), found.to_vec());
        expected.sort();
        found.sort();
        self.compare(check, line, about, &expected, &found);
    }

    /// Whether lists that Go's engine reads by primary key come in its order.
    fn in_order(&self) -> bool {
        self.order != Order::Any
    }

    fn list(&self, sync_id: &str, list: List) -> &Pages {
        static NONE: Pages = Pages {
            rows: Vec::new(),
            counts: Vec::new(),
        };
        let lists = self.lists.get(sync_id);
        lists
            .and_then(|lists| lists.get(list as usize))
            .unwrap_or(&NONE)
    }

    /// Whether the whole list of a sync has this row.
    fn is_listed(&self, sync_id: &str, list: List, row: &Listed) -> bool {
        let key = (sync_id.to_owned(), list, row.clone());
        self.listed.contains(&key)
    }

    /// How many grants of a sync have this structure.
    fn grants_with_key(&mut self, sync_id: &str, key: &GrantKey) -> usize {
        use buffa::Message as _;
        if !self.grant_keys.contains_key(sync_id) {
            let mut counts = BTreeMap::new();
            for row in &self.list(sync_id, List::Grants).rows {
                let grant = v2::Grant::decode_from_slice(&row.bytes).unwrap_or_default();
                *counts.entry(rows::grant_key(&grant)).or_insert(0) += 1;
            }
            self.grant_keys.insert(sync_id.to_owned(), counts);
        }
        let counts = self.grant_keys.get(sync_id);
        counts
            .and_then(|counts| counts.get(key))
            .copied()
            .unwrap_or(0)
    }

    /// Entitlements of a sync: those of the dump, or the engine's where the dump holds hashes.
    fn entitlements(&self, sync_id: &str) -> Vec<v2::Entitlement> {
        use buffa::Message as _;
        let rows = self.dump.items(List::Entitlements, sync_id);
        let written: Option<Vec<_>> = rows.map(|row| row.pb.clone()).collect();
        let listed = self.list(sync_id, List::Entitlements).rows.iter();
        let encoded = written.unwrap_or_else(|| listed.map(|row| row.bytes.clone()).collect());
        encoded
            .iter()
            .filter_map(|bytes| v2::Entitlement::decode_from_slice(bytes).ok())
            .collect()
    }
}

/// The scope that names a sync; none is named by an empty id.
fn scope(sync_id: &str) -> Scope {
    if sync_id.is_empty() {
        Scope::Default
    } else {
        Scope::Sync(SyncId::from_stored(sync_id))
    }
}

/// Whether an error has Go's code. An error that Go did not classify (`Unknown`) matches any: the contract says
/// *always classify* (`store-contract` §0.4).
fn same_code(expected: &GoError, found: &c1z::Error) -> bool {
    let (_, name) = found.kind().grpc();
    let name: String = name.chars().filter(|c| *c != '_').collect();
    expected.code == "Unknown" || name.eq_ignore_ascii_case(&expected.code)
}

#[cfg(test)]
mod tests;
