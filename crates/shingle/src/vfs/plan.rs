//! Fault plans: which file operations fail, and how, as text that can be replayed.
//!
//! ```text
//! plan   = rule { (";" | newline) rule }
//! rule   = action op [when] [glob] [error]
//! action = "fail"          the operation is not done and returns the error
//!        | "short"         of a write: half of the bytes are appended, then the error;
//!                          of a read: half of the bytes are returned, no error
//!        | "torn"          of a rename: the target is gone, the source stays, then the error
//!        | "flip" [":" n]  of a read or write: bit n (modulo what there is; else the middle one)
//!                          comes or goes inverted, no error
//! op     = "any" | "open" | "create" | "read" | "write" | "sync" | "list" | "metadata"
//!        | "rename" | "link" | "remove" | "mkdir" | "syncdir" | "lock"
//! when   = N | N ".." | N ".." M   counting from 0 the operations that match op and glob;
//!                                  absent: all of them
//! glob   = pattern with * and ?, of the whole path if it holds a "/", else of the last name;
//!          absent: all files
//! error  = "=eio" (default) | "=enospc" | "=denied" | "=notfound"
//! ```
//!
//! `fail write 17` fails the eighteenth append once; `fail any 17..` is a disk that is dead from
//! then on.

use std::fmt;
use std::io;
use std::path::Path;

use crate::{Error, Result};

/// What a file operation is, for counting and for choosing faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Op {
    /// Opening for reads.
    Open,
    /// Creating or truncating.
    Create,
    /// A positioned read.
    Read,
    /// An append.
    Write,
    /// Sync of a file.
    Sync,
    /// Listing of a directory.
    List,
    /// Looking up metadata.
    Metadata,
    /// Renaming.
    Rename,
    /// Hard-linking.
    Link,
    /// Removing a file or a directory.
    Remove,
    /// Creating directories.
    MakeDir,
    /// Sync of a directory.
    SyncDir,
    /// Taking a lock.
    Lock,
}

impl Op {
    /// Every operation.
    pub const ALL: [Op; 13] = [
        Op::Open,
        Op::Create,
        Op::Read,
        Op::Write,
        Op::Sync,
        Op::List,
        Op::Metadata,
        Op::Rename,
        Op::Link,
        Op::Remove,
        Op::MakeDir,
        Op::SyncDir,
        Op::Lock,
    ];

    /// Its word in a plan.
    pub fn word(self) -> &'static str {
        match self {
            Op::Open => "open",
            Op::Create => "create",
            Op::Read => "read",
            Op::Write => "write",
            Op::Sync => "sync",
            Op::List => "list",
            Op::Metadata => "metadata",
            Op::Rename => "rename",
            Op::Link => "link",
            Op::Remove => "remove",
            Op::MakeDir => "mkdir",
            Op::SyncDir => "syncdir",
            Op::Lock => "lock",
        }
    }
}

/// How an operation goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Fail,
    Short,
    Torn,
    Flip(Option<u64>),
}

/// Rules parsed from text (grammar above).
#[derive(Clone, Debug, Default)]
pub struct FaultPlan {
    rules: Vec<Rule>,
}

#[derive(Clone, Debug)]
struct Rule {
    text: String,
    action: Action,
    op: Option<Op>,
    first: u64,
    end: u64,
    glob: Option<String>,
    error: io::ErrorKind,
    seen: u64,
}

/// A fault that a plan orders.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) action: Action,
    pub(crate) error: io::Error,
}

impl FaultPlan {
    /// A plan without faults.
    pub fn none() -> Self {
        Self::default()
    }

    /// Reads a plan.
    ///
    /// # Errors
    /// `Invalid`, with the rule that is not understood.
    pub fn parse(text: &str) -> Result<Self> {
        let rules = text
            .split([';', '\n'])
            .map(str::trim)
            .filter(|rule| !rule.is_empty())
            .map(Rule::parse)
            .collect::<Result<_>>()?;
        Ok(Self { rules })
    }

    /// Counts an operation in every rule it matches; returns the fault of the first rule whose turn
    /// it is.
    pub(crate) fn decide(&mut self, op: Op, path: &Path) -> Option<Fault> {
        let mut fault = None;
        for rule in &mut self.rules {
            if rule.counts(op, path) && fault.is_none() {
                fault = Some(Fault {
                    action: rule.action,
                    error: io::Error::new(rule.error, format!("injected fault rule=`{rule}`")),
                });
            }
        }
        fault
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Rule {
    fn parse(text: &str) -> Result<Self> {
        let bad = |what: &str| Error::invalid(format!("{what} in fault plan rule=`{text}`"));
        let mut words = text.split_whitespace();
        let action =
            parse_action(words.next().unwrap_or_default()).ok_or_else(|| bad("unknown action"))?;
        let op = match words.next() {
            Some("any") => None,
            word => Some(
                Op::ALL
                    .into_iter()
                    .find(|op| Some(op.word()) == word)
                    .ok_or_else(|| bad("unknown operation"))?,
            ),
        };
        let mut rule = Self {
            text: text.to_owned(),
            action,
            op,
            first: 0,
            end: u64::MAX,
            glob: None,
            error: io::ErrorKind::Other,
            seen: 0,
        };
        for word in words {
            if let Some(error) = word.strip_prefix('=') {
                rule.error = parse_error(error).ok_or_else(|| bad("unknown error"))?;
            } else if word.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
                (rule.first, rule.end) = parse_when(word).ok_or_else(|| bad("bad index"))?;
            } else {
                rule.glob = Some(word.to_owned());
            }
        }
        if !rule.fits() {
            return Err(bad("action does not fit the operation"));
        }
        Ok(rule)
    }

    fn fits(&self) -> bool {
        match self.action {
            Action::Fail => true,
            Action::Short | Action::Flip(_) => matches!(self.op, Some(Op::Read | Op::Write)),
            Action::Torn => self.op == Some(Op::Rename),
        }
    }

    /// Counts the operation if the rule is about it; whether it is the rule's turn.
    fn counts(&mut self, op: Op, path: &Path) -> bool {
        if self.op.is_some_and(|wanted| wanted != op) || !self.names(path) {
            return false;
        }
        let index = self.seen;
        self.seen += 1;
        (self.first..self.end).contains(&index)
    }

    fn names(&self, path: &Path) -> bool {
        let Some(glob) = &self.glob else { return true };
        let whole = path.to_string_lossy();
        let subject = if glob.contains('/') {
            &*whole
        } else {
            whole.rsplit('/').next().unwrap_or_default()
        };
        glob_matches(glob.as_bytes(), subject.as_bytes())
    }
}

fn parse_action(word: &str) -> Option<Action> {
    Some(match word.split_once(':') {
        Some(("flip", bit)) => Action::Flip(Some(bit.parse().ok()?)),
        Some(_) => return None,
        None => match word {
            "fail" => Action::Fail,
            "short" => Action::Short,
            "torn" => Action::Torn,
            "flip" => Action::Flip(None),
            _ => return None,
        },
    })
}

fn parse_when(word: &str) -> Option<(u64, u64)> {
    match word.split_once("..") {
        None => word.parse::<u64>().ok().map(|n| (n, n.saturating_add(1))),
        Some((first, "")) => Some((first.parse().ok()?, u64::MAX)),
        Some((first, end)) => Some((first.parse().ok()?, end.parse().ok()?)),
    }
}

fn parse_error(word: &str) -> Option<io::ErrorKind> {
    Some(match word {
        "eio" => io::ErrorKind::Other,
        "enospc" => io::ErrorKind::StorageFull,
        "denied" => io::ErrorKind::PermissionDenied,
        "notfound" => io::ErrorKind::NotFound,
        _ => return None,
    })
}

/// Whether `text` matches `glob`: `*` is any run of bytes, `?` any one byte. O(glob · text).
fn glob_matches(glob: &[u8], text: &[u8]) -> bool {
    // Row `reach[i]`: whether the glob so far matches text[..i].
    let mut reach = vec![false; text.len() + 1];
    if let Some(start) = reach.first_mut() {
        *start = true;
    }
    for &pattern in glob {
        let mut before = false;
        let mut any_before = false;
        for (index, cell) in reach.iter_mut().enumerate() {
            let here = *cell;
            any_before |= here;
            *cell = match pattern {
                b'*' => any_before,
                b'?' => before,
                byte => before && index.checked_sub(1).and_then(|i| text.get(i)) == Some(&byte),
            };
            before = here;
        }
    }
    reach.last() == Some(&true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_names_and_paths() {
        for (glob, text, expected) in [
            ("*.sst", "000007.sst", true),
            ("*.sst", "000007.log", false),
            ("?0*7.*", "000007.log", true),
            ("MANIFEST-*", "MANIFEST-", true),
            ("a", "", false),
            ("*", "", true),
            ("a*b*c", "aXXbYYbc", true),
            ("a*b*c", "aXXbYYb", false),
        ] {
            assert_eq!(
                glob_matches(glob.as_bytes(), text.as_bytes()),
                expected,
                "{glob} {text}"
            );
        }
    }

    #[test]
    fn a_rule_counts_only_what_it_is_about() {
        let mut plan = FaultPlan::parse("fail write 1 *.log =enospc; fail sync 0..").unwrap();
        let log = Path::new("db/000004.log");
        let table = Path::new("db/000005.sst");
        assert!(plan.decide(Op::Write, log).is_none());
        assert!(plan.decide(Op::Write, table).is_none());
        assert!(plan.decide(Op::Read, log).is_none());
        let fault = plan.decide(Op::Write, log).unwrap();
        assert_eq!(fault.error.kind(), io::ErrorKind::StorageFull);
        assert!(plan.decide(Op::Write, log).is_none(), "one shot");
        assert!(plan.decide(Op::Sync, log).is_some());
        assert!(plan.decide(Op::Sync, table).is_some());
    }

    #[test]
    fn nonsense_is_refused_with_the_rule() {
        for text in [
            "explode write",
            "fail frobnicate",
            "fail",
            "torn write",
            "flip sync",
            "short sync",
            "fail write =what",
            "flip:x read",
            "fail write 1.2.3",
        ] {
            let message = FaultPlan::parse(text).unwrap_err().to_string();
            assert!(message.contains(text), "{message}");
        }
    }
}
