//! Whether output is coloured: asked for, or on a terminal whose user did not object (`NO_COLOR`,
//! `TERM=dumb`).

use std::io::IsTerminal;
use std::sync::OnceLock;

use clap::ValueEnum;

/// When output is coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum When {
    /// On a terminal
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// The decision for each stream.
#[derive(Clone, Copy, Debug, Default)]
struct Chosen {
    stdout: bool,
    stderr: bool,
}

/// Made once, from the command line; nothing is coloured before.
static CHOSEN: OnceLock<Chosen> = OnceLock::new();

/// Decides for the rest of the run.
pub(crate) fn choose(when: When) {
    let variable = |name| std::env::var_os(name);
    let refused = variable("NO_COLOR").is_some_and(|value| !value.is_empty())
        || variable("TERM").is_some_and(|value| value == "dumb");
    let chosen = Chosen {
        stdout: decide(when, std::io::stdout().is_terminal(), refused),
        stderr: decide(when, std::io::stderr().is_terminal(), refused),
    };
    // A second decision has no meaning; the first stays.
    let _ = CHOSEN.set(chosen);
}

fn decide(when: When, terminal: bool, refused: bool) -> bool {
    match when {
        When::Always => true,
        When::Never => false,
        When::Auto => terminal && !refused,
    }
}

fn chosen() -> Chosen {
    CHOSEN.get().copied().unwrap_or_default()
}

/// What stands before and after a table's heads.
pub(crate) fn head() -> [&'static str; 2] {
    around(chosen().stdout, "\u{1b}[1m")
}

/// What stands before and after the name of an error or warning.
pub(crate) fn alarm() -> [&'static str; 2] {
    around(chosen().stderr, "\u{1b}[1;31m")
}

fn around(coloured: bool, start: &'static str) -> [&'static str; 2] {
    if coloured {
        [start, "\u{1b}[0m"]
    } else {
        ["", ""]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_for_terminals_whose_user_did_not_object() {
        for (when, terminal, refused, coloured) in [
            (When::Auto, true, false, true),
            (When::Auto, true, true, false),
            (When::Auto, false, false, false),
            (When::Always, false, true, true),
            (When::Never, true, false, false),
        ] {
            assert_eq!(decide(when, terminal, refused), coloured, "{when:?}");
        }
    }
}
