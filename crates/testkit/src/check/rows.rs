//! The four lists of an engine, read page by page and encoded.

use buffa::Message;
use c1z::engine::types::{EntitlementRef, GrantKey, ResourceRef};
use c1z::engine::{
    EntitlementFilter, GrantFilter, Page, PageRequest, Reader, ResourceFilter, Scope,
};
use c1z_proto::connector::v2;
use sha2::{Digest as _, Sha256};

use super::text;
use crate::golden::dump::{ItemRow, List};

/// A row of a list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Listed {
    /// External id; `type:id` of a resource.
    pub(super) id: String,
    /// The message, encoded.
    pub(super) bytes: Vec<u8>,
}

/// The rows of a list, and how many stood on each page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Pages {
    pub(super) rows: Vec<Listed>,
    pub(super) counts: Vec<usize>,
}

/// Reads all pages of a list. Stops with an error when a token leads nowhere.
pub(super) fn read_pages<T>(
    size: u32,
    mut list: impl FnMut(&PageRequest) -> c1z::Result<Page<T>>,
) -> c1z::Result<(Vec<T>, Vec<usize>)> {
    let mut rows = Vec::new();
    let mut counts = Vec::new();
    let mut request = PageRequest::first(size);
    loop {
        let page = list(&request)?;
        counts.push(page.rows.len());
        rows.extend(page.rows);
        if page.next_token.is_empty() {
            return Ok((rows, counts));
        }
        if page.next_token == request.token {
            return Err(c1z::Error::new(
                c1z::ErrorKind::Internal,
                "a page token leads back to its own page",
            ));
        }
        request.token = page.next_token;
    }
}

/// Reads one of the four lists without a filter.
pub(super) fn read_list(
    reader: &dyn Reader,
    scope: &Scope,
    list: List,
    size: u32,
) -> c1z::Result<Pages> {
    Ok(match list {
        List::ResourceTypes => {
            let read = read_pages(size, |page| reader.list_resource_types(scope, page))?;
            pages(read, resource_type)
        }
        List::Resources => {
            let filter = ResourceFilter::default();
            let read = read_pages(size, |page| reader.list_resources(scope, &filter, page))?;
            pages(read, resource)
        }
        List::Entitlements => {
            let filter = EntitlementFilter::default();
            let read = read_pages(size, |page| reader.list_entitlements(scope, &filter, page))?;
            pages(read, entitlement)
        }
        List::Grants => {
            let filter = GrantFilter::default();
            let read = read_pages(size, |page| reader.list_grants(scope, &filter, page))?;
            pages(read, |row| grant(&row.grant))
        }
    })
}

fn pages<T>((rows, counts): (Vec<T>, Vec<usize>), listed: impl Fn(&T) -> Listed) -> Pages {
    Pages {
        rows: rows.iter().map(listed).collect(),
        counts,
    }
}

pub(super) fn resource_type(row: &v2::ResourceType) -> Listed {
    Listed {
        id: row.id.clone(),
        bytes: row.encode_to_vec(),
    }
}

pub(super) fn resource(row: &v2::Resource) -> Listed {
    Listed {
        id: resource_ref(row).to_string(),
        bytes: row.encode_to_vec(),
    }
}

pub(super) fn entitlement(row: &v2::Entitlement) -> Listed {
    Listed {
        id: row.id.clone(),
        bytes: row.encode_to_vec(),
    }
}

pub(super) fn grant(row: &v2::Grant) -> Listed {
    Listed {
        id: row.id.clone(),
        bytes: row.encode_to_vec(),
    }
}

/// The reference of a resource.
pub(super) fn resource_ref(row: &v2::Resource) -> ResourceRef {
    row.id.as_option().map_or_else(ResourceRef::default, |id| {
        ResourceRef::new(&id.resource_type, &id.resource)
    })
}

/// The reference of an entitlement, with its resource.
pub(super) fn entitlement_ref(row: &v2::Entitlement) -> EntitlementRef {
    EntitlementRef {
        id: row.id.clone(),
        resource: row.resource.as_option().map(resource_ref),
    }
}

/// The structural key of a grant.
pub(super) fn grant_key(row: &v2::Grant) -> GrantKey {
    let entitlement = row.entitlement.as_option().map(entitlement_ref);
    let principal = row.principal.as_option().map(resource_ref);
    GrantKey {
        entitlement: entitlement.unwrap_or_default(),
        principal: principal.unwrap_or_default(),
    }
}

/// SHA-256 as hexadecimal digits.
pub(super) fn sha256(bytes: &[u8]) -> String {
    crate::golden::to_hex(&Sha256::digest(bytes))
}

/// What identifies an expected row: its bytes, or their hash.
pub(super) fn expected_key(row: &ItemRow) -> String {
    match (&row.pb, &row.pb_sha256) {
        (Some(bytes), _) => sha256(bytes),
        (None, Some(hash)) => hash.clone(),
        (None, None) => "neither message nor hash".to_owned(),
    }
}

/// A readable form of an encoded row, for differences.
pub(super) fn show(list: List, bytes: &[u8]) -> String {
    fn decoded<T: Message + std::fmt::Debug>(bytes: &[u8]) -> String {
        match T::decode_from_slice(bytes) {
            Ok(message) => format!("{message:?}"),
            Err(error) => format!("undecodable ({error}): {}", crate::golden::to_hex(bytes)),
        }
    }
    match list {
        List::ResourceTypes => decoded::<v2::ResourceType>(bytes),
        List::Resources => decoded::<v2::Resource>(bytes),
        List::Entitlements => decoded::<v2::Entitlement>(bytes),
        List::Grants => decoded::<v2::Grant>(bytes),
    }
}

/// Both forms, cut to the place where they part; equal texts of unequal bytes are shown as bytes.
pub(super) fn show_both(list: List, expected: &[u8], found: &[u8]) -> (String, String) {
    let (left, right) = (show(list, expected), show(list, found));
    if left == right {
        let (left, right) = (
            crate::golden::to_hex(expected),
            crate::golden::to_hex(found),
        );
        let (left, right) = text::around_difference(&left, &right);
        return (
            format!("same message, bytes {left}"),
            format!("bytes {right}"),
        );
    }
    text::around_difference(&left, &right)
}
