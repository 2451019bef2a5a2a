//! Pages of lists: the two engines' tokens side by side, and rows that come in different order.
//!
//! The tee gives out the primary's tokens and remembers which token of the shadow goes with each, and which rows the one
//! has shown and the other has not yet. When the list ends both have shown all, or one is wrong. A list that was written to
//! between two pages shows what it likes of the new rows (`store-contract` §1.0), so its rows are not compared.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;

use super::projection::Allowed;
use super::report::{Difference, Facts};
use super::row::Row;
use crate::engine::Page;

/// Tokens that are remembered.
const TOKENS_MAX: usize = 4_096;

/// Rows that one side has shown and the other has not.
#[derive(Clone, Debug, Default)]
pub(super) struct Unmatched {
    rows: BTreeMap<Vec<u8>, (i64, Shown)>,
}

/// A row that was shown: what it is, and how to tell more.
#[derive(Clone)]
struct Shown {
    subject: &'static str,
    identity: String,
    facts: Arc<dyn Fn() -> Facts + Send + Sync>,
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.identity)
    }
}

impl Unmatched {
    /// Both show the next row, each its own.
    pub(super) fn both<T: Row>(&mut self, left: &T, right: &T, allowed: Allowed) {
        let (left, right) = (allowed.reduce(left), allowed.reduce(right));
        if left != right {
            self.reduced(left, 1, allowed);
            self.reduced(right, -1, allowed);
        }
    }

    /// One side shows a row: 1, the left, or -1, the right.
    pub(super) fn single<T: Row>(&mut self, row: &T, side: i64, allowed: Allowed) {
        self.reduced(allowed.reduce(row), side, allowed);
    }

    fn reduced<T: Row>(&mut self, row: T, side: i64, allowed: Allowed) {
        let content = row.content();
        if let Some((count, _)) = self.rows.get_mut(&content) {
            *count += side;
            if *count == 0 {
                self.rows.remove(&content);
            }
            return;
        }
        let shown = Shown {
            subject: T::SUBJECT,
            identity: row.identity(allowed.identity),
            facts: Arc::new(move || row.facts()),
        };
        self.rows.insert(content, (side, shown));
    }

    /// The difference there is when both have shown all.
    pub(super) fn difference(&self) -> Option<Difference> {
        let (left, right): (Vec<_>, Vec<_>) = self.rows.values().partition(|(count, _)| *count > 0);
        for (_, shown) in &left {
            let twin = right
                .iter()
                .find(|(_, other)| other.identity == shown.identity);
            if let Some((_, twin)) = twin {
                let (left, right) = ((shown.facts)(), (twin.facts)());
                return Some(Difference::between(
                    shown.subject,
                    &shown.identity,
                    &left,
                    &right,
                ));
            }
        }
        let (count, shown) = left.first().or_else(|| right.first())?;
        Some(Difference::presence(
            shown.subject,
            &shown.identity,
            *count > 0,
        ))
    }
}

/// A list being read.
#[derive(Clone, Debug)]
pub(super) struct Listing {
    /// The shadow's token of the next page.
    pub(super) token: String,
    /// The state of the tee when the list began.
    pub(super) generation: u64,
    unmatched: Unmatched,
}

impl Listing {
    pub(super) fn at(token: String, generation: u64) -> Self {
        Self {
            token,
            generation,
            unmatched: Unmatched::default(),
        }
    }

    /// Two pages of the same number, of lists that nobody has written to.
    pub(super) fn pages<T: Row>(
        &mut self,
        left: &Page<T>,
        right: &Page<T>,
        is_ordered: bool,
        allowed: Allowed,
    ) -> Option<Difference> {
        for (left, right) in left.rows.iter().zip(&right.rows) {
            if is_ordered {
                let difference = super::answer::one(left, right, allowed);
                if difference.is_some() {
                    return difference;
                }
            } else {
                self.unmatched.both(left, right, allowed);
            }
        }
        let (in_left, in_right) = (left.rows.len(), right.rows.len());
        for row in left.rows.iter().skip(in_right) {
            self.unmatched.single(row, 1, allowed);
        }
        for row in right.rows.iter().skip(in_left) {
            self.unmatched.single(row, -1, allowed);
        }
        let (more_left, more_right) = (!left.next_token.is_empty(), !right.next_token.is_empty());
        let ended = !more_left && !more_right;
        let differ = in_left != in_right || more_left != more_right;
        if (ended || differ)
            && let Some(difference) = self.unmatched.difference()
        {
            return Some(difference);
        }
        let shown =
            |rows: usize, more| format!("{rows} rows, {}", if more { "more" } else { "last" });
        differ.then(|| {
            let (left, right) = (shown(in_left, more_left), shown(in_right, more_right));
            Difference::of("page", "", "", &left, &right)
        })
    }
}

/// Lists under way, by the primary's token of their next page.
#[derive(Debug, Default)]
pub(super) struct Listings {
    by_token: BTreeMap<String, Listing>,
    order: VecDeque<String>,
}

impl Listings {
    pub(super) fn get(&self, token: &str) -> Option<Listing> {
        self.by_token.get(token).cloned()
    }

    /// Remembers what goes with a token; the oldest is forgotten.
    pub(super) fn put(&mut self, token: &str, listing: Listing) {
        if self.by_token.insert(token.to_owned(), listing).is_none() {
            self.order.push_back(token.to_owned());
        }
        if self.order.len() > TOKENS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.by_token.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(rows: &[&str], next: &str) -> Page<String> {
        Page {
            rows: rows.iter().map(|row| (*row).to_owned()).collect(),
            next_token: next.to_owned(),
        }
    }

    #[test]
    fn order_is_no_difference_and_a_lost_row_is() {
        let allowed = Allowed::default();
        let mut listing = Listing::at(String::new(), 0);
        let first = listing.pages(
            &page(&["a", "b"], "1"),
            &page(&["c", "b"], "x"),
            false,
            allowed,
        );
        assert_eq!(first, None);
        let mut lost = listing.clone();
        let last = listing.pages(&page(&["c"], ""), &page(&["a"], ""), false, allowed);
        assert_eq!(last, None);
        let last = lost.pages(&page(&["c"], ""), &page(&[], ""), false, allowed);
        assert_eq!(last.unwrap().to_string(), "text: present | absent");
        let ordered = Listing::at(String::new(), 0).pages(
            &page(&["a", "b"], ""),
            &page(&["b", "a"], ""),
            true,
            allowed,
        );
        assert_eq!(ordered.unwrap().to_string(), "text: \"a\" | \"b\"");
        let more = Listing::at(String::new(), 0).pages(
            &page(&["a"], "1"),
            &page(&["a"], ""),
            false,
            allowed,
        );
        assert_eq!(
            more.unwrap().to_string(),
            "page: 1 rows, more | 1 rows, last"
        );
    }

    #[test]
    fn the_oldest_tokens_are_forgotten() {
        let mut listings = Listings::default();
        for token in 0..=TOKENS_MAX {
            listings.put(&token.to_string(), Listing::at(String::new(), 0));
        }
        assert!(listings.get("0").is_none());
        assert!(listings.get("1").is_some());
        assert_eq!(listings.by_token.len(), TOKENS_MAX);
    }
}
