//! Files cut at every hundredth: what can be saved of them.

use std::sync::Arc;

use c1z::ErrorKind;
use shingle::vfs::Fs;
use testkit::golden::Case;

use crate::support::*;

/// What came of a cut.
struct Cut {
    /// Records saved with their last value, in per mille.
    share: usize,
    /// Records that are there and should not be: deleted or replaced ones.
    returned: usize,
    is_complete: bool,
}

/// Saves what is left of `bytes` cut to `percent`.
fn cut_to(bytes: &[u8], whole: &Rows, percent: usize) -> Cut {
    let fs = holding(&bytes[..bytes.len() * percent / 100]);
    let report = match mend(&fs) {
        Ok(report) => report,
        Err(error) => {
            let kinds = [ErrorKind::DataLoss, ErrorKind::NotFound];
            assert!(kinds.contains(&error.kind()), "{percent} %: {error:?}");
            assert!(!exists(&fs, "out.c1z"));
            return Cut {
                share: 0,
                returned: 0,
                is_complete: false,
            };
        }
    };
    let checked = full(&fs, "out.c1z");
    assert_eq!(faults(&checked), [], "{percent} %");
    let found = records(&rows_of(&fs, "out.c1z"));
    let saved = found
        .iter()
        .filter(|(key, value)| whole.get(*key) == Some(value))
        .count();
    let returned = found.len() - saved;
    let warned = report.warnings.iter().any(|text| text.contains("MANIFEST"));
    assert!(
        returned == 0 || warned,
        "{percent} %: {returned} returned silently"
    );
    let is_complete = report.is_complete;
    let is_whole = saved == whole.len() && returned == 0;
    assert_eq!(is_complete, is_whole, "{percent} %: {report:?}");
    assert!(is_complete || !report.losses.is_empty(), "{percent} %");
    Cut {
        share: saved * 1000 / whole.len(),
        returned,
        is_complete,
    }
}

fn exists(fs: &Arc<dyn Fs>, path: &str) -> bool {
    fs.metadata(path.as_ref()).is_ok()
}

/// Cuts a file at every hundredth, prints the shares and returns them.
pub(crate) fn shares(label: &str, bytes: &[u8]) -> Vec<usize> {
    let whole = records(&rows_of(&holding(bytes), "in.c1z"));
    let cut: Vec<_> = (1..=100)
        .map(|percent| cut_to(bytes, &whole, percent))
        .collect();
    let shares: Vec<_> = cut.iter().map(|cut| cut.share).collect();
    let returned = cut.iter().map(|cut| cut.returned).max().unwrap();
    println!(
        "{label}, {} records, at most {returned} returned: saved per mille at 1 % to 100 %",
        whole.len()
    );
    for ten in shares.chunks(10) {
        let line: Vec<_> = ten.iter().map(|share| format!("{share:5}")).collect();
        println!("  {}", line.join(""));
    }
    let last = cut.last().unwrap();
    assert!(last.is_complete && last.share == 1000);
    shares
}

#[test]
fn what_stands_before_the_cut_is_saved() {
    for (case, file) in [
        ("many-ssts", "v3.indexed_zstd.c1z"),
        ("many-ssts", "v3.tar.c1z"),
        ("many-ssts", "v3.tar_zstd.c1z"),
        ("fanout", "v3.indexed_zstd.c1z"),
        ("realistic", "v3.tar.c1z"),
    ] {
        let case = Case::named(case);
        let bytes = std::fs::read(case.path(file)).unwrap();
        let shares = shares(&format!("{} {file}", case.name), &bytes);
        // More of the file never means fewer records.
        assert!(shares.is_sorted(), "{} {file}", case.name);
    }
}
