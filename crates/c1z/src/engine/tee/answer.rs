//! Comparing two answers of one kind: one value, an optional one, several in order.

use super::projection::Allowed;
use super::report::Difference;
use super::row::Row;
use crate::Result;
use crate::engine::types::SyncStats;

/// How two values of a type are compared.
pub(super) type Compare<T> = fn(&T, &T, Allowed) -> Option<Difference>;

/// Two results: equal kinds of errors, or equal values.
pub(super) fn results<T>(
    left: &Result<T>,
    right: &Result<T>,
    allowed: Allowed,
    compare: Compare<T>,
) -> Option<Difference> {
    match (left, right) {
        (Ok(left), Ok(right)) => compare(left, right, allowed),
        (Err(left), Err(right)) if left.kind() == right.kind() => None,
        (left, right) => {
            let shown = |result: &Result<T>| match result {
                Ok(_) => "success".to_owned(),
                Err(error) => format!("{:?}: {error}", error.kind()),
            };
            let (left, right) = (shown(left), shown(right));
            Some(Difference::of("result", "", "", &left, &right))
        }
    }
}

/// Two values.
pub(super) fn one<T: Row>(left: &T, right: &T, allowed: Allowed) -> Option<Difference> {
    let (left, right) = (allowed.reduce(left), allowed.reduce(right));
    if left == right {
        return None;
    }
    let record = left.identity(allowed.identity);
    Some(Difference::between(
        T::SUBJECT,
        &record,
        &left.facts(),
        &right.facts(),
    ))
}

/// Counts of a sync; when they were recorded is not compared, since what is recounted has no such time.
pub(super) fn counts(left: &SyncStats, right: &SyncStats, allowed: Allowed) -> Option<Difference> {
    let timeless = |of: &SyncStats| SyncStats {
        written_at: None,
        ..of.clone()
    };
    one(&timeless(left), &timeless(right), allowed)
}

/// Two values that may be absent.
#[expect(
    clippy::ref_option,
    reason = "it is one of the comparisons of `Compare`"
)]
pub(super) fn maybe<T: Row>(
    left: &Option<T>,
    right: &Option<T>,
    allowed: Allowed,
) -> Option<Difference> {
    match (left, right) {
        (Some(left), Some(right)) => one(left, right, allowed),
        (None, None) => None,
        (left, right) => {
            let record = left.as_ref().or(right.as_ref());
            let record = record.map(|record| record.identity(allowed.identity));
            let record = record.unwrap_or_default();
            Some(Difference::presence(T::SUBJECT, &record, left.is_some()))
        }
    }
}

/// Two digests, each of which may not be built.
#[expect(
    clippy::ref_option,
    reason = "it is one of the comparisons of `Compare`"
)]
pub(super) fn digest<T: Row>(
    left: &Option<T>,
    right: &Option<T>,
    allowed: Allowed,
) -> Option<Difference> {
    if Allowed::digest(left.as_ref(), right.as_ref()) {
        return None;
    }
    maybe(left, right, allowed)
}

/// Several values in an order that the contract promises.
#[expect(clippy::ptr_arg, reason = "it is one of the comparisons of `Compare`")]
pub(super) fn in_order<T: Row>(
    left: &Vec<T>,
    right: &Vec<T>,
    allowed: Allowed,
) -> Option<Difference> {
    let pairs = left.iter().zip(right);
    for (left, right) in pairs {
        if let Some(difference) = one(left, right, allowed) {
            return Some(difference);
        }
    }
    let more = left.get(right.len()).or_else(|| right.get(left.len()))?;
    let record = more.identity(allowed.identity);
    Some(Difference::presence(
        T::SUBJECT,
        &record,
        left.len() > right.len(),
    ))
}
