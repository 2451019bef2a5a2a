//! What a store holds, in a form that is cheap to keep and to compare; directories copied.

use std::path::Path;

use c1z::engine::PebbleStore;
use sha2::{Digest, Sha256};
use shingle::vfs::{Fs, MemFs};

use crate::{Error, Result};

/// All rows of a store: how many, and a hash of keys and values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// Rows of all kinds, indexes included.
    pub rows: usize,
    hash: [u8; 32],
}

impl Content {
    /// What `store` holds now.
    pub fn of(store: &PebbleStore) -> c1z::Result<Self> {
        let (mut rows, mut hash) = (0, Sha256::new());
        store.for_each_row(&mut |key, value| {
            rows += 1;
            for part in [key, value] {
                hash.update((part.len() as u64).to_le_bytes());
                hash.update(part);
            }
            Ok(())
        })?;
        let hash = hash.finalize().into();
        Ok(Self { rows, hash })
    }
}

/// All bytes of a file; none if there is no file.
pub fn bytes_of(fs: &dyn Fs, path: &Path) -> Result<Option<Vec<u8>>> {
    let about = |error: std::io::Error| Error::new(error.to_string()).at(path.display());
    let file = match fs.open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(about(error)),
    };
    let len = usize::try_from(file.len()).map_err(|_| Error::new("file too long"))?;
    let mut bytes = vec![0; len];
    file.read_exact_at(0, &mut bytes).map_err(about)?;
    Ok(Some(bytes))
}

/// Copies a folder and all in it, if it is there, to the folder `to` in memory; everything is durable there.
pub fn copy_folder(fs: &dyn Fs, from: &Path, to: &Path, copy: &MemFs) -> Result<()> {
    let about = |error: std::io::Error| Error::new(error.to_string()).at(from.display());
    let names = match fs.list(from) {
        Ok(names) => names,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(about(error)),
    };
    for name in names {
        let (from, to) = (from.join(&name), to.join(&name));
        if fs.metadata(&from).map_err(about)?.is_dir {
            copy_folder(fs, &from, &to, copy)?;
        } else {
            let bytes = bytes_of(fs, &from)?.unwrap_or_default();
            copy.install(&to, bytes).map_err(about)?;
        }
    }
    Ok(())
}
