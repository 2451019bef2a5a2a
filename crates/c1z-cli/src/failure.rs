//! How a run ends when it does not end well: what is printed, and the exit code.

use std::fmt;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use c1z::ErrorKind;

use crate::output::{colour, printable, progress};

/// Exit code of a call that the flag parser refuses: `INVALID_ARGUMENT`.
const USAGE: u8 = 3;

/// What a command that ended well has to say to a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing, or yes.
    Yes,
    /// A well-formed no: exit code 1.
    No,
}

impl From<Verdict> for ExitCode {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Yes => ExitCode::SUCCESS,
            Verdict::No => ExitCode::from(1),
        }
    }
}

/// Why a command stopped.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The library refused or failed.
    Library(c1z::Error),
    /// The call makes no sense, which only the command itself could tell.
    Usage {
        /// What makes no sense.
        message: String,
        /// What would.
        hint: String,
    },
    /// Writing to standard output failed.
    Output(io::Error),
}

impl Failure {
    /// A call that makes no sense.
    pub(crate) fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Usage {
            message: message.into(),
            hint: hint.into(),
        }
    }

    /// Names the file that was read, where the library did not.
    pub(crate) fn in_file(self, path: &Path) -> Self {
        match self {
            Self::Library(error) => Self::Library(error.in_file(path)),
            other => other,
        }
    }

    fn hint(&self) -> Option<&str> {
        match self {
            Self::Library(error) => error.hint().or_else(|| general_hint(error.kind())),
            Self::Usage { hint, .. } => Some(hint),
            Self::Output(_) => None,
        }
    }

    fn exit_code(&self) -> u8 {
        match self {
            Self::Library(error) => error.kind().exit_code(),
            Self::Usage { .. } => USAGE,
            Self::Output(_) => ErrorKind::Io.exit_code(),
        }
    }
}

/// What can be done about an error whose place had no better advice.
fn general_hint(kind: ErrorKind) -> Option<&'static str> {
    Some(match kind {
        ErrorKind::InvalidArgument => "`c1z COMMAND --help` says what is expected",
        ErrorKind::NotFound => {
            "check the spelling of the id and the file; the lists (`c1z resources`, `c1z grants`, ..) show what there is"
        }
        ErrorKind::Ambiguous => "name the record together with its resource",
        ErrorKind::ResourceExhausted => {
            "raise the limit (--memory, --decoder-max-..), or ask for less"
        }
        ErrorKind::DataLoss => "the file is damaged; take it again from where it was made",
        ErrorKind::FormatNewer | ErrorKind::EngineNotAvailable => {
            "upgrade to a version that reads the file"
        }
        ErrorKind::Io | ErrorKind::Busy => {
            "try again; if it stays, look at the disk and its rights"
        }
        ErrorKind::Internal => "this is a bug in c1z; please report it with the command",
        _ => return None,
    })
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
            Self::Usage { message, .. } => f.write_str(message),
            Self::Output(error) => write!(f, "cannot write to standard output: {error}"),
        }
    }
}

/// Prints the error and its hint, and gives the exit code. A closed pipe is nobody's failure.
pub(crate) fn report(failure: &Failure) -> ExitCode {
    if let Failure::Output(error) = failure
        && error.kind() == io::ErrorKind::BrokenPipe
    {
        return ExitCode::SUCCESS;
    }
    say("error", failure);
    if let Some(hint) = failure.hint() {
        print_line(&format!("\nhint: {}", printable(hint)));
    }
    ExitCode::from(failure.exit_code())
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

/// Prints a warning: the answer may be less than the user thinks.
pub(crate) fn warn(text: impl fmt::Display) {
    say("warning", text);
}

/// Prints what a user asked for and may have forgotten.
pub(crate) fn note(text: impl fmt::Display) {
    print_line(&format!("c1z: note: {}", printable(&text.to_string())));
}

/// Prints an entry of the slow log.
pub(crate) fn slow(entry: impl fmt::Display) {
    print_line(&format!("c1z: {}", printable(&entry.to_string())));
}

/// Texts may hold names from the file, so they are made safe to show.
fn say(what: &str, text: impl fmt::Display) {
    let [start, end] = colour::alarm();
    let text = text.to_string();
    print_line(&format!("c1z: {start}{what}{end}: {}", printable(&text)));
}

/// Nobody may be listening on standard error; that is no reason to fail.
fn print_line(line: &str) {
    progress::beside(|| {
        let _ = writeln!(io::stderr(), "{line}");
    });
}
