//! The database inside a packed file, unpacked.

use std::io;
use std::path::{Component, Path};
use std::sync::Arc;

use shingle::vfs::{Entropy, Fs};

use super::build::{Workspace, check_output};
use crate::envelope::{EnvelopeFile, Existing, V3File, publish};
use crate::{Error, ErrorKind, Result};

/// Bytes copied at a time.
const STEP_LEN: usize = 1 << 20;

/// What was unpacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dumped {
    /// The SQLite database of a v1 file, as one file.
    Database {
        /// Its length.
        bytes: u64,
    },
    /// The directory of a v3 file.
    Directory {
        /// Files in it.
        files: u64,
        /// Bytes in all of them.
        bytes: u64,
    },
}

/// Unpacks the database of `file` to `out`, which must not exist: one file, or a folder. It appears
/// whole or not at all, and nothing is written anywhere else, whatever the names inside the file say.
///
/// # Errors
/// `AlreadyExists`; those of decoding the file; `Io` from the file system. Then nothing is left behind.
///
/// # Complexity
/// Linear in the database; memory is one window of the decoder.
pub fn dump(
    fs: &Arc<dyn Fs>,
    entropy: &dyn Entropy,
    file: &EnvelopeFile,
    out: &Path,
) -> Result<Dumped> {
    check_output(&**fs, out, Existing::Keep)?;
    match file {
        EnvelopeFile::V1(file) => publish(&**fs, entropy, out, Existing::Keep, |sink| {
            let decoded = file.decode_into(sink)?;
            Ok(Dumped::Database {
                bytes: decoded.bytes,
            })
        }),
        EnvelopeFile::V3(file) => directory(fs, entropy, file, out),
    }
}

fn directory(fs: &Arc<dyn Fs>, entropy: &dyn Entropy, file: &V3File, out: &Path) -> Result<Dumped> {
    let payload = file.payload()?;
    let workspace = Workspace::beside(Arc::clone(fs), entropy, out)?;
    let (mut files, mut bytes) = (0, 0);
    for (name, len) in payload.files() {
        check_name(name)?;
        let target = workspace.dir().join(name);
        if let Some(folder) = target.parent() {
            fs.create_dir_all(folder)
                .map_err(|e| Error::io("create a folder", folder, e))?;
        }
        copy(&*payload, &**fs, Path::new(name), &target)?;
        files += 1;
        bytes += len;
    }
    fs.sync_dir(workspace.dir())
        .map_err(|e| Error::io("sync a folder", workspace.dir(), e))?;
    // Another one may have come in the meantime; a folder with something in it is never replaced.
    check_output(&**fs, out, Existing::Keep)?;
    fs.rename(workspace.dir(), out)
        .map_err(|e| Error::io("put the folder in its place", out, e))?;
    let folder = out.parent().unwrap_or(Path::new(""));
    fs.sync_dir(folder)
        .map_err(|e| Error::io("sync the folder of the output", out, e))?;
    Ok(Dumped::Directory { files, bytes })
}

/// Refuses names that lead elsewhere. Reading the envelope has refused them already; but this is where
/// it would hurt.
fn check_name(name: &str) -> Result<()> {
    let mut parts = Path::new(name).components();
    if parts.all(|part| matches!(part, Component::Normal(_))) {
        return Ok(());
    }
    let what = format!(
        "file name leads out of its folder name=`{}`",
        name.escape_debug()
    );
    Err(Error::new(ErrorKind::DataLoss, what))
}

fn copy(from: &dyn Fs, to: &dyn Fs, name: &Path, target: &Path) -> Result<()> {
    let source = from.open(name).map_err(|e| Error::io("open", name, e))?;
    let written = |e: io::Error| Error::io("write", target, e);
    let mut sink = to.create_new(target).map_err(written)?;
    let mut buf = vec![0; STEP_LEN];
    let mut offset = 0;
    loop {
        let n = source
            .read_at(offset, &mut buf)
            .map_err(|e| Error::from(shingle::Error::io("read", name, e)))?;
        if n == 0 {
            break;
        }
        sink.write_all(buf.get(..n).unwrap_or_default())
            .map_err(written)?;
        offset += n as u64;
    }
    sink.sync().map_err(written)
}
