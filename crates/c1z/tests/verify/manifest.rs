//! What the manifest of the envelope repeats is compared with the database.

use std::path::Path;
use std::sync::Arc;

use c1z::envelope::{
    EntryContent, EnvelopeFile, Manifest, NewEntry, OpenOptions, WriteOptions, write_v3,
};
use c1z::ops::verify::Class;
use shingle::vfs::Fs;
use testkit::golden::Case;

use crate::support::*;

/// The golden file with its manifest changed, its files as they are.
fn with_manifest(change: &dyn Fn(&mut Manifest)) -> Vec<u8> {
    let bytes = std::fs::read(Case::named("realistic").path("v3.indexed_zstd.c1z")).unwrap();
    let fs = holding(&bytes);
    let opened = EnvelopeFile::open(&*fs, Path::new("in.c1z"), &OpenOptions::default()).unwrap();
    let EnvelopeFile::V3(file) = opened else {
        panic!("a v1 file");
    };
    let mut manifest = file.manifest().clone();
    change(&mut manifest);
    let payload: Arc<dyn Fs> = file.payload().unwrap();
    let entries = payload
        .list(Path::new(""))
        .unwrap()
        .into_iter()
        .map(|name| NewEntry {
            content: EntryContent::File(payload.open(Path::new(&name)).unwrap()),
            name,
        });
    let mut out = Vec::new();
    write_v3(
        &mut out,
        &manifest,
        entries.collect(),
        &WriteOptions::default(),
    )
    .unwrap();
    out
}

#[test]
fn a_manifest_that_says_something_else_is_found() {
    let found = |change: &dyn Fn(&mut Manifest)| faults(&check(&with_manifest(change)).unwrap());
    assert_eq!(found(&|_| {}), []);
    let stats = found(&|manifest| {
        let mut stats = manifest.sync_runs[0].stats.as_option().cloned().unwrap();
        stats.grants += 1;
        manifest.sync_runs[0].stats = Some(stats).into();
    });
    assert_eq!(stats, [(Class::Manifest, "stats", 1)]);
    let run = found(&|manifest| {
        manifest.sync_runs[0].parent_sync_id = "other".to_owned();
        manifest.sync_runs[0].ended_at = None.into();
    });
    assert_eq!(run, [(Class::Manifest, "sync-run", 2)]);
    let root = found(&|manifest| {
        let mut root = manifest.grant_digest_root.as_option().cloned().unwrap();
        root.xor_digest[3] ^= 1;
        manifest.grant_digest_root = Some(root).into();
    });
    assert_eq!(root, [(Class::Manifest, "digest-root", 1)]);
    let twice = found(&|manifest| {
        let run = manifest.sync_runs[0].clone();
        manifest.sync_runs.push(run);
    });
    assert_eq!(twice, [(Class::Manifest, "sync-run", 1)]);
    // A manifest without any of it says nothing wrong.
    let silent = found(&|manifest| {
        manifest.sync_runs.clear();
        manifest.grant_digest_root = None.into();
    });
    assert_eq!(silent, []);
}
