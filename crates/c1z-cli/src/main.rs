//! The `c1z` program: reads Baton `.c1z` files and prints what is in them.
//!
//! Standard output is data and nothing else; warnings, errors and progress go to standard error.
//! The exit code is the gRPC number of the error's kind; 1 is a well-formed *no*. A reader that
//! closes the pipe early ends the program quietly. An interrupt ends it by the signal, which shells
//! report as 130: it writes nothing that would have to be cleaned up.

mod args;
mod commands;
mod failure;
mod file;
mod job;
mod list;
mod memory;
mod output;
mod references;
mod telemetry;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let args = match args::Args::try_parse() {
        Ok(args) => args,
        Err(usage) => return failure::usage(&usage),
    };
    output::colour::choose(args.global.color);
    let done = telemetry::start(&args.global).and_then(|()| {
        job::start(&args.global, &args.command);
        let done = commands::run(&args);
        job::finish(&done);
        done
    });
    // The metrics of a command that failed are worth having; its own failure comes first.
    let measured = telemetry::finish();
    match done {
        Ok(verdict) => match measured {
            Ok(()) => verdict.into(),
            Err(error) => failure::report(&error),
        },
        Err(error) => failure::report(&error.in_file(&args.global.file)),
    }
}
