//! Damaged v1 files through the whole reader.
//!
//! The envelope is one checksummed stream: a cut or flipped file is an error, or answers as the whole one does. The
//! database inside has no checksum of its own: a bit that is flipped in it (before it is packed) may be a letter of a name,
//! and nobody can tell. What can be told is told: an error, or an answer; never a panic, a hang, or memory without bound.
//!
//! Flips are sampled with a seed that a failure names; `C1Z_FLIPS=all` flips every bit of the packed file.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that meets unexpected data must stop, and says what it counted"
)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use c1z::engine::page::collect_pages;
use c1z::engine::types::{EntitlementRef, SyncId};
use c1z::engine::{EntitlementFilter, GrantFilter, ResourceFilter, Scope};
use c1z::envelope::{self, EnvelopeFile, write_v1};
use c1z::v1_tables::Zone;
use c1z::{ErrorKind, MemoryBudget, OpenOptions, Result, Store};
use shingle::vfs::{Fs, MemFile, MemFs, OsFs, ReadFile};
use testkit::golden::Case;
use testkit::hostile::{flipped, sampled_flips, sampled_truncations};

/// Magic and frame header; the blocks and their checksum follow.
const HEAD_LEN: usize = 16;

fn open(bytes: &[u8]) -> Result<Store> {
    let fs = MemFs::new();
    let mut file = fs.create(Path::new("x.c1z")).unwrap();
    file.write_all(bytes).unwrap();
    let options = OpenOptions {
        fs: Arc::new(fs),
        budget: MemoryBudget::new(32 << 20),
        zone: Zone::utc(),
        ..OpenOptions::default()
    };
    c1z::open_with("x.c1z", &options)
}

/// Everything that the file answers, as text: lists by scan and by index, points, sessions.
fn answers(bytes: &[u8]) -> Result<String> {
    let store = open(bytes)?;
    let (reader, scope) = (store.reader(), Scope::Default);
    let runs = collect_pages(|page| reader.list_sync_runs(page))?;
    let types = collect_pages(|page| reader.list_resource_types(&scope, page))?;
    let resources = reader.stream_resources(&scope, &ResourceFilter::default())?;
    let resources = resources.collect::<Result<Vec<_>>>()?;
    let entitlements = reader.stream_entitlements(&scope, &EntitlementFilter::default())?;
    let entitlements = entitlements.collect::<Result<Vec<_>>>()?;
    let grants = reader.stream_grants(&scope, &GrantFilter::default())?;
    let grants = grants.collect::<Result<Vec<_>>>()?;
    let mut text = format!("{runs:?}{types:?}{resources:?}{entitlements:?}{grants:?}");
    for row in &entitlements {
        let of = EntitlementRef::bare(&row.id);
        let filter = GrantFilter {
            entitlement: Some(of.clone()),
            ..Default::default()
        };
        let granted = collect_pages(|page| reader.list_grants(&scope, &filter, page))?;
        let principals =
            collect_pages(|page| reader.list_principals_for_entitlement(&scope, &of, page))?;
        write!(
            text,
            "{granted:?}{principals:?}{:?}",
            reader.get_entitlement(&scope, &of)?
        )
        .unwrap();
    }
    for row in &grants {
        writeln!(text, "{:?}", reader.get_grant(&scope, &row.grant.id)?).unwrap();
    }
    let pending = collect_pages(|page| reader.list_pending_expansion(&scope, page))?;
    let assets = collect_pages(|page| reader.list_assets(&scope, page))?;
    for asset in &assets {
        writeln!(text, "{:?}", reader.get_asset(&scope, &asset.id)?).unwrap();
    }
    for run in &runs {
        let sync = SyncId::from_stored(run.id.as_str());
        let sessions = reader.session_get_all(&sync, "", "")?;
        let stats = reader.stats(Some(&sync), None)?;
        writeln!(text, "{sessions:?}{stats:?}").unwrap();
    }
    Ok(format!("{text}{pending:?}{assets:?}"))
}

fn packed(case: &str) -> Vec<u8> {
    Case::named(case).bytes("v1.c1z").unwrap()
}

#[test]
fn a_cut_file_is_an_error() {
    let bytes = packed("basic");
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for (len, cut) in sampled_truncations(&bytes, 1, 400) {
        if cut.len() == 5 {
            // The magic alone is an empty database.
            continue;
        }
        let error = answers(cut).expect_err(&format!("cut to {len}"));
        assert_ne!(
            error.kind(),
            ErrorKind::Internal,
            "cut to {len}: {}",
            error.chain()
        );
        *kinds.entry(format!("{:?}", error.kind())).or_default() += 1;
    }
    println!("cut: {kinds:?}");
}

#[test]
fn a_flipped_bit_of_the_file_is_an_error_or_changes_no_answer() {
    let bytes = packed("basic");
    let whole = answers(&bytes).unwrap();
    let all = std::env::var("C1Z_FLIPS").is_ok_and(|value| value == "all");
    let (mut kinds, mut harmless) = (BTreeMap::new(), Vec::new());
    let mut try_flip = |bit: usize, damaged: &[u8]| match answers(damaged) {
        Ok(found) => {
            assert!(found == whole, "other rows without an error: bit {bit}");
            harmless.push(bit);
        }
        Err(error) => {
            assert_ne!(
                error.kind(),
                ErrorKind::Internal,
                "bit {bit}: {}",
                error.chain()
            );
            *kinds.entry(format!("{:?}", error.kind())).or_insert(0) += 1;
        }
    };
    if all {
        (0..bytes.len() * 8).for_each(|bit| try_flip(bit, &flipped(&bytes, bit)));
    } else {
        (0..HEAD_LEN * 8).for_each(|bit| try_flip(bit, &flipped(&bytes, bit)));
        sampled_flips(&bytes, 7, 1_500).for_each(|(bit, damaged)| try_flip(bit, &damaged));
    }
    println!("flips: {kinds:?}, no answer changed by bits {harmless:?}");
    assert!(
        harmless.iter().all(|bit| bit / 8 < HEAD_LEN),
        "{harmless:?}"
    );
}

/// The database in a golden file.
fn image(case: &str) -> Vec<u8> {
    let path = Case::named(case).path("v1.c1z");
    let EnvelopeFile::V1(file) =
        EnvelopeFile::open(&OsFs, &path, &envelope::OpenOptions::default()).unwrap()
    else {
        panic!("no v1 file");
    };
    let decoded = file.decode_to_memory(&MemoryBudget::default()).unwrap();
    let mut image = vec![0; usize::try_from(decoded.len()).unwrap()];
    decoded.read_exact_at(0, &mut image).unwrap();
    image
}

#[test]
fn a_flipped_bit_of_the_database_never_panics_and_mostly_tells() {
    for case in [
        "basic",
        "sessions-open",
        "old-schema-2023",
        "expandable-pending",
    ] {
        let image = image(case);
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        let whole = answers(&repack(&image)).unwrap();
        for (bit, damaged) in sampled_flips(&image, 11, 200) {
            let outcome = match answers(&repack(&damaged)) {
                Ok(found) if found == whole => "the same answers".to_owned(),
                Ok(_) => "other answers, untold: content without a checksum".to_owned(),
                Err(error) => {
                    assert_ne!(
                        error.kind(),
                        ErrorKind::Internal,
                        "{case} bit {bit}: {}",
                        error.chain()
                    );
                    format!("{:?}", error.kind())
                }
            };
            *counts.entry(outcome).or_default() += 1;
        }
        println!("{case}: {counts:#?}");
        assert!(
            counts.contains_key("DataLoss"),
            "{case}: no damage is ever told"
        );
    }
}

fn repack(image: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_v1(&MemFile::new(image), 1, &mut bytes).unwrap();
    bytes
}
