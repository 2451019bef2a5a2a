//! Entry points for fuzzing: hostile bytes must give an error or a value that survives a round
//! trip, never a panic.

use std::path::Path;

use super::writer::snapshot;
use super::{FormatVersion, VersionEdit, marker, replay};
use crate::vfs::MemFs;

/// Reads `bytes` as one version edit.
///
/// # Panics
/// If an edit that was read does not come back from its own encoding.
pub fn edit(bytes: &[u8]) {
    let Ok(edit) = VersionEdit::decode(bytes) else {
        return;
    };
    let mut encoded = Vec::new();
    if edit.encode(&mut encoded).is_ok() {
        let again = VersionEdit::decode(&encoded);
        assert!(again.is_ok_and(|again| again == edit), "edit round trip");
    }
}

/// Reads `bytes` as a MANIFEST.
///
/// # Panics
/// If a version that was replayed does not come back from its own snapshot.
pub fn file(bytes: &[u8]) {
    let fs = MemFs::new();
    let path = Path::new("MANIFEST-000001");
    if fs.install(path, bytes).is_err() {
        return;
    }
    let Ok(replayed) = replay(&fs, path) else {
        return;
    };
    let mut again = super::Replay::new();
    let version = again
        .apply(snapshot(&replayed.version), 0)
        .and_then(|()| again.finish());
    assert!(version.is_ok_and(|v| v == replayed.version), "snapshot");
}

/// Reads `names`, one a line, as the names of a directory.
pub fn markers(names: &str) {
    if let Ok(markers) = marker::Markers::find(names.lines()) {
        drop(markers.format_version());
        drop(markers.manifest());
    }
    for name in names.lines() {
        drop(FormatVersion::parse(name));
    }
}
