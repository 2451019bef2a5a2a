//! Disks as an interruption leaves them, and what becomes of each.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};
use shingle::vfs::{Fs, MemFs};
use testkit::durable::{Content, bytes_of, copy_folder};

use crate::subject::{OLD, OUTPUT, Subject};

/// A disk as an interruption leaves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Image {
    /// The process ended: everything that it wrote.
    Process,
    /// The power failed: what was synced.
    Synced,
    /// The power failed: also a random beginning of the rest.
    Partial(u64),
}

impl Image {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Synced => "synced",
            Self::Partial(_) => "partial",
        }
    }

    /// The image of `disk` now; `salt` varies what is random.
    pub(crate) fn of(self, disk: &MemFs, salt: u64) -> MemFs {
        match self {
            Self::Process => copy(disk),
            Self::Synced => disk.crash_clone(),
            Self::Partial(seed) => disk.crash_clone_partial(seed.wrapping_add(salt << 8)),
        }
    }
}

fn copy(disk: &MemFs) -> MemFs {
    let copied = MemFs::new();
    copy_folder(disk, Path::new(""), Path::new(""), &copied).unwrap();
    copied
}

/// What stands at the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    Absent,
    Old,
    New,
    Neither(usize),
}

/// What an image was found to be.
#[derive(Clone, Debug)]
pub(crate) struct Examined {
    pub(crate) output: Output,
    /// What the store holds, or why it does not open.
    pub(crate) content: Result<Content, String>,
    /// Whether a run that goes on makes the file that it should.
    pub(crate) went_on: Result<(), String>,
}

/// Examines images, each different one once: many operations change nothing, and leave the image of the one before.
#[derive(Debug, Default)]
pub(crate) struct Examiner(BTreeMap<[u8; 32], Examined>);

impl Examiner {
    /// Different images so far.
    pub(crate) fn distinct(&self) -> usize {
        self.0.len()
    }

    /// Opens a copy of the image, and goes on in the image itself.
    pub(crate) fn examine(&mut self, subject: &Subject, disk: &MemFs) -> Examined {
        let key = identity(disk);
        let examined = self.0.entry(key).or_insert_with(|| Examined {
            output: output(subject, disk),
            content: content(subject, &copy(disk)),
            went_on: go_on(subject, disk),
        });
        examined.clone()
    }
}

fn output(subject: &Subject, disk: &MemFs) -> Output {
    match bytes_of(disk, Path::new(OUTPUT)).unwrap() {
        None => Output::Absent,
        Some(bytes) if bytes == OLD => Output::Old,
        Some(bytes) if bytes == subject.file => Output::New,
        Some(bytes) => Output::Neither(bytes.len()),
    }
}

fn content(subject: &Subject, disk: &MemFs) -> Result<Content, String> {
    let journey = subject.journey(Arc::new(disk.clone()));
    let (store, _) = journey.open(&subject.script).map_err(|e| e.to_string())?;
    Content::of(&store).map_err(|e| format!("{e:?}"))
}

fn go_on(subject: &Subject, disk: &MemFs) -> Result<(), String> {
    let journey = subject.journey(Arc::new(disk.clone()));
    let done = journey.run(&subject.script, &mut |_| {});
    done.map_err(|error| format!("does not go on: {error}"))?;
    match output(subject, disk) {
        Output::New => Ok(()),
        other => Err(format!("goes on to another file: {other:?}")),
    }
}

/// A hash of names and bytes. What is random in the names of temporary files makes no difference.
fn identity(disk: &MemFs) -> [u8; 32] {
    let mut hash = Sha256::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for name in disk.list(&folder).unwrap() {
            let path = folder.join(&name);
            let is_temporary = name.starts_with('.');
            hash.update(if is_temporary { "." } else { &name });
            if disk.metadata(&path).unwrap().is_dir {
                hash.update([0]);
                folders.push(path);
            } else {
                let bytes = disk.read(&path).unwrap();
                hash.update([1]);
                hash.update((bytes.len() as u64).to_le_bytes());
                hash.update(bytes);
            }
        }
        hash.update([2]);
    }
    hash.finalize().into()
}
