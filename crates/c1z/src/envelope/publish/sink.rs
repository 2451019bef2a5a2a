//! A file of the seam as a buffered [`Write`], and what it must hold in the end.

use std::fmt;
use std::io::{self, Write};

use shingle::vfs::{ReadFile, WriteFile};

use super::super::hash::RunningHash;

/// Bytes collected before they go to the file.
const BUFFER_LEN: usize = 256 << 10;

/// Buffers writes; nothing is durable before [`FileSink::finish`].
pub(super) struct FileSink {
    file: Box<dyn WriteFile>,
    buffer: Vec<u8>,
    written: Written,
}

/// Length and hash of what was written.
#[derive(Debug)]
pub(super) struct Written {
    len: u64,
    hash: RunningHash,
}

impl Written {
    fn new() -> Self {
        let hash = RunningHash::new();
        Self { len: 0, hash }
    }

    fn update(&mut self, bytes: &[u8]) {
        self.len += bytes.len() as u64;
        self.hash.update(bytes);
    }

    /// Whether `file` holds what was written.
    pub(super) fn is_held_by(&self, file: &dyn ReadFile) -> io::Result<bool> {
        let mut found = Self::new();
        let mut buffer = vec![0; BUFFER_LEN];
        while found.len < file.len() {
            let n = file.read_at(found.len, &mut buffer)?;
            if n == 0 {
                break;
            }
            found.update(buffer.get(..n).unwrap_or_default());
        }
        Ok(found.len == self.len && found.hash.digest() == self.hash.digest())
    }
}

impl FileSink {
    pub(super) fn new(file: Box<dyn WriteFile>) -> Self {
        Self {
            file,
            buffer: Vec::new(),
            written: Written::new(),
        }
    }

    /// Writes what is buffered and makes all of it durable.
    pub(super) fn finish(mut self) -> io::Result<Written> {
        self.flush()?;
        self.file.sync()?;
        Ok(self.written)
    }
}

impl Write for FileSink {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.written.update(buf);
        if self.buffer.len() + buf.len() > BUFFER_LEN {
            self.flush()?;
        }
        if buf.len() >= BUFFER_LEN {
            self.file.write_all(buf)?;
        } else {
            self.buffer.extend_from_slice(buf);
        }
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.buffer.is_empty() {
            self.file.write_all(&self.buffer)?;
            self.buffer.clear();
        }
        Ok(())
    }
}

impl fmt::Debug for FileSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileSink")
            .field("file", &self.file)
            .finish_non_exhaustive()
    }
}
