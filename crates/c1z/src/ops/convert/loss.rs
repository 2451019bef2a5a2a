//! What a conversion does not carry over.
//!
//! Formats differ in what they can hold. Nothing that stays behind does so silently: every kind of
//! loss is counted, with some examples. Losses by which a sync or a record would disappear stop the
//! conversion unless the caller allows them; the others are details of what is carried over
//! (`store-contract` §1.8, §4.7).

use std::collections::BTreeMap;
use std::fmt;

use crate::{Error, ErrorKind, Result};

/// Examples of each kind of loss that a report keeps, unless told otherwise.
pub const EXAMPLES_MAX: usize = 5;
/// Longest example, bytes.
const EXAMPLE_LEN_MAX: usize = 200;

/// A kind of loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum LossKind {
    /// A sync that the output has no room for.
    Sync,
    /// A record that the output cannot hold: a part of its identity is missing.
    Record,
    /// A record that has, by the rules of the output, the identity of another one. Grants of one
    /// entitlement and principal become one in v3; of records with one external id the first stays
    /// in v1.
    SameIdentity,
    /// Details inside an embedded entitlement, resource or principal; its ids stay.
    Embedded,
    /// Fields without a home in the output, unknown ones among them.
    Fields,
    /// An id that was empty and is spelled out now.
    ImpliedId,
    /// A time that was missing and is filled in.
    MissingTime,
    /// The token of a finished sync.
    Token,
    /// Entries of the session store.
    Session,
    /// The mark that the sync was verified.
    Verification,
    /// Statistics beyond counts.
    Statistics,
    /// Digests: they are made again when the sync is written as v3.
    Digests,
    /// The graph of entitlements that a syncer left for its next run.
    Graph,
    /// Rows that belong to nobody known.
    ForeignRows,
}

impl LossKind {
    /// Every kind, in the order in which reports list them.
    pub const ALL: [LossKind; 14] = [
        LossKind::Sync,
        LossKind::Record,
        LossKind::SameIdentity,
        LossKind::Embedded,
        LossKind::Fields,
        LossKind::ImpliedId,
        LossKind::MissingTime,
        LossKind::Token,
        LossKind::Session,
        LossKind::Verification,
        LossKind::Statistics,
        LossKind::Digests,
        LossKind::Graph,
        LossKind::ForeignRows,
    ];

    /// Name for programs.
    pub const fn as_str(self) -> &'static str {
        match self {
            LossKind::Sync => "sync",
            LossKind::Record => "record",
            LossKind::SameIdentity => "same_identity",
            LossKind::Embedded => "embedded",
            LossKind::Fields => "fields",
            LossKind::ImpliedId => "implied_id",
            LossKind::MissingTime => "missing_time",
            LossKind::Token => "token",
            LossKind::Session => "session",
            LossKind::Verification => "verification",
            LossKind::Statistics => "statistics",
            LossKind::Digests => "digests",
            LossKind::Graph => "graph",
            LossKind::ForeignRows => "foreign_rows",
        }
    }

    /// What happened, for people.
    pub const fn describe(self) -> &'static str {
        match self {
            LossKind::Sync => "syncs left out",
            LossKind::Record => "records left out: a part of their identity is missing",
            LossKind::SameIdentity => "records that went into another one of the same identity",
            LossKind::Embedded => "records that lose details of what they embed",
            LossKind::Fields => "records or syncs that lose fields",
            LossKind::ImpliedId => "grants whose implied id is spelled out",
            LossKind::MissingTime => "missing times that were filled in",
            LossKind::Token => "tokens of finished syncs left out",
            LossKind::Session => "session entries left out",
            LossKind::Verification => "verification marks left out",
            LossKind::Statistics => "statistics left out that are no counts",
            LossKind::Digests => "digest trees left out; writing v3 makes them again",
            LossKind::Graph => "entitlement graphs left out",
            LossKind::ForeignRows => "rows of no known kind left out",
        }
    }

    /// Whether something disappears that a caller has to agree to.
    pub const fn is_disappearance(self) -> bool {
        matches!(
            self,
            LossKind::Sync | LossKind::Record | LossKind::SameIdentity
        )
    }
}

/// How often a kind of loss occurred, and some of the occurrences.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loss {
    /// How often.
    pub count: u64,
    /// The first ones, as many as the report keeps.
    pub examples: Vec<String>,
}

/// All that was lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LossReport {
    losses: BTreeMap<LossKind, Loss>,
    examples_max: usize,
}

impl Default for LossReport {
    fn default() -> Self {
        Self::with_examples(EXAMPLES_MAX)
    }
}

impl LossReport {
    /// A report that keeps so many examples of each kind.
    pub fn with_examples(examples_max: usize) -> Self {
        Self {
            losses: BTreeMap::new(),
            examples_max,
        }
    }

    /// Whether nothing was lost.
    pub fn is_empty(&self) -> bool {
        self.losses.is_empty()
    }

    /// How often a kind occurred.
    pub fn count(&self, kind: LossKind) -> u64 {
        self.losses.get(&kind).map_or(0, |loss| loss.count)
    }

    /// The kinds that occurred.
    pub fn iter(&self) -> impl Iterator<Item = (LossKind, &Loss)> {
        self.losses.iter().map(|(kind, loss)| (*kind, loss))
    }

    /// Counts one loss; `example` is asked for only while more are kept.
    pub(crate) fn add(&mut self, kind: LossKind, example: impl FnOnce() -> String) {
        self.add_many(kind, 1, example);
    }

    /// Counts several losses of which one is an example.
    pub(crate) fn add_many(
        &mut self,
        kind: LossKind,
        count: u64,
        example: impl FnOnce() -> String,
    ) {
        if count == 0 {
            return;
        }
        let loss = self.losses.entry(kind).or_default();
        loss.count += count;
        if loss.examples.len() < self.examples_max {
            let mut text = example();
            text.truncate(text.floor_char_boundary(EXAMPLE_LEN_MAX));
            loss.examples.push(text);
        }
    }

    /// Adds what another report counted.
    pub(crate) fn append(&mut self, other: LossReport) {
        for (kind, loss) in other.losses {
            let into = self.losses.entry(kind).or_default();
            into.count += loss.count;
            let room = self.examples_max.saturating_sub(into.examples.len());
            into.examples.extend(loss.examples.into_iter().take(room));
        }
    }

    /// The report without one kind of loss.
    pub(crate) fn without(mut self, kind: LossKind) -> Self {
        self.losses.remove(&kind);
        self
    }

    /// Refuses if something disappears and the caller did not agree.
    ///
    /// # Errors
    /// `FailedPrecondition` that says what would disappear.
    pub fn require(&self, allow_loss: bool) -> Result<()> {
        let gone: Vec<String> = self
            .iter()
            .filter(|(kind, _)| kind.is_disappearance())
            .map(|(kind, loss)| format!("{} {}", loss.count, kind.describe()))
            .collect();
        if allow_loss || gone.is_empty() {
            return Ok(());
        }
        let examples = self
            .iter()
            .filter(|(kind, _)| kind.is_disappearance())
            .flat_map(|(_, loss)| &loss.examples);
        let examples: Vec<&str> = examples.take(3).map(String::as_str).collect();
        let message = format!(
            "conversion would lose {} examples=`{}`",
            gone.join("; "),
            examples.join("`, `")
        );
        let hint = "allow the loss (--allow-loss), or convert to a format that holds all of it";
        Err(Error::new(ErrorKind::FailedPrecondition, message).with_hint(hint))
    }
}

impl fmt::Display for LossReport {
    /// A line for each kind, examples behind it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (kind, loss)) in self.iter().enumerate() {
            let newline = if i == 0 { "" } else { "\n" };
            write!(f, "{newline}{} {}", loss.count, kind.describe())?;
            if !loss.examples.is_empty() {
                let more = if loss.count > loss.examples.len() as u64 {
                    ", …"
                } else {
                    ""
                };
                write!(f, " ({}{more})", loss.examples.join(", "))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_are_counted_and_the_first_are_examples() {
        let mut report = LossReport::with_examples(2);
        assert!(report.is_empty() && report.require(false).is_ok());
        for i in 0..3 {
            report.add(LossKind::Embedded, || format!("grant {i}"));
        }
        assert_eq!(report.count(LossKind::Embedded), 3);
        assert!(report.require(false).is_ok(), "a detail stops nothing");
        let text = report.to_string();
        assert!(text.starts_with("3 records that lose details"), "{text}");
        assert!(text.ends_with("(grant 0, grant 1, …)"), "{text}");
    }

    #[test]
    fn what_disappears_needs_consent() {
        for kind in LossKind::ALL {
            let mut report = LossReport::default();
            report.add(kind, || "it".to_owned());
            assert_eq!(report.require(false).is_err(), kind.is_disappearance());
            assert!(report.require(true).is_ok());
        }
        let mut report = LossReport::default();
        report.add_many(LossKind::Sync, 4, || "a".repeat(1_000));
        let error = report.require(false).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::FailedPrecondition);
        assert!(error.to_string().contains("4 syncs left out"), "{error}");
        assert!(error.to_string().len() < 400);
    }
}
