//! Damaged v3 files through the whole reader: cut and flipped, in all three payload encodings. Whatever the damage, the
//! answer is a typed error or exactly the answer of the whole file; never a panic, never other rows.
//!
//! Flips are sampled with a seed that a failure names; `C1Z_FLIPS=all` flips every bit.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that meets unexpected data must stop, and says what it counted"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use c1z::engine::page::collect_pages;
use c1z::engine::{EntitlementFilter, GrantFilter, ResourceFilter, Scope};
use c1z::{ErrorKind, MemoryBudget, OpenOptions, Result};
use shingle::vfs::{Fs, MemFs};
use testkit::golden::Case;
use testkit::hostile::{flipped, sampled_flips, sampled_truncations};

const FILES: [&str; 3] = ["v3.indexed_zstd.c1z", "v3.tar.c1z", "v3.tar_zstd.c1z"];

fn options(bytes: &[u8]) -> OpenOptions {
    let fs = MemFs::new();
    let mut file = fs.create(Path::new("x.c1z")).unwrap();
    file.write_all(bytes).unwrap();
    let budget = MemoryBudget::new(32 << 20);
    OpenOptions {
        fs: Arc::new(fs),
        budget,
        ..OpenOptions::default()
    }
}

/// Everything that the file answers, as text.
fn answers(bytes: &[u8]) -> Result<String> {
    let store = c1z::open_with("x.c1z", &options(bytes))?;
    let (reader, scope) = (store.reader(), Scope::Default);
    let runs = collect_pages(|page| reader.list_sync_runs(page))?;
    let types = collect_pages(|page| reader.list_resource_types(&scope, page))?;
    let resources = reader.stream_resources(&scope, &ResourceFilter::default())?;
    let resources = resources.collect::<Result<Vec<_>>>()?;
    let entitlements = reader.stream_entitlements(&scope, &EntitlementFilter::default())?;
    let entitlements = entitlements.collect::<Result<Vec<_>>>()?;
    let grants = reader.stream_grants(&scope, &GrantFilter::default())?;
    let grants = grants.collect::<Result<Vec<_>>>()?;
    let assets = collect_pages(|page| reader.list_assets(&scope, page))?;
    let stats = reader.stats(None, None)?;
    let digest = reader.grants_digest(&scope)?;
    Ok(format!(
        "{runs:?}{types:?}{resources:?}{entitlements:?}{grants:?}{assets:?}{stats:?}{digest:?}"
    ))
}

/// Tries a damaged file; the kind of its error, or none if it answers as the whole one does.
fn outcome(damaged: &[u8], whole: &str, what: &dyn Fn() -> String) -> Option<ErrorKind> {
    match answers(damaged) {
        Ok(found) => {
            assert!(found == whole, "other rows without an error: {}", what());
            None
        }
        Err(error) => {
            assert_ne!(
                error.kind(),
                ErrorKind::Internal,
                "{}: {}",
                what(),
                error.chain()
            );
            Some(error.kind())
        }
    }
}

/// Where a flip that changed no answer stands: what reads had no reason to look at.
fn place(bytes: &[u8], bit: usize) -> &'static str {
    let manifest_len = u32::from_be_bytes(bytes[5..9].try_into().unwrap()) as usize;
    let damaged = flipped(bytes, bit);
    let verified = c1z::open_with("x.c1z", &options(&damaged))
        .and_then(|store| store.envelope().unwrap().payload()?.verify());
    match (bit / 8, verified) {
        (0..9, _) => "head",
        (byte, _) if byte < 9 + manifest_len => "manifest: descriptors and advisory fields",
        (_, Err(_)) => "payload that reads do not touch; `verify` finds it",
        (_, Ok(_)) => "payload bytes that nothing checks",
    }
}

#[test]
fn a_cut_file_is_an_error() {
    for file in FILES {
        let bytes = Case::named("basic").bytes(file).unwrap();
        let whole = answers(&bytes).unwrap();
        let (mut kinds, mut harmless) = (BTreeMap::new(), 0);
        for (len, cut) in sampled_truncations(&bytes, 1, 400) {
            match outcome(cut, &whole, &|| format!("{file} cut to {len}")) {
                Some(kind) => *kinds.entry(format!("{kind:?}")).or_insert(0) += 1,
                None => harmless += 1,
            }
        }
        println!("{file}: cut: {kinds:?}, {harmless} harmless");
        assert_eq!(harmless, 0, "{file}: a cut file answers");
    }
}

#[test]
fn a_flipped_bit_is_an_error_or_changes_no_answer() {
    let all = std::env::var("C1Z_FLIPS").is_ok_and(|value| value == "all");
    for file in FILES {
        let bytes = Case::named("basic").bytes(file).unwrap();
        let whole = answers(&bytes).unwrap();
        let (mut kinds, mut tried) = (BTreeMap::new(), 0);
        let mut harmless: BTreeMap<&str, usize> = BTreeMap::new();
        let mut try_flip = |bit: usize, damaged: &[u8]| {
            tried += 1;
            match outcome(damaged, &whole, &|| format!("{file} bit {bit}")) {
                Some(kind) => *kinds.entry(format!("{kind:?}")).or_insert(0) += 1,
                None => *harmless.entry(place(&bytes, bit)).or_default() += 1,
            }
        };
        if all {
            (0..bytes.len() * 8).for_each(|bit| try_flip(bit, &flipped(&bytes, bit)));
        } else {
            sampled_flips(&bytes, 7, 600).for_each(|(bit, damaged)| try_flip(bit, &damaged));
        }
        println!("{file}: {tried} flips: {kinds:?}; no answer changed by {harmless:#?}");
        assert_eq!(
            harmless.get("head"),
            None,
            "{file}: a flip in the head goes unnoticed"
        );
        if file == "v3.indexed_zstd.c1z" {
            // Its manifest and every frame are hashed, so nothing but unread frames is left.
            let known = ["payload that reads do not touch; `verify` finds it"];
            assert!(
                harmless.keys().all(|place| known.contains(place)),
                "{harmless:#?}"
            );
        }
    }
}
