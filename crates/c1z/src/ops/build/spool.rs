//! Temporary files as sinks.

use std::io::{self, Write};

use shingle::vfs::WriteFile;

/// A temporary file as a sink.
pub(crate) struct Spool(pub(crate) Box<dyn WriteFile>);

impl Write for Spool {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
