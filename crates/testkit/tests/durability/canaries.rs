//! Instruments that see nothing prove nothing: each is shown a fault of the kind that it is there for, and has to report it.

use std::io;
use std::path::Path;
use std::sync::Arc;

use shingle::vfs::Op;
use testkit::durable::Bend;

use crate::image::Image;
use crate::subject::Subject;
use crate::sweep::Sweep;

/// An engine that believes its log to be durable without having asked.
#[derive(Debug)]
struct LogsAreNotSynced;

impl Bend for LogsAreNotSynced {
    fn bend(&self, op: Op, path: &Path, act: &mut dyn FnMut() -> io::Result<()>) -> io::Result<()> {
        if op == Op::Sync && is_log(path) {
            return Ok(());
        }
        act()
    }
}

/// An engine that forgets to look at what a write to its log returns.
#[derive(Debug)]
struct ErrorsAreSwallowed;

impl Bend for ErrorsAreSwallowed {
    fn bend(&self, op: Op, path: &Path, act: &mut dyn FnMut() -> io::Result<()>) -> io::Result<()> {
        let done = act();
        if op == Op::Write && is_log(path) {
            return Ok(());
        }
        done
    }
}

/// An engine that replaces a file without making the new name durable first.
#[derive(Debug)]
struct NamesAreNotSynced;

impl Bend for NamesAreNotSynced {
    fn bend(&self, op: Op, _: &Path, act: &mut dyn FnMut() -> io::Result<()>) -> io::Result<()> {
        if op == Op::SyncDir {
            return Ok(());
        }
        act()
    }
}

fn is_log(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "log")
}

fn must_be_seen(bend: impl Bend + 'static, image: Image, plan: &str, words: &str) {
    let subject = Subject::small();
    let about = format!("{bend:?}");
    let findings = Sweep {
        subject: &subject,
        plan,
        images: &[image],
        bend: Some(Arc::new(bend)),
        stride: 3,
        violations_max: 1,
    }
    .run();
    println!("{about}: {findings}");
    for violation in findings.violations.iter().take(2) {
        println!("  red: {violation}");
    }
    let is_about = |violation: &String| violation.contains(words);
    assert!(findings.violations.iter().any(is_about), "{about} unseen");
}

#[test]
fn images_of_a_power_failure_show_a_log_that_is_not_synced() {
    must_be_seen(
        LogsAreNotSynced,
        Image::Synced,
        "fail any K..",
        "rows, those after",
    );
}

#[test]
fn images_of_a_power_failure_show_names_that_are_not_synced() {
    must_be_seen(
        NamesAreNotSynced,
        Image::Synced,
        "fail any K..",
        "rows, those after",
    );
}

#[test]
fn the_sweep_shows_an_error_that_is_swallowed() {
    must_be_seen(
        ErrorsAreSwallowed,
        Image::Process,
        "fail any K",
        "rows, those after",
    );
}

#[cfg(unix)]
mod killed {
    use testkit::durable::{Deed, Flaw, Planted};

    use crate::annals_kill::Harness as FolderHarness;
    use crate::kill::Harness;

    /// Kills until something is wrong, or so many have landed that something should have been.
    fn must_be_seen(planted: Planted) {
        let findings = Harness::new(5, Some(planted)).run(60);
        println!("{planted:?}: {findings}");
        for violation in &findings.violations {
            println!("  red: {violation}");
        }
        assert!(!findings.violations.is_empty(), "{planted:?} unseen");
    }

    #[test]
    fn kills_show_a_batch_that_is_forgotten_when_the_sync_goes_on() {
        must_be_seen(Planted::ForgottenBatch);
    }

    fn must_be_seen_in_a_folder(flaw: Flaw, only: fn(&Deed) -> bool) {
        let findings = FolderHarness::new(5, Some(flaw), Some(only)).run(40);
        println!("{flaw:?}: {findings}");
        for violation in &findings.violations {
            let line: String = violation.chars().take(300).collect();
            println!("  red: {line}");
        }
        assert!(!findings.violations.is_empty(), "{flaw:?} unseen");
    }

    #[test]
    fn kills_show_retention_that_deletes_one_sync_after_another() {
        must_be_seen_in_a_folder(Flaw::OneByOne, |deed| *deed == Deed::Cleanup);
    }

    #[test]
    fn kills_show_a_merged_file_that_is_copied_in_place() {
        must_be_seen_in_a_folder(Flaw::CopiedInPlace, |deed| matches!(deed, Deed::Merge(..)));
    }

    #[test]
    fn kills_show_writes_to_a_sync_of_a_folder_that_are_not_logged() {
        must_be_seen_in_a_folder(Flaw::NoLog, |deed| matches!(deed, Deed::PutGrants(..)));
    }

    #[test]
    fn kills_show_calls_that_return_before_anything_is_logged() {
        must_be_seen(Planted::NoLog);
    }
}
