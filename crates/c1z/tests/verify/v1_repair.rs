//! v1 files cut or damaged: what is saved of their rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use c1z::ErrorKind;
use c1z::ops::repair::{RepairReport, RunSource};
use c1z::ops::verify::Class;
use c1z::sqlite_file::{Database, Value};
use shingle::vfs::Fs;
use testkit::golden::Case;

use crate::support::*;
use crate::v1::{golden, replace, unwrap_v1, wrap_v1};

/// Every table that a repair keeps.
const TABLES: [&str; 7] = [
    "v1_sync_runs",
    "v1_resource_types",
    "v1_resources",
    "v1_entitlements",
    "v1_grants",
    "v1_assets",
    "v1_connector_sessions",
];

/// Rows by table and row id; of runs only the id of the sync.
type V1Rows = BTreeMap<(&'static str, i64), Vec<Value<'static>>>;

fn v1_rows(bytes: &[u8]) -> V1Rows {
    let database = Database::open(Arc::new(crate::v1::Bytes(unwrap_v1(bytes)))).unwrap();
    let mut all = V1Rows::new();
    for name in TABLES {
        let Some(table) = database.table(name).unwrap() else {
            continue;
        };
        let columns: Vec<_> = match name {
            "v1_sync_runs" => vec![table.column("sync_id").unwrap()],
            "v1_connector_sessions" => (1..table.columns().len()).collect(),
            _ => (0..table.columns().len()).collect(),
        };
        let mut rows = table.scan(..);
        while let Some(row) = rows.next().unwrap() {
            let values = columns.iter().map(|i| row.get(*i).unwrap().into_owned());
            let values: Vec<_> = values.collect();
            // Runs and sessions may get other row ids.
            let place = match name {
                "v1_sync_runs" | "v1_connector_sessions" => sum(&values),
                _ => row.rowid(),
            };
            all.insert((name, place), values);
        }
    }
    all
}

/// A number that stands for values.
fn sum(values: &[Value<'_>]) -> i64 {
    let bytes = values
        .iter()
        .flat_map(|value| value.as_bytes().unwrap().iter().chain(&[0]));
    bytes.fold(7, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(i64::from(*byte))
    })
}

/// The repaired file, if there is one.
fn mended(bytes: &[u8]) -> Option<(RepairReport, V1Rows, Arc<dyn Fs>)> {
    let fs = holding(bytes);
    match mend(&fs) {
        Ok(report) => {
            let out = read(&fs, "out.c1z");
            Some((report, v1_rows(&out), fs))
        }
        Err(error) => {
            let kinds = [
                ErrorKind::DataLoss,
                ErrorKind::NotFound,
                ErrorKind::InvalidArgument,
            ];
            assert!(kinds.contains(&error.kind()), "{error:?}");
            println!("refused: {error}");
            assert!(fs.metadata("out.c1z".as_ref()).is_err());
            None
        }
    }
}

fn read(fs: &Arc<dyn Fs>, path: &str) -> Vec<u8> {
    let file = fs.open(path.as_ref()).unwrap();
    let mut bytes = vec![0; usize::try_from(file.len()).unwrap()];
    file.read_exact_at(0, &mut bytes).unwrap();
    bytes
}

/// Rows of `found` as they were, and rows that were not there or were another way.
fn compare(found: &V1Rows, whole: &V1Rows) -> (usize, usize) {
    let same = found
        .iter()
        .filter(|(place, row)| whole.get(*place) == Some(row))
        .count();
    (same, found.len() - same)
}

/// Cuts at every hundredth; prints and returns the rows saved, per mille.
pub(crate) fn v1_shares(label: &str, bytes: &[u8]) -> Vec<usize> {
    let whole = v1_rows(bytes);
    let mut shares = Vec::new();
    for percent in 1..=100 {
        let cut = &bytes[..bytes.len() * percent / 100];
        let Some((report, found, fs)) = mended(cut) else {
            shares.push(0);
            continue;
        };
        let (saved, wrong) = compare(&found, &whole);
        assert_eq!(wrong, 0, "{percent} %");
        assert_eq!(report.is_complete, percent == 100, "{percent} %");
        assert_eq!(report.losses.is_empty(), percent == 100, "{percent} %");
        let checked = full(&fs, "out.c1z");
        assert_eq!(faults(&checked), [], "{percent} %");
        let is_unfinished = checked.group(Class::Unfinished, "sync").is_some();
        assert!(percent == 100 || is_unfinished, "{percent} %");
        shares.push(saved * 1000 / whole.len());
    }
    println!(
        "{label}, {} rows: saved per mille at 1 % to 100 %",
        whole.len()
    );
    for ten in shares.chunks(10) {
        let line: Vec<_> = ten.iter().map(|share| format!("{share:5}")).collect();
        println!("  {}", line.join(""));
    }
    assert_eq!(shares.last(), Some(&1000));
    shares
}

#[test]
fn rows_before_the_cut_of_a_v1_file_are_saved() {
    for case in ["realistic", "fanout"] {
        let shares = v1_shares(&format!("{case} v1.c1z"), &golden(case));
        assert!(shares.is_sorted(), "{case}: {shares:?}");
    }
}

#[test]
fn a_whole_v1_file_is_copied_row_by_row() {
    for entry in std::fs::read_dir(testkit::golden::folder()).unwrap() {
        let name = entry.unwrap().file_name();
        let case = Case::named(name.to_str().unwrap());
        if !case.has("v1.c1z") {
            continue;
        }
        let bytes = case.bytes("v1.c1z").unwrap();
        let (report, found, fs) = mended(&bytes).unwrap();
        assert!(report.is_complete, "{}: {report:?}", case.name);
        let whole = v1_rows(&bytes);
        let places: Vec<_> = found.keys().collect();
        assert_eq!(places, whole.keys().collect::<Vec<_>>(), "{}", case.name);
        assert_eq!(faults(&full(&fs, "out.c1z")), [], "{}", case.name);
    }
}

/// Offset of each page of a kind.
fn pages_of(database: &[u8], kind: u8) -> Vec<usize> {
    let starts = (4096..database.len()).step_by(4096);
    starts.filter(|at| database[*at] == kind).collect()
}

#[test]
fn leaves_are_found_without_their_interior_pages() {
    let bytes = golden("fanout");
    let whole = v1_rows(&bytes);
    let database = unwrap_v1(&bytes);
    let interior = pages_of(&database, 5);
    assert!(!interior.is_empty());
    for at in &interior {
        let mut damaged = database.clone();
        damaged[*at..at + 4096].fill(0xee);
        let (report, found, _) = mended(&wrap_v1(damaged)).unwrap();
        assert_eq!(compare(&found, &whole), (whole.len(), 0), "page at {at}");
        // Every row is there, and nobody can know.
        assert!(!report.is_complete && !report.losses.is_empty() || report.dropped == 0);
    }
    // Without the first page there is neither a header nor a schema.
    let mut damaged = database.clone();
    damaged[..4096].fill(0xee);
    let (report, found, _) = mended(&wrap_v1(damaged)).unwrap();
    assert_eq!(compare(&found, &whole), (whole.len(), 0));
    assert!(!report.is_complete);
    println!(
        "fanout: all rows saved without any of {} interior pages, and without page 1",
        interior.len()
    );
}

#[test]
fn a_lost_leaf_is_named_by_its_rows() {
    let bytes = golden("fanout");
    let whole = v1_rows(&bytes);
    let database = unwrap_v1(&bytes);
    let mut leaves = 0;
    for at in pages_of(&database, 13).into_iter().step_by(7) {
        let mut damaged = database.clone();
        damaged[at..at + 4096].fill(0xee);
        let Some((report, found, fs)) = mended(&wrap_v1(damaged)) else {
            panic!("page at {at}");
        };
        assert_eq!(compare(&found, &whole).1, 0, "page at {at}");
        assert_eq!(faults(&full(&fs, "out.c1z")), [], "page at {at}");
        for (table, rowid) in whole.keys().filter(|place| !found.contains_key(*place)) {
            leaves += 1;
            let is_named = report.losses.iter().any(|loss| {
                loss.detail.contains(table)
                    && loss.rows.as_ref().is_some_and(|rows| rows.contains(rowid))
            });
            assert!(is_named, "row {rowid} of {table}: {:?}", report.losses);
        }
    }
    assert!(leaves > 0);
}

#[test]
fn flipped_bits_of_a_v1_database_cost_little() {
    let bytes = golden("realistic");
    let whole = v1_rows(&bytes);
    let database = unwrap_v1(&bytes);
    let (mut flips, mut lost, mut worst, mut refused, mut altered) = (0, 0, 0, 0, 0);
    for at in (7..database.len()).step_by(3989) {
        let mut damaged = database.clone();
        damaged[at] ^= 1 << (at % 8);
        flips += 1;
        let Some((report, found, fs)) = mended(&wrap_v1(damaged)) else {
            refused += 1;
            continue;
        };
        let (saved, wrong) = compare(&found, &whole);
        let missing = whole
            .keys()
            .filter(|place| !found.contains_key(*place))
            .count();
        assert!(
            missing == 0 || !report.is_complete,
            "byte {at}: {missing} rows lost silently"
        );
        assert_eq!(faults(&full(&fs, "out.c1z")), [], "byte {at}");
        let gone = whole.len() - saved - wrong.min(whole.len() - saved);
        lost += gone;
        worst = worst.max(gone);
        altered += wrong;
    }
    println!(
        "realistic v1, {} rows: {flips} flipped bits, {refused} files refused, {lost} rows lost in all, at \
         most {worst} by one bit, {altered} rows with another text",
        whole.len()
    );
    assert_eq!(refused, 0);
    assert!(worst * 20 < whole.len(), "{worst}");
}

#[test]
fn a_flipped_bit_of_the_stream_leaves_what_stands_before_it() {
    let bytes = golden("fanout");
    let whole = v1_rows(&bytes);
    let mut shares = Vec::new();
    for ten in 1..10 {
        let mut damaged = bytes.clone();
        let at = bytes.len() * ten / 10;
        damaged[at] ^= 0x10;
        let Some((report, found, _)) = mended(&damaged) else {
            shares.push(0);
            continue;
        };
        assert!(!report.is_complete, "byte {at}");
        shares.push(compare(&found, &whole).0 * 1000 / whole.len());
    }
    println!("fanout v1, a bit flipped at 10 % to 90 % of the stream: saved per mille {shares:?}");
    assert!(shares.last().is_some_and(|share| *share > 0), "{shares:?}");
}

#[test]
fn indexes_and_columns_of_a_v1_file_follow_its_messages() {
    let bytes = golden("basic");
    let database = unwrap_v1(&bytes);
    let whole = v1_rows(&bytes);
    let row = whole
        .iter()
        .find(|(place, _)| place.0 == "v1_grants")
        .unwrap()
        .1;
    let id = String::from_utf8(row[6].as_bytes().unwrap().to_vec()).unwrap();
    let mut other = id.clone();
    other.replace_range(id.len() - 1.., "~");
    let (mut start, mut planted, mut healed) = (0, 0, 0);
    while database[start..]
        .windows(id.len())
        .any(|at| at == id.as_bytes())
    {
        let mut damaged = database.clone();
        start = replace(&mut damaged, &id, &other, start) + id.len();
        planted += 1;
        let damaged = wrap_v1(damaged);
        let (_, _, fs) = mended(&damaged).unwrap();
        assert_eq!(faults(&full(&fs, "out.c1z")), [], "copy {planted}");
        healed += usize::from(!faults(&check(&damaged).unwrap()).is_empty());
    }
    println!("{planted} copies of an id changed, {healed} faults, none left after repair");
    assert!(healed >= 3);
}

#[test]
fn a_lost_run_is_made_from_the_id_in_the_rows() {
    let bytes = golden("basic");
    let database = unwrap_v1(&bytes);
    let whole = v1_rows(&bytes);
    // The leaf of the runs: the only one that holds the id of the sync and no other table.
    let runs = whole
        .iter()
        .find(|(place, _)| place.0 == "v1_sync_runs")
        .unwrap()
        .1;
    let id = runs[0].as_text().unwrap().to_owned();
    let open = Database::open(Arc::new(crate::v1::Bytes(database.clone()))).unwrap();
    let root = open
        .schema()
        .objects()
        .iter()
        .find(|object| object.name == "v1_sync_runs")
        .unwrap()
        .root_page;
    let at = (usize::try_from(root).unwrap() - 1) * 4096;
    let mut damaged = database;
    damaged[at..at + 4096].fill(0);
    let (report, found, _) = mended(&wrap_v1(damaged)).unwrap();
    assert_eq!(report.run_source, RunSource::Id);
    assert_eq!(compare(&found, &whole), (whole.len(), 0));
    assert_eq!(report.syncs[0].id.as_str(), id);
}
