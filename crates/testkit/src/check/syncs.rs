//! Sync runs, what a reader sees of each, and the rows of its lists.

use std::collections::BTreeMap;

use c1z::engine::types::{SyncId, SyncRun, SyncStats, SyncType};
use c1z::engine::{EntitlementFilter, GrantFilter, Profile, ResourceFilter};

use super::rows::{self, Listed, Pages, read_list, read_pages};
use super::stats::{is_same, shown};
use super::{Checker, scope};
use crate::golden::dump::{Dump, ExpansionRow, List, PageSize7, Row, StatsJson, SyncRunRow, View};

impl Checker<'_> {
    /// All runs in creation order; each is what `get_sync` gives.
    pub(super) fn sync_runs(&mut self) {
        const CHECK: &str = "sync runs";
        let reader = self.reader;
        let found = match read_pages(0, |page| reader.list_sync_runs(page)) {
            Ok((runs, _)) => runs,
            Err(error) => return self.differ(CHECK, 0, "list", &"sync runs", &error),
        };
        let dump = self.dump;
        let expected: Vec<&SyncRunRow> = dump.sync_runs().collect();
        let ids: Vec<&str> = expected.iter().map(|run| run.id.as_str()).collect();
        let found_ids: Vec<&str> = found.iter().map(|run| run.id.as_str()).collect();
        self.compare(CHECK, 0, "ids in creation order", &ids, &found_ids);
        for (row, run) in expected.iter().zip(&found) {
            self.sync_run(row, run);
            match reader.get_sync(&run.id) {
                Ok(got) => self.compare(CHECK, 0, "get_sync as listed", run, &got),
                Err(error) => self.differ(CHECK, 0, "get_sync", run, &error),
            }
        }
        match read_pages(2, |page| reader.list_sync_runs(page)) {
            Ok((runs, _)) => self.compare(CHECK, 0, "pages of two", &found, &runs),
            Err(error) => self.differ(CHECK, 0, "pages of two", &found, &error),
        }
    }

    fn sync_run(&mut self, row: &SyncRunRow, run: &SyncRun) {
        const CHECK: &str = "sync runs";
        let mut expected = run.clone();
        expected.id = SyncId::from_stored(&row.id);
        expected.sync_type = SyncType::from_stored(&row.sync_type);
        expected.parent_id.clone_from(&row.parent_sync_id);
        expected.linked_id.clone_from(&row.linked_sync_id);
        expected.started_at = Some(row.started_at);
        expected.ended_at = row.ended_at;
        expected.token.clone_from(&row.sync_token);
        expected.supports_diff = row.supports_diff;
        expected
            .verification
            .generation
            .clone_from(&row.ingest_invariant_generation);
        expected
            .verification
            .coverage
            .clone_from(&row.ingest_invariant_coverage);
        expected
            .verification
            .mode
            .clone_from(&row.ingest_invariant_mode);
        self.compare(CHECK, 0, &format!("sync {}", row.id), &expected, run);
        // Go's Pebble engine lists runs without statistics; its ListSyncs has them.
        if self.profile == Profile::GoSqlite || row.stats.is_some() {
            self.recorded_stats(CHECK, 0, &row.id, row.stats.as_ref(), run.stats.as_ref());
        }
    }

    pub(super) fn recorded_stats(
        &mut self,
        check: &'static str,
        line: usize,
        sync_id: &str,
        expected: Option<&StatsJson>,
        found: Option<&SyncStats>,
    ) {
        self.report.count(check);
        let same = match (expected, found) {
            (Some(expected), Some(found)) => is_same(expected, found, self.profile, true),
            (None, None) => true,
            _ => false,
        };
        if !same {
            let (expected, found) = (format!("{expected:?}"), format!("{:?}", found.map(shown)));
            self.record(
                check,
                line,
                &format!("recorded stats of {sync_id}"),
                &expected,
                &found,
            );
        }
    }

    /// Number of rows and page shapes with the default page size; for a reader that names no sync, too.
    pub(super) fn view(&mut self, line: usize, view: &View) {
        const CHECK: &str = "view";
        for list in List::ALL {
            let about = format!("{} of sync `{}`", list.name(), view.sync_id);
            let found =
                read_list(self.reader, &scope(&view.sync_id), list, 0).map(|pages| pages.counts);
            let (rows, counts) = (*view.rows.of(list), view.page_counts.of(list));
            let expected = match view.errors.of(list) {
                Some(error) => Err(error),
                None => Ok(counts),
            };
            self.outcome(
                CHECK,
                line,
                &about,
                expected,
                found,
                |this, expected, found| {
                    this.compare(CHECK, line, &about, &rows, &found.iter().sum());
                    if let Some(expected) = expected {
                        this.compare(CHECK, line, &about, expected, &found);
                    }
                },
            );
        }
    }

    /// Reads the four lists of a sync once.
    pub(super) fn read_lists(&mut self, sync_id: &str) {
        let mut lists: [Pages; 4] = Default::default();
        for (list, pages) in List::ALL.into_iter().zip(&mut lists) {
            match read_list(self.reader, &scope(sync_id), list, 0) {
                Ok(read) => *pages = read,
                Err(error) => {
                    let about = format!("{} of {sync_id}", list.name());
                    self.differ("rows", 0, &about, &"a list", &error);
                }
            }
        }
        for (list, pages) in List::ALL.into_iter().zip(&lists) {
            let rows = pages.rows.iter().cloned();
            self.listed
                .extend(rows.map(|row| (sync_id.to_owned(), list, row)));
        }
        self.lists.insert(sync_id.to_owned(), lists);
    }

    /// Every row of a list: the message's bytes, or their hash.
    pub(super) fn list_rows(&mut self, list: List, sync_id: &str) {
        let dump = self.dump;
        let expected: Vec<_> = dump.items(list, sync_id).collect();
        let found = self.list(sync_id, list).rows.clone();
        if !self.in_order() {
            return self.rows_as_multiset(list, sync_id, &found);
        }
        for (row, found) in expected.iter().zip(&found) {
            self.report.count("rows");
            let same = match &row.pb {
                Some(bytes) => *bytes == found.bytes,
                None => rows::expected_key(row) == rows::sha256(&found.bytes),
            };
            if !same {
                let about = format!(
                    "{} {} of {sync_id}, found id `{}`",
                    list.name(),
                    row.i,
                    found.id
                );
                let (expected, found) = match &row.pb {
                    Some(bytes) => rows::show_both(list, bytes, &found.bytes),
                    None => (format!("{:?}", row.id), rows::show(list, &found.bytes)),
                };
                self.record("rows", 0, &about, &expected, &found);
            }
        }
        let about = format!("number of {} of {sync_id}", list.name());
        self.compare("rows", 0, &about, &expected.len(), &found.len());
    }

    /// Rows that one side has more often than the other. Each expected row counts as a comparison.
    fn rows_as_multiset(&mut self, list: List, sync_id: &str, found: &[Listed]) {
        let mut balance: BTreeMap<String, (i64, String)> = BTreeMap::new();
        for row in self.dump.items(list, sync_id) {
            let shown = row.pb.as_ref().map(|bytes| rows::show(list, bytes));
            let shown = shown.unwrap_or_else(|| format!("{:?}", row.id));
            balance
                .entry(rows::expected_key(row))
                .or_insert((0, shown))
                .0 += 1;
            self.report.count("rows");
        }
        for row in found {
            let shown = rows::show(list, &row.bytes);
            balance
                .entry(rows::sha256(&row.bytes))
                .or_insert((0, shown))
                .0 -= 1;
        }
        for (missing, shown) in balance.into_values() {
            let about = format!("{} of {sync_id}", list.name());
            match missing {
                0 => {}
                1.. => self.record("rows", 0, &about, &shown, "not listed, or too few"),
                _ => self.record("rows", 0, &about, "not in the dump, or fewer", &shown),
            }
        }
    }

    /// Page shapes with seven rows a page.
    pub(super) fn page_size_7(&mut self, line: usize, expected: &PageSize7) {
        for list in List::ALL {
            let Some(pages) = expected.of(list) else {
                continue;
            };
            let about = format!("{} of {}", list.name(), expected.sync_id);
            match read_list(self.reader, &scope(&expected.sync_id), list, 7) {
                Ok(found) => {
                    self.compare("pages of 7", line, &about, pages, found.counts.as_slice());
                }
                Err(error) => self.differ("pages of 7", line, &about, &pages, &error),
            }
        }
        if let Some(error) = expected.errors.iter().flatten().next() {
            self.differ("pages of 7", line, "error", error, &"no error");
        }
    }

    /// Pages of seven, joined, are the whole list.
    pub(super) fn pages_of_seven_agree(&mut self, sync_id: &str) {
        for list in List::ALL {
            let whole = self.list(sync_id, list).rows.clone();
            let about = format!("{} of {sync_id}, joined", list.name());
            match read_list(self.reader, &scope(sync_id), list, 7) {
                Ok(found) => self.compare("pages of 7", 0, &about, &whole, &found.rows),
                Err(error) => self.differ("pages of 7", 0, &about, &"a list", &error),
            }
        }
    }

    /// Streams give what lists give.
    pub(super) fn streams_agree(&mut self, sync_id: &str) {
        const CHECK: &str = "streams";
        let (reader, scope) = (self.reader, scope(sync_id));
        let streams = [
            (
                List::Resources,
                reader
                    .stream_resources(&scope, &ResourceFilter::default())
                    .and_then(|rows| rows.map(|row| Ok(rows::resource(&row?))).collect()),
            ),
            (
                List::Entitlements,
                reader
                    .stream_entitlements(&scope, &EntitlementFilter::default())
                    .and_then(|rows| rows.map(|row| Ok(rows::entitlement(&row?))).collect()),
            ),
            (
                List::Grants,
                reader
                    .stream_grants(&scope, &GrantFilter::default())
                    .and_then(|rows| rows.map(|row| Ok(rows::grant(&row?.grant))).collect()),
            ),
        ];
        for (list, streamed) in streams {
            let about = format!("{} of {sync_id}", list.name());
            let listed = self.list(sync_id, list).rows.clone();
            let streamed: c1z::Result<Vec<Listed>> = streamed;
            match streamed {
                Ok(streamed) => {
                    self.sequence(CHECK, 0, &about, &keys(&listed), &keys(&streamed), false);
                }
                Err(error) => self.differ(CHECK, 0, &about, &"a stream", &error),
            }
        }
    }

    /// Grants that carry an expansion, with their positions among all grants.
    pub(super) fn expansions(&mut self, sync_id: &str) {
        const CHECK: &str = "expansion";
        let expected = expansion_rows(self.dump, sync_id, false);
        let (reader, filter) = (self.reader, GrantFilter::default());
        let read = read_pages(0, |page| reader.list_grants(&scope(sync_id), &filter, page));
        let rows = match read {
            Ok((rows, _)) => rows,
            Err(error) => return self.differ(CHECK, 0, sync_id, &expected, &error),
        };
        let mut found = Vec::new();
        for (i, row) in rows.iter().enumerate() {
            if let Some(expansion) = &row.expansion {
                let key = rows::grant_key(&row.grant);
                found.push(ExpansionRow {
                    i,
                    sync_id: sync_id.to_owned(),
                    grant_id: row.grant.id.clone(),
                    target_entitlement_id: key.entitlement.id,
                    principal_resource_type_id: key.principal.resource_type,
                    principal_resource_id: key.principal.resource,
                    needs_expansion: row.needs_expansion,
                    annotation: expansion.into(),
                });
            } else if row.needs_expansion {
                self.differ(CHECK, 0, &row.grant.id, &"no flag without expansion", &true);
            }
        }
        self.expansion_lists(CHECK, sync_id, expected, found);
    }

    /// The list of pending expansions.
    pub(super) fn pending(&mut self, sync_id: &str) {
        const CHECK: &str = "pending";
        let expected = expansion_rows(self.dump, sync_id, true);
        let reader = self.reader;
        let read = read_pages(3, |page| {
            reader.list_pending_expansion(&scope(sync_id), page)
        });
        let found = match read {
            Ok((rows, _)) => rows,
            Err(error) => return self.differ(CHECK, 0, sync_id, &expected, &error),
        };
        let found: Vec<ExpansionRow> = found
            .into_iter()
            .enumerate()
            .map(|(i, row)| ExpansionRow {
                i,
                sync_id: sync_id.to_owned(),
                grant_id: row.grant_id,
                target_entitlement_id: row.entitlement.id,
                principal_resource_type_id: row.principal.resource_type,
                principal_resource_id: row.principal.resource,
                needs_expansion: true,
                annotation: (&row.expansion).into(),
            })
            .collect();
        self.expansion_lists(CHECK, sync_id, expected, found);
    }

    fn expansion_lists(
        &mut self,
        check: &'static str,
        sync_id: &str,
        mut expected: Vec<ExpansionRow>,
        mut found: Vec<ExpansionRow>,
    ) {
        if !self.in_order() {
            for rows in [&mut expected, &mut found] {
                for row in rows.iter_mut() {
                    row.i = 0;
                }
                rows.sort_by(|a, b| a.grant_id.cmp(&b.grant_id));
            }
        }
        for (expected, found) in expected.iter().zip(&found) {
            self.compare(check, 0, &expected.grant_id, expected, found);
        }
        let about = format!("number in {sync_id}");
        self.compare(check, 0, &about, &expected.len(), &found.len());
    }
}

fn expansion_rows(dump: &Dump, sync_id: &str, pending: bool) -> Vec<ExpansionRow> {
    let rows = dump.rows.iter().filter_map(|line| match &line.row {
        Row::GrantExpansion(row) if !pending => Some(row),
        Row::PendingExpansion(row) if pending => Some(row),
        _ => None,
    });
    rows.filter(|row| row.sync_id == sync_id).cloned().collect()
}

fn keys(rows: &[Listed]) -> Vec<(String, String)> {
    rows.iter()
        .map(|row| (row.id.clone(), rows::sha256(&row.bytes)))
        .collect()
}
