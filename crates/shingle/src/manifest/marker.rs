//! Marker files: empty files whose names are values (`pebble-ondisk` §1.2).
//!
//! `marker.<name>.<iteration>.<value>`: the name has no dot, the value may. Of several with one
//! name the highest iteration counts; the others are leftovers of a crash. A file that begins with
//! `marker.` and is no marker is corruption, as it is to Go.

use std::path::Path;

use super::file_name::number;
use super::{FileName, FileNumber, FormatVersion};
use crate::vfs::Fs;
use crate::{Error, Result};

const FORMAT_VERSION: &str = "format-version";
const MANIFEST: &str = "manifest";
const REMOTE_CATALOG: &str = "remote-obj-catalog";
const STRUCTURE: &str = "marker file name";

/// The markers of a directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Markers {
    format_version: Option<Marker>,
    manifest: Option<Marker>,
}

/// One marker.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Marker {
    file: String,
    iteration: u64,
    value: String,
}

/// Which thing a directory marks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mark {
    /// The format version.
    FormatVersion(FormatVersion),
    /// The current MANIFEST.
    Manifest(FileNumber),
}

impl Mark {
    fn name(&self) -> &'static str {
        match self {
            Mark::FormatVersion(_) => FORMAT_VERSION,
            Mark::Manifest(_) => MANIFEST,
        }
    }

    fn value(&self) -> String {
        match self {
            Mark::FormatVersion(version) => version.marker_value(),
            Mark::Manifest(number) => FileName::Manifest(*number).to_string(),
        }
    }
}

impl Markers {
    /// Finds the markers among the names of a directory.
    ///
    /// # Errors
    /// `Corrupt` for a malformed marker or two that contradict each other, `Unsupported` for a
    /// database with objects outside of its directory.
    pub fn find<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self> {
        let mut markers = Self::default();
        for file in names.into_iter().filter(|n| n.starts_with("marker.")) {
            let Some((name, marker)) = parse(file) else {
                let expected = "marker.<name>.<iteration>.<value>";
                return Err(Error::corrupt(STRUCTURE, 0, expected, file).in_file(file));
            };
            let slot = match name {
                FORMAT_VERSION => &mut markers.format_version,
                MANIFEST => &mut markers.manifest,
                REMOTE_CATALOG => return Err(Error::unsupported("remote object catalog")),
                _ => continue,
            };
            match slot {
                Some(held) if held.iteration == marker.iteration => {
                    let expected = format!("one marker of iteration {}", held.iteration);
                    return Err(Error::corrupt(STRUCTURE, 0, expected, file).in_file(file));
                }
                Some(held) if held.iteration > marker.iteration => {}
                _ => *slot = Some(marker),
            }
        }
        Ok(markers)
    }

    /// The marked format version, if any is marked.
    pub fn format_version(&self) -> Result<Option<FormatVersion>> {
        let marker = self.format_version.as_ref();
        marker.map(|m| FormatVersion::parse(&m.value)).transpose()
    }

    /// The number of the marked MANIFEST, if any is marked.
    pub fn manifest(&self) -> Result<Option<FileNumber>> {
        let Some(marker) = &self.manifest else {
            return Ok(None);
        };
        match FileName::parse(&marker.value) {
            FileName::Manifest(number) => Ok(Some(number)),
            _ => Err(Error::corrupt(
                "manifest marker",
                0,
                "MANIFEST-<number>",
                &marker.value,
            )),
        }
    }

    /// File names of the markers that count.
    pub fn file_names(&self) -> impl Iterator<Item = String> {
        let markers = [&self.format_version, &self.manifest];
        let markers = markers.into_iter().flatten();
        markers.map(|marker| marker.file.clone())
    }

    fn last_iteration(&self, name: &str) -> u64 {
        let marker = match name {
            FORMAT_VERSION => &self.format_version,
            _ => &self.manifest,
        };
        marker.as_ref().map_or(0, |m| m.iteration)
    }
}

/// Takes the name of a marker file apart.
fn parse(file: &str) -> Option<(&str, Marker)> {
    let mut parts = file.strip_prefix("marker.")?.splitn(3, '.');
    let name = parts.next().filter(|name| !name.is_empty())?;
    let iteration = number(parts.next()?)?.0;
    let marker = Marker {
        file: file.to_owned(),
        iteration,
        value: parts.next()?.to_owned(),
    };
    Some((name, marker))
}

/// Moves a marker of `dir` to a new value: the new file is durable before the old ones go. A crash
/// leaves the old value or the new one.
///
/// # Errors
/// `Io` from the file system; the marker then stands at its old or its new value.
pub fn set(fs: &dyn Fs, dir: &Path, mark: &Mark) -> Result<()> {
    let names = fs.list(dir).map_err(|e| Error::io("list", dir, e))?;
    let markers = Markers::find(names.iter().map(String::as_str))?;
    let name = mark.name();
    let iteration = markers.last_iteration(name).saturating_add(1);
    let file = format!("marker.{name}.{iteration:06}.{}", mark.value());
    let path = dir.join(&file);
    let mut created = fs
        .create_new(&path)
        .map_err(|e| Error::io("create", &path, e))?;
    created.sync().map_err(|e| Error::io("sync", &path, e))?;
    fs.sync_dir(dir).map_err(|e| Error::io("sync", dir, e))?;
    for old in names.iter().filter(|old| is_named(old, name)) {
        let path = dir.join(old);
        fs.remove_file(&path)
            .map_err(|e| Error::io("remove", &path, e))?;
    }
    Ok(())
}

/// Removes the format version of `dir`; durable when this returns.
///
/// # Errors
/// `Io` from the file system.
pub fn clear_format_version(fs: &dyn Fs, dir: &Path) -> Result<()> {
    let names = fs.list(dir).map_err(|e| Error::io("list", dir, e))?;
    for name in names.iter().filter(|name| is_named(name, FORMAT_VERSION)) {
        let path = dir.join(name);
        fs.remove_file(&path)
            .map_err(|e| Error::io("remove", &path, e))?;
    }
    fs.sync_dir(dir).map_err(|e| Error::io("sync", dir, e))
}

fn is_named(file: &str, name: &str) -> bool {
    parse(file).is_some_and(|(found, _)| found == name)
}
