//! How a run ends when it does not end well: what is printed, and the exit code.
#![expect(
    clippy::print_stderr,
    reason = "this module is where errors are printed"
)]

use std::fmt;
use std::io;
use std::process::ExitCode;

/// Exit code of a call that the flag parser refuses: `INVALID_ARGUMENT`.
const USAGE: u8 = 3;

/// Exit code of a well-formed no.
const VERDICT_NO: u8 = 1;

/// Why a command stopped.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The library refused or failed.
    Library(c1z::Error),
    /// Writing to standard output failed.
    Output(io::Error),
    /// The answer is no; it was printed.
    Verdict,
}

impl From<c1z::Error> for Failure {
    fn from(error: c1z::Error) -> Self {
        Self::Library(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Library(error) => f.write_str(&error.chain()),
            Self::Output(error) => write!(f, "cannot write to standard output: {error}"),
            Self::Verdict => f.write_str("no"),
        }
    }
}

/// Prints the error and its hint, and gives the exit code. A closed pipe is nobody's failure.
pub(crate) fn report(failure: &Failure) -> ExitCode {
    match failure {
        Failure::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Failure::Verdict => ExitCode::from(VERDICT_NO),
        Failure::Output(_) => {
            eprintln!("c1z: {failure}");
            ExitCode::from(c1z::ErrorKind::Io.exit_code())
        }
        Failure::Library(error) => {
            eprintln!("c1z: {failure}");
            if let Some(hint) = error.hint() {
                eprintln!("\nhint: {hint}");
            }
            ExitCode::from(error.kind().exit_code())
        }
    }
}

/// Prints help and version to standard output, refusals to standard error.
pub(crate) fn usage(usage: &clap::Error) -> ExitCode {
    // A failure to print the usage text leaves nothing better to say.
    let _ = usage.print();
    if usage.use_stderr() {
        ExitCode::from(USAGE)
    } else {
        ExitCode::SUCCESS
    }
}

/// Prints a warning.
pub(crate) fn warn(text: impl fmt::Display) {
    eprintln!("c1z: warning: {text}");
}
