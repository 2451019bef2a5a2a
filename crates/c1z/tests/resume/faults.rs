//! A file is taken over whole or not at all, whatever fails.

use std::sync::Arc;

use c1z::engine::PebbleStore;
use shingle::vfs::{FaultFs, FaultPlan, Fs};
use testkit::golden::packed_files;

use super::{DIR, FILE, disk_with, open_options, options, rows_in, rows_of, soon_after};

#[test]
fn every_operation_fails_once_and_the_call_is_made_again() {
    let file = packed_files().unwrap().into_iter();
    let file = file
        .into_iter()
        .find(|file| file.label() == "legacy-pebble2-unfinished/v3.pebble2.c1z")
        .unwrap();
    let at = soon_after(&rows_of(&file.case, ""));
    let mut whole = None;
    let (mut points, mut kept) = (0, 0);
    for k in 0.. {
        let disk = disk_with(&file);
        let plan = FaultPlan::parse(&format!("fail any {k}")).unwrap();
        let faulty = FaultFs::new(Arc::new(disk.clone()), plan);
        let fs: Arc<dyn Fs> = Arc::new(faulty.clone());
        let first = PebbleStore::resume_file(FILE, &open_options(&fs), DIR, options(at));
        let failed = faulty.faults() > 0;
        faulty.arm(FaultPlan::none());
        if !failed {
            assert_eq!(whole, Some(rows_in(&first.unwrap())));
            break;
        }
        points += 1;
        let was_told = first.is_err();
        drop(first);
        let image = match k % 3 {
            0 => disk.crash_clone(),
            1 => disk.crash_clone_partial(k),
            _ => disk.clone(),
        };
        let fs: Arc<dyn Fs> = Arc::new(image);
        let again = PebbleStore::resume_file(FILE, &open_options(&fs), DIR, options(at));
        let store = match again {
            Ok(store) => store,
            Err(error) => {
                assert_eq!(error.kind(), c1z::ErrorKind::AlreadyExists, "{k}: {error}");
                kept += 1;
                PebbleStore::open_in(fs, DIR, options(at)).unwrap()
            }
        };
        let found = rows_in(&store);
        let expected = whole.get_or_insert_with(|| found.clone());
        assert!(*expected == found, "{k}: told {was_told}");
    }
    println!("{points} points, {kept} kept everything");
    assert!(points > 60 && whole.is_some(), "{points}");
}
