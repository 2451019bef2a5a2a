//! Session entries, assets, sources: what is read by key.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Seek as _, SeekFrom};

use buffa::Message as _;
use c1z::engine::reader::{Asset, SessionEntries};
use c1z::engine::types::SyncId;
use c1z_proto::connector::v2;

use super::rows::{self, read_pages};
use super::{Checker, scope};
use crate::golden::dump::{AssetRow, Dump, ItemRow, List, Row, SessionRow, Sessions};

impl Checker<'_> {
    /// All session entries of a sync, one by one, together, and in pages.
    pub(super) fn sessions(&mut self, line: usize, expected: &Sessions) {
        const CHECK: &str = "sessions";
        let (reader, sync) = (self.reader, SyncId::from_stored(&expected.sync_id));
        let rows = session_rows(self.dump, &expected.sync_id);
        let mut pages = 0;
        let mut token = String::new();
        let mut found = Vec::new();
        loop {
            match reader.session_get_all(&sync, "", &token) {
                Ok(page) => {
                    pages += 1;
                    found.extend(page.rows);
                    if page.next_token.is_empty() || pages > expected.count + 1 {
                        break;
                    }
                    token = page.next_token;
                }
                Err(error) => return self.differ(CHECK, line, "get all", expected, &error),
            }
        }
        if let Some(error) = &expected.error {
            return self.differ(CHECK, line, "get all", error, &found);
        }
        self.compare(CHECK, line, "pages", &expected.pages, &pages);
        let entries: Vec<_> = rows
            .iter()
            .map(|row| (row.key.clone(), row.value.clone()))
            .collect();
        self.compare(CHECK, line, "entries", &entries, &found);
        self.compare(CHECK, line, "count", &expected.count, &found.len());
        self.session_keys(line, &sync, &entries);
    }

    fn session_keys(&mut self, line: usize, sync: &SyncId, entries: &[(String, Vec<u8>)]) {
        const CHECK: &str = "sessions";
        let reader = self.reader;
        for (key, value) in entries {
            match reader.session_get(sync, "", key) {
                Ok(found) => self.compare(CHECK, line, key, &Some(value), &found.as_ref()),
                Err(error) => self.differ(CHECK, line, key, value, &error),
            }
        }
        let keys: Vec<String> = entries.iter().map(|(key, _)| key.clone()).collect();
        let expected = SessionEntries {
            found: entries.iter().cloned().collect(),
            unprocessed: Vec::new(),
        };
        match reader.session_get_many(sync, "", &keys) {
            Ok(found) => self.compare(CHECK, line, "get many", &expected, &found),
            Err(error) => self.differ(CHECK, line, "get many", &expected, &error),
        }
        match reader.session_get(sync, "", "no-such-key") {
            Ok(found) => self.compare(CHECK, line, "no-such-key", &None, &found),
            Err(error) => self.differ(CHECK, line, "no-such-key", &"none", &error),
        }
    }

    /// Every asset of a sync: listed, and its bytes.
    pub(super) fn assets(&mut self, sync_id: &str) {
        const CHECK: &str = "assets";
        let (reader, dump) = (self.reader, self.dump);
        let rows = dump.rows.iter().filter_map(|line| match &line.row {
            Row::Asset(row) if row.sync_id == sync_id => Some((line.number, row)),
            _ => None,
        });
        let rows: Vec<(usize, &AssetRow)> = rows.collect();
        let expected: Vec<_> = rows
            .iter()
            .map(|(_, row)| (row.id.clone(), row.content_type.clone(), row.size))
            .collect();
        match read_pages(2, |page| reader.list_assets(&scope(sync_id), page)) {
            Ok((found, _)) => {
                let found = found
                    .into_iter()
                    .map(|asset| (asset.id, asset.content_type, asset.len));
                let found: Vec<_> = found.collect();
                self.sequence(CHECK, 0, "listed", &expected, &found, false);
            }
            Err(error) => self.differ(CHECK, 0, "listed", &expected, &error),
        }
        for (line, row) in rows {
            let found = reader.get_asset(&scope(sync_id), &row.id).map(read_asset);
            let expected = (row.content_type.clone(), row.size, row.sha256.clone());
            let expected = match &row.error {
                Some(error) => Err(error),
                None => Ok(&expected),
            };
            self.outcome(
                CHECK,
                line,
                &row.id,
                expected,
                found,
                |this, expected, found| {
                    this.compare(CHECK, line, &row.id, &Ok(expected), &found.as_ref());
                },
            );
        }
    }

    /// Sources by grant id are those of the listed grants.
    pub(super) fn grant_sources(&mut self, sync_id: &str) {
        const CHECK: &str = "grant sources";
        let mut expected = BTreeMap::new();
        for row in &self.list(sync_id, List::Grants).rows {
            let decoded = v2::Grant::decode_from_slice(&row.bytes).unwrap_or_default();
            if let Some(sources) = decoded.sources.into_option() {
                expected.insert(row.id.clone(), sources);
            }
        }
        match self.reader.grant_sources(&SyncId::from_stored(sync_id)) {
            Ok(found) => self.compare(CHECK, 0, sync_id, &expected, &found),
            Err(error) => self.differ(CHECK, 0, sync_id, &expected, &error),
        }
    }

    /// A point read of a grant that differs from the list.
    pub(super) fn get_grant_differs(&mut self, line: usize, row: &ItemRow) {
        let bytes = row.pb.clone().unwrap_or_default();
        let id = v2::Grant::decode_from_slice(&bytes).unwrap_or_default().id;
        match self.reader.get_grant(&scope(&row.sync_id), &id) {
            Ok(found) => self.compare("GetGrant", line, &id, &bytes, &found.encode_to_vec()),
            Err(error) => self.differ("GetGrant", line, &id, &"a grant", &error),
        }
    }

    /// Principals of a list of grants, distinct and sorted, are those of the list of principals.
    pub(super) fn principals_agree(
        &mut self,
        line: usize,
        sync_id: &str,
        entitlement: &c1z::engine::types::EntitlementRef,
        grants: &[v2::Grant],
    ) {
        let reader = self.reader;
        let expected: BTreeSet<_> = grants
            .iter()
            .map(|grant| rows::grant_key(grant).principal)
            .collect();
        let expected: Vec<_> = expected.into_iter().collect();
        let read = read_pages(3, |page| {
            reader.list_principals_for_entitlement(&scope(sync_id), entitlement, page)
        });
        match read {
            Ok((found, _)) => self.compare("principals", line, &entitlement.id, &expected, &found),
            Err(error) => self.differ("principals", line, &entitlement.id, &expected, &error),
        }
    }
}

fn session_rows<'a>(dump: &'a Dump, sync_id: &str) -> Vec<&'a SessionRow> {
    let rows = dump.rows.iter().filter_map(|line| match &line.row {
        Row::Session(row) if row.sync_id == sync_id => Some(row),
        _ => None,
    });
    rows.collect()
}

/// Type, length and hash of an asset, read twice; the second time from a place in the middle.
fn read_asset(mut asset: Asset) -> Result<(String, u64, String), String> {
    let mut data = Vec::new();
    let failed = |error: std::io::Error| error.to_string();
    asset.data.read_to_end(&mut data).map_err(failed)?;
    if data.len() as u64 != asset.len {
        return Err(format!("{} bytes instead of {}", data.len(), asset.len));
    }
    let middle = asset.len / 2;
    let mut rest = Vec::new();
    asset.data.seek(SeekFrom::Start(middle)).map_err(failed)?;
    asset.data.read_to_end(&mut rest).map_err(failed)?;
    if !data.ends_with(&rest) || rest.len() as u64 != asset.len - middle {
        return Err("another second half after a seek".to_owned());
    }
    Ok((asset.content_type, asset.len, rows::sha256(&data)))
}
