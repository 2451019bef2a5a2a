//! The database of a v1 file, decoded: in memory where the budget allows, else in a file without a
//! name.
//!
//! The stream cannot be read at an offset, so it has to be decoded before the first page is read. A
//! file in the scratch folder loses its name before the first byte is written to it: it is gone when
//! the handle is closed, however the process ends, and nobody else opens it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use shingle::vfs::{Fs, ReadFile, WriteFile};

use crate::envelope::V1File;
use crate::sink::Sink;
use crate::store::OpenOptions;
use crate::{Error, ErrorKind, Result};

/// A decoded database.
pub(crate) struct Unpacked {
    pub(crate) file: Arc<dyn ReadFile>,
    /// What a user should know about how it was decoded.
    pub(crate) warning: Option<String>,
}

/// Decodes the database of `file`, which is at `path`.
///
/// # Errors
/// Those of [`V1File::decode_into`]; of the scratch folder, with what to do instead.
pub(crate) fn unpack(path: &Path, file: &V1File, options: &OpenOptions) -> Result<Unpacked> {
    if let Ok(database) = file.decode_within(&options.budget)? {
        return Ok(Unpacked {
            file: Arc::new(database),
            warning: None,
        });
    }
    let folder = match &options.scratch {
        Some(folder) => folder.clone(),
        None => path.parent().map(Path::to_owned).unwrap_or_default(),
    };
    let limit = options.budget.limit();
    let (mut sink, nameless) = Nameless::create(&*options.fs, &folder, path).map_err(|error| {
        error.with_hint(format!(
            "the database does not fit the memory budget of {limit} bytes: raise the budget, or name a \
             scratch folder that can be written to"
        ))
    })?;
    let decoded = file.decode_into(&mut Sink(&mut *sink))?;
    let warning = format!(
        "the database has {} bytes, more than the memory budget of {limit} bytes leaves: it was decoded \
         into a temporary file without a name in `{}`",
        decoded.bytes,
        shown(&folder).display()
    );
    Ok(Unpacked {
        file: Arc::new(Nameless {
            file: nameless,
            len: decoded.bytes,
        }),
        warning: Some(warning),
    })
}

/// The folder as a user would write it.
fn shown(folder: &Path) -> &Path {
    if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    }
}

/// A file that no folder names any more.
#[derive(Debug)]
struct Nameless {
    file: Arc<dyn ReadFile>,
    len: u64,
}

impl Nameless {
    /// Creates a file, opens it for reading, and takes its name away.
    fn create(
        fs: &dyn Fs,
        folder: &Path,
        path: &Path,
    ) -> Result<(Box<dyn WriteFile>, Arc<dyn ReadFile>)> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let (sink, temporary) = create_new(fs, folder, &name)?;
        let opened = fs
            .open(&temporary)
            .map_err(|e| Error::io("open a temporary file", &temporary, e));
        let removed = fs
            .remove_file(&temporary)
            .map_err(|e| Error::io("take the name off a temporary file", &temporary, e));
        let file = opened?;
        removed?;
        Ok((sink, file))
    }
}

/// Creates a file under a name that nobody has.
fn create_new(fs: &dyn Fs, folder: &Path, name: &str) -> Result<(Box<dyn WriteFile>, PathBuf)> {
    for number in 0_u32.. {
        let path = folder.join(format!(".{name}.{number}.unpacked"));
        match fs.create_new(&path) {
            Ok(file) => return Ok((file, path)),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(Error::io("create a temporary file", &path, e)),
        }
    }
    Err(Error::new(
        ErrorKind::AlreadyExists,
        "no name is left for a temporary file",
    ))
}

impl ReadFile for Nameless {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        self.file.read_at(offset, buf)
    }

    fn len(&self) -> u64 {
        self.len
    }
}
