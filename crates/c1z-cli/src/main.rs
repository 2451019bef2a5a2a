//! The `c1z` program: reads Baton `.c1z` files and prints what is in them.
//!
//! Standard output is data and nothing else; warnings and errors go to standard error. The exit code is the gRPC number
//! of the error's kind; 1 is a well-formed *no*; 130 an interrupt. A reader that closes the pipe early ends the program
//! quietly.

mod args;
mod commands;
mod failure;
mod file;
mod output;
mod progress;
mod references;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let args = match args::Args::try_parse() {
        Ok(args) => args,
        Err(usage) => return failure::usage(&usage),
    };
    match commands::run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure::report(&error),
    }
}
