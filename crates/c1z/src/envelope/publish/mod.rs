//! Makes a file appear whole or not at all (`c1z-envelope` §6.2, `store-contract` §0.6).
//!
//! 1. Create `.NAME.RANDOM.tmp` in the folder of the target; nobody else has that name.
//! 2. Write the content, sync the file, read it back and compare hashes: what gets the name is what
//!    was written.
//! 3. Rename it over the target, or link it to the target's name where an existing file must stay.
//! 4. Sync the folder.
//!
//! A failure before 3 leaves the old file as it was, removes the temporary file, and carries the
//! verdict *artifact unusable*: what is on disk is stale, never torn. A failure after 3 does not
//! carry it: the new file is there, only its survival of a power loss is not assured. Either way the
//! call may be repeated, since nothing of a failed one is in its way. A process that dies before 3
//! leaves its temporary file behind, which hinders nothing.
//!
//! A symbolic link at the target is replaced by the file, not followed, as the reference does; the
//! mode of the old file is not preserved. The folder must exist.

mod sink;

#[cfg(test)]
mod tests;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use shingle::vfs::{Entropy, Fs};

use super::fault;
use crate::{Error, ErrorKind, Result};
use sink::FileSink;

/// Longest part of the target's name that the temporary name repeats, bytes: file systems bound
/// names to 255.
const NAME_PART_MAX: usize = 200;

/// What happens when the target exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// It stays, and publishing fails with `AlreadyExists`.
    Keep,
    /// It is replaced, atomically.
    Replace,
}

/// Writes a file with `write` and makes it appear at `target`.
///
/// # Errors
/// `InvalidArgument` for a target without file name or one that is a folder; `AlreadyExists`; what
/// `write` returns; `Io`, `ResourceExhausted` (no space) and the like from the file system. See the
/// module for what is left behind.
pub fn publish<T>(
    fs: &dyn Fs,
    entropy: &dyn Entropy,
    target: &Path,
    existing: Existing,
    write: impl FnOnce(&mut dyn Write) -> Result<T>,
) -> Result<T> {
    let name = file_name(target)?;
    check_target(fs, target, existing)?;
    let temporary = temporary_path(entropy, target, name)?;
    let written = write_temporary(fs, &temporary, write);
    let placed = written.and_then(|value| {
        place(fs, &temporary, target, existing)?;
        Ok(value)
    });
    let value = match placed {
        Ok(value) => value,
        Err(error) => {
            // The failure that is reported is the first; what cannot be removed hinders nothing.
            let _ = fs.remove_file(&temporary);
            let error = error.in_file(target);
            return Err(if error.kind() == ErrorKind::AlreadyExists {
                error
            } else {
                error.artifact_unusable()
            });
        }
    };
    finish(fs, &temporary, target, existing)?;
    Ok(value)
}

/// Refuses early what would be refused in the end, before the work is done.
fn check_target(fs: &dyn Fs, target: &Path, existing: Existing) -> Result<()> {
    match fs.metadata(target) {
        Ok(found) if found.is_dir => Err(Error::invalid("target is a folder").in_file(target)),
        Ok(_) if existing == Existing::Keep => Err(already_exists(target)),
        Ok(_) => Ok(()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(Error::io("look up the target", target, e).artifact_unusable()),
    }
}

fn already_exists(target: &Path) -> Error {
    Error::new(ErrorKind::AlreadyExists, "target exists")
        .in_file(target)
        .with_hint("choose another path, or ask for the file to be replaced")
}

fn file_name(target: &Path) -> Result<&str> {
    let name = target.file_name().and_then(|name| name.to_str());
    name.ok_or_else(|| Error::invalid("target has no file name in UTF-8").in_file(target))
}

fn temporary_path(entropy: &dyn Entropy, target: &Path, name: &str) -> Result<PathBuf> {
    let mut random = [0; 8];
    let drawn = entropy.fill(&mut random);
    drawn.map_err(|e| Error::io("draw a temporary name", target, e).artifact_unusable())?;
    let part = name.floor_char_boundary(NAME_PART_MAX);
    let part = name.get(..part).unwrap_or_default();
    let random = u64::from_be_bytes(random);
    Ok(target.with_file_name(format!(".{part}.{random:016x}.tmp")))
}

fn write_temporary<T>(
    fs: &dyn Fs,
    temporary: &Path,
    write: impl FnOnce(&mut dyn Write) -> Result<T>,
) -> Result<T> {
    let file = fs.create_new(temporary);
    let file = file.map_err(|e| created(temporary, e))?;
    let mut sink = FileSink::new(file);
    let value = write(&mut sink)?;
    let written = sink
        .finish()
        .map_err(|e| fault::from_io("write", temporary, e))?;
    let found = fs
        .open(temporary)
        .and_then(|file| written.is_held_by(&*file));
    if found.map_err(|e| Error::io("read back", temporary, e))? {
        return Ok(value);
    }
    let message = "file does not hold what was written to it";
    Err(Error::new(ErrorKind::DataLoss, message).with_hint("check the disk, then save again"))
}

/// A temporary name that is taken is no reason to tell the caller that the *target* exists.
fn created(temporary: &Path, e: io::Error) -> Error {
    let hint = "the folder of the target must exist and be writable";
    let error = match e.kind() {
        io::ErrorKind::AlreadyExists => {
            Error::new(ErrorKind::Busy, "temporary name is taken").in_file(temporary)
        }
        _ => Error::io("create a temporary file", temporary, e),
    };
    error.with_hint(hint)
}

/// Gives the written file the target's name.
fn place(fs: &dyn Fs, temporary: &Path, target: &Path, existing: Existing) -> Result<()> {
    let renamed = match existing {
        Existing::Replace => fs.rename(temporary, target),
        // A link fails when the name has appeared meanwhile; a rename would replace it.
        Existing::Keep => match fs.hard_link(temporary, target) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                return Err(already_exists(target));
            }
            Err(e) if cannot_link(&e) => {
                check_target(fs, target, existing)?;
                fs.rename(temporary, target)
            }
            linked => linked,
        },
    };
    renamed.map_err(|e| Error::io("put the file in its place", target, e))
}

/// File systems without hard links; there the check and the rename leave a moment between them.
fn cannot_link(e: &io::Error) -> bool {
    matches!(
        e.kind(),
        io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied
    )
}

/// After the file has its name. Errors from here on are not about an unusable artifact.
fn finish(fs: &dyn Fs, temporary: &Path, target: &Path, existing: Existing) -> Result<()> {
    if existing == Existing::Keep {
        match fs.remove_file(temporary) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                return Err(Error::io("remove the temporary file", temporary, e)
                    .with_hint("the new file is in its place; remove the temporary one by hand"));
            }
            _ => {}
        }
    }
    let folder = target.parent().unwrap_or(Path::new(""));
    fs.sync_dir(folder).map_err(|e| {
        Error::io("sync the folder of the published file", target, e)
            .with_hint("the new file is in its place, but may not survive a power loss; save again")
    })
}
