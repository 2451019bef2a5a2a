//! Entry points for hostile input: any bytes, through a whole engine. Each returns, whatever the bytes are.

use std::sync::Arc;

use shingle::vfs::{MemFile, OsClock};

use super::contract::Contract;
use super::page::collect_pages;
use super::types::EntitlementRef;
use super::v1::V1Source;
use super::{EntitlementFilter, GrantFilter, PageRequest, Profile, Reader, ResourceFilter, Scope};
use crate::sqlite_file::Database;
use crate::v1_tables::Zone;
use crate::{ErrorKind, Result};

/// Rows that are looked at more closely, and pages that are read one by one: small files can hold many.
const CLOSER_LOOKS: usize = 20;

/// Reads `bytes` as the database of a v1 file in every way that the contract offers.
///
/// # Panics
/// If an error is a bug of ours, or a page is not the continuation of the one before.
pub fn v1_database(bytes: &[u8]) {
    if let Err(error) = read(bytes) {
        assert_ne!(error.kind(), ErrorKind::Internal, "{}", error.chain());
    }
}

fn read(bytes: &[u8]) -> Result<()> {
    let database = Database::open(Arc::new(MemFile::new(bytes)))?;
    let source = V1Source::open(&database, Zone::utc(), bytes.len() as u64)?;
    let reader = Contract::new(Box::new(source), Profile::Ours, Arc::new(OsClock));
    for run in collect_pages(|page| reader.list_sync_runs(page))? {
        let scope = Scope::Sync(run.id.clone());
        // One kind of row may be damaged and the next one whole.
        let results = [
            read_grants(&reader, &scope),
            read_entitlements(&reader, &scope),
            read_others(&reader, &scope),
            reader.session_get_all(&run.id, "", "").map(drop),
            reader.stats(Some(&run.id), None).map(drop),
        ];
        results.into_iter().collect::<Result<()>>()?;
    }
    Ok(())
}

fn read_grants(reader: &impl Reader, scope: &Scope) -> Result<()> {
    let filter = GrantFilter::default();
    let streamed = reader.stream_grants(scope, &filter)?;
    let streamed = streamed.collect::<Result<Vec<_>>>()?;
    let mut request = PageRequest::first(3);
    for expected in streamed.chunks(3).take(CLOSER_LOOKS) {
        let page = reader.list_grants(scope, &filter, &request)?;
        assert_eq!(
            page.rows, expected,
            "a page is not the next part of the list"
        );
        request.token = page.next_token;
    }
    for row in streamed.iter().take(CLOSER_LOOKS) {
        // Damage may have made the id of a row empty, or another's.
        let found = reader.get_grant(scope, &row.grant.id);
        drop(found.map_err(|error| error.kind()));
    }
    collect_pages(|page| reader.list_pending_expansion(scope, page)).map(drop)
}

fn read_entitlements(reader: &impl Reader, scope: &Scope) -> Result<()> {
    let rows = reader.stream_entitlements(scope, &EntitlementFilter::default())?;
    for row in rows.take(CLOSER_LOOKS) {
        let of = EntitlementRef::bare(row?.id);
        if of.id.is_empty() {
            continue;
        }
        let filter = GrantFilter {
            entitlement: Some(of.clone()),
            ..GrantFilter::default()
        };
        collect_pages(|page| reader.list_grants(scope, &filter, page))?;
        collect_pages(|page| reader.list_principals_for_entitlement(scope, &of, page))?;
    }
    Ok(())
}

fn read_others(reader: &impl Reader, scope: &Scope) -> Result<()> {
    collect_pages(|page| reader.list_resource_types(scope, page))?;
    let resources = reader.stream_resources(scope, &ResourceFilter::default())?;
    resources.collect::<Result<Vec<_>>>()?;
    for asset in collect_pages(|page| reader.list_assets(scope, page))? {
        if !asset.id.is_empty() {
            reader.get_asset(scope, &asset.id)?;
        }
    }
    Ok(())
}
