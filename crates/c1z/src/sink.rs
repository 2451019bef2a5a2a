//! Files as sinks of what is decoded.

use std::io;
use std::ops::DerefMut;

use shingle::vfs::WriteFile;

/// A file that is held or borrowed, as a sink.
pub(crate) struct Sink<F>(pub(crate) F);

impl<'f, F: DerefMut<Target = dyn WriteFile + 'f>> io::Write for Sink<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
