//! `c1z dump-db`: the database inside the file.

use std::io::{self, Write};

use c1z::Error;
use c1z::envelope::EnvelopeFile;
use c1z::ops::{Dumped, Progress, Step, dump};
use shingle::vfs::OsEntropy;

use crate::args::{ExportArgs, Global};
use crate::failure::Failure;
use crate::file;
use crate::job;
use crate::output::{Content, is_stdout, write_file};

pub(crate) fn run(global: &Global, args: &ExportArgs) -> Result<(), Failure> {
    let out = args.out_or("./sync.db");
    let options = file::envelope_options(global);
    let in_file = |error: Error| error.in_file(&global.file);
    let file = EnvelopeFile::open(&*job::fs(), &global.file, &options).map_err(in_file)?;
    if is_stdout(out) {
        let EnvelopeFile::V1(file) = file else {
            let error = Error::invalid("a v3 file holds a directory, not one file");
            return Err(error.with_hint("name a folder with --out").into());
        };
        return write_file(&global.file, out, Content::Bytes, |out| {
            file.decode_into(out).map_err(in_file)?;
            Ok(())
        });
    }
    job::observer().advanced(&Progress::of(Step::Unpack))?;
    let fs = job::fs();
    let dumped = dump(&fs, &OsEntropy, &file, out)?;
    if matches!(dumped, Dumped::Directory { .. }) {
        writeln!(io::stdout().lock(), "{}", out.display())?;
    }
    Ok(())
}
