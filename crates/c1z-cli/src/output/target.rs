//! Where `--out` leads: standard output, or a file that appears whole or not at all.

use std::io::{self, IsTerminal, Write};
use std::path::Path;

use c1z::envelope::{Existing, publish};
use c1z::{Error, ErrorKind};
use shingle::vfs::{OsEntropy, OsFs};

use super::{data, stdout};
use crate::args::OutArgs;
use crate::failure::Failure;

/// What is written, as far as a terminal is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// Text, of which a terminal gets no control characters.
    Text,
    /// Bytes, which no terminal gets.
    Bytes,
}

/// Whether the path means standard output.
pub(crate) fn is_stdout(out: &Path) -> bool {
    out == Path::new("-")
}

/// Copies `bytes`, which come from `source`, to the target. An existing file is replaced only if
/// that was asked for, and `source` never.
pub(crate) fn write_to(
    source: &Path,
    out: &OutArgs,
    bytes: &mut dyn io::Read,
) -> Result<(), Failure> {
    if is_stdout(&out.out) {
        return write_stdout(Content::Bytes, |stdout| copy(bytes, stdout));
    }
    check_source(source, &out.out)?;
    let existing = if out.force {
        Existing::Replace
    } else {
        Existing::Keep
    };
    write_path(&out.out, existing, |file| copy(bytes, file)).map_err(|failure| match failure {
        Failure::Library(error) if error.kind() == ErrorKind::AlreadyExists => Failure::Library(
            error.with_hint("choose another path, or replace the file with --force"),
        ),
        other => other,
    })
}

/// Writes a file made of `source` with `write`; it replaces what was there. `-` is standard output.
///
/// # Errors
/// `InvalidArgument` if the path is that of `source`, which would be lost.
pub(crate) fn write_file<T>(
    source: &Path,
    out: &Path,
    content: Content,
    write: impl FnOnce(&mut dyn Write) -> Result<T, Failure>,
) -> Result<T, Failure> {
    if is_stdout(out) {
        return write_stdout(content, write);
    }
    check_source(source, out)?;
    write_path(out, Existing::Replace, write)
}

fn write_path<T>(
    out: &Path,
    existing: Existing,
    write: impl FnOnce(&mut dyn Write) -> Result<T, Failure>,
) -> Result<T, Failure> {
    if out
        .metadata()
        .is_ok_and(|found| !found.is_file() && !found.is_dir())
    {
        let error = Error::invalid("output is a device or a pipe, and would be replaced by a file");
        let hint = "use `-` and send standard output there";
        return Err(error.in_file(out).with_hint(hint).into());
    }
    let written = publish(&OsFs, &OsEntropy, out, existing, |file| {
        write(file).map_err(|failure| match failure {
            Failure::Output(error) => Error::io("write", out, error),
            Failure::Library(error) => error,
            Failure::Usage { message, .. } => Error::invalid(message),
        })
    });
    Ok(written?)
}

fn write_stdout<T>(
    content: Content,
    write: impl FnOnce(&mut dyn Write) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let out: Box<dyn Write> = match content {
        Content::Text => Box::new(data()),
        Content::Bytes if io::stdout().is_terminal() => {
            return Err(Failure::usage(
                "raw bytes would go to the terminal",
                "name a file with --out, or send standard output elsewhere",
            ));
        }
        Content::Bytes => Box::new(stdout()),
    };
    let mut out = Watched { out, failure: None };
    let written = write(&mut out).and_then(|value| {
        out.flush()?;
        Ok(value)
    });
    // The library wraps what it cannot write; whoever closes the pipe is to be recognised all the
    // same.
    match out.failure {
        Some(failure) if written.is_err() => Err(Failure::Output(failure)),
        _ => written,
    }
}

fn check_source(source: &Path, out: &Path) -> Result<(), Failure> {
    if is_same(source, out) {
        let error = Error::invalid("output would replace the file that is read");
        return Err(error.in_file(out).into());
    }
    Ok(())
}

/// Whether both paths lead to one file. Two that do not exist are not the same.
fn is_same(one: &Path, other: &Path) -> bool {
    match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}

/// Copies in pieces; a failed read is the file's failure, a failed write that of the output.
fn copy(from: &mut dyn io::Read, to: &mut dyn Write) -> Result<(), Failure> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let read = from.read(&mut buffer).map_err(|error| {
            let what = Error::new(ErrorKind::DataLoss, "cannot read the stored bytes");
            Failure::Library(what.with_source(error))
        })?;
        match buffer.get(..read) {
            None | Some([]) => return Ok(()),
            Some(piece) => to.write_all(piece)?,
        }
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
