//! Where `--out` leads: standard output, or a file that appears whole or not at all.

use std::io::{self, IsTerminal, Write};
use std::path::Path;

use c1z::envelope::{Existing, publish};
use shingle::vfs::{OsEntropy, OsFs};

use super::stdout;
use crate::args::OutArgs;
use crate::failure::Failure;

/// Copies `bytes` to the target. An existing file is replaced only if that was asked for.
pub(crate) fn write_to(out: &OutArgs, bytes: &mut dyn io::Read) -> Result<(), Failure> {
    if out.out == Path::new("-") {
        if io::stdout().is_terminal() {
            return Err(Failure::usage(
                "raw bytes would go to the terminal",
                "name a file with --out, or send standard output elsewhere",
            ));
        }
        let mut stdout = stdout();
        copy(bytes, &mut stdout)?;
        return Ok(stdout.flush()?);
    }
    let existing = if out.force {
        Existing::Replace
    } else {
        Existing::Keep
    };
    publish(&OsFs, &OsEntropy, &out.out, existing, |file| {
        copy(bytes, file).map_err(|failure| match failure {
            Failure::Output(error) => c1z::Error::io("write", &out.out, error),
            Failure::Library(error) => error,
            Failure::Usage { message, .. } => c1z::Error::invalid(message),
        })
    })
    .map_err(|error| {
        if error.kind() == c1z::ErrorKind::AlreadyExists {
            Failure::Library(
                error.with_hint("choose another path, or replace the file with --force"),
            )
        } else {
            Failure::Library(error)
        }
    })
}

/// Copies in pieces; a failed read is the file's failure, a failed write that of the output.
fn copy(from: &mut dyn io::Read, to: &mut dyn Write) -> Result<(), Failure> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let read = from.read(&mut buffer).map_err(|error| {
            let what = c1z::Error::new(c1z::ErrorKind::DataLoss, "cannot read the stored bytes");
            Failure::Library(what.with_source(error))
        })?;
        match buffer.get(..read) {
            None | Some([]) => return Ok(()),
            Some(piece) => to.write_all(piece)?,
        }
    }
}
