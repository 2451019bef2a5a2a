//! A file of the seam as a buffered [`Write`].

use std::fmt;
use std::io::{self, Write};

use shingle::vfs::WriteFile;

/// Bytes collected before they go to the file.
const BUFFER_LEN: usize = 256 << 10;

/// Buffers writes; nothing is durable before [`FileSink::finish`].
pub(super) struct FileSink {
    file: Box<dyn WriteFile>,
    buffer: Vec<u8>,
}

impl FileSink {
    pub(super) fn new(file: Box<dyn WriteFile>) -> Self {
        Self {
            file,
            buffer: Vec::new(),
        }
    }

    /// Writes what is buffered and makes all of it durable.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.flush()?;
        self.file.sync()
    }
}

impl Write for FileSink {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
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
