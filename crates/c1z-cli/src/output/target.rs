//! Where an exported file goes: to a path, where it appears whole or not at all, or to standard output.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use c1z::Error;
use c1z::envelope::{Existing, publish};
use shingle::vfs::{OsEntropy, OsFs};

use crate::failure::Failure;

/// Buffer in front of standard output, in bytes.
const BUFFER_LEN: usize = 128 << 10;

/// Whether the path means standard output.
pub(crate) fn is_stdout(out: &Path) -> bool {
    out == Path::new("-")
}

/// Writes a file with `write`. At a path it appears whole or not at all, and replaces what was there;
/// `-` is standard output.
///
/// # Errors
/// `InvalidArgument` if the path is that of `source`, which would be lost.
pub(crate) fn write_file<T>(
    source: &Path,
    out: &Path,
    write: impl FnOnce(&mut dyn Write) -> Result<T, Failure>,
) -> Result<T, Failure> {
    if is_stdout(out) {
        return write_stdout(write);
    }
    if is_same(source, out) {
        let error = Error::invalid("output would replace the file that is read");
        return Err(error.in_file(out).into());
    }
    let written = publish(&OsFs, &OsEntropy, out, Existing::Replace, |file| {
        write(file).map_err(|failure| match failure {
            Failure::Library(error) => error,
            Failure::Output(error) => Error::io("write", out, error),
        })
    });
    Ok(written?)
}

/// Writes to standard output. Whatever the error says, a failure to write is told as one: whoever
/// closes the pipe early is not told of it twice.
fn write_stdout<T>(write: impl FnOnce(&mut dyn Write) -> Result<T, Failure>) -> Result<T, Failure> {
    let buffered = BufWriter::with_capacity(BUFFER_LEN, io::stdout().lock());
    let mut out = Watched {
        out: buffered,
        failure: None,
    };
    let written = write(&mut out).and_then(|value| {
        out.flush()?;
        Ok(value)
    });
    match out.failure {
        Some(failure) if written.is_err() => Err(Failure::Output(failure)),
        _ => written,
    }
}

/// Whether both paths lead to one file. Two that do not exist are not the same.
fn is_same(one: &Path, other: &Path) -> bool {
    match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}

/// Remembers the first failure to write.
struct Watched<W> {
    out: W,
    failure: Option<io::Error>,
}

impl<W> Watched<W> {
    fn note<T>(&mut self, result: io::Result<T>) -> io::Result<T> {
        result.map_err(|error| {
            let kind = error.kind();
            self.failure.get_or_insert(error);
            kind.into()
        })
    }
}

impl<W: Write> Write for Watched<W> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let written = self.out.write(buf);
        self.note(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.out.flush();
        self.note(flushed)
    }
}
