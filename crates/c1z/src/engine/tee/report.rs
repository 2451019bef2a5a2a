//! What a tee says when its engines differ.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

/// Most bytes of a text in a report.
const TEXT_MAX: usize = 160;

/// The fields of a record, by path, as texts.
pub(super) type Facts = BTreeMap<String, String>;

/// The smallest difference: one field of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What is compared: a kind of record, a result.
    pub subject: String,
    /// Which one, by identity.
    pub record: String,
    /// The first field that differs; empty: the record as a whole.
    pub field: String,
    /// What the first engine or file has.
    pub left: String,
    /// What the second has.
    pub right: String,
}

impl Difference {
    /// What only one has.
    pub(super) fn presence(subject: &str, record: &str, in_left: bool) -> Self {
        let (left, right) = if in_left {
            ("present", "absent")
        } else {
            ("absent", "present")
        };
        Self::of(subject, record, "", left, right)
    }

    pub(super) fn of(subject: &str, record: &str, field: &str, left: &str, right: &str) -> Self {
        Self {
            subject: subject.to_owned(),
            record: brief(&format_args!("{record}")),
            field: field.to_owned(),
            left: brief(&format_args!("{left}")),
            right: brief(&format_args!("{right}")),
        }
    }

    /// The first field of a record that differs.
    pub(super) fn between(subject: &str, record: &str, left: &Facts, right: &Facts) -> Self {
        const ABSENT: &str = "absent";
        let fields = left
            .keys()
            .chain(right.keys().filter(|field| !left.contains_key(*field)));
        let value = |of: &Facts, field: &String| of.get(field).cloned();
        for field in fields {
            let (in_left, in_right) = (value(left, field), value(right, field));
            if in_left != in_right {
                let shown = |value: Option<String>| value.unwrap_or_else(|| ABSENT.to_owned());
                return Self::of(subject, record, field, &shown(in_left), &shown(in_right));
            }
        }
        Self::of(
            subject,
            record,
            "(unknown fields)",
            "other bytes",
            "other bytes",
        )
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.subject)?;
        if !self.record.is_empty() {
            write!(f, " {:?}", self.record)?;
        }
        if !self.field.is_empty() {
            write!(f, " field {}", self.field)?;
        }
        write!(f, ": {} | {}", self.left, self.right)
    }
}

/// A difference and where it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Number of the call, from 0, in this tee.
    pub operation: u64,
    /// Name of the call, as in the traits.
    pub call: String,
    /// Its arguments, shortened.
    pub arguments: String,
    /// What differs; left is the primary.
    pub difference: Difference,
    /// Where the call came from and which one it was, as a line of JSON.
    pub replay: String,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "operation {} {}({}): {} [replay: {}]",
            self.operation, self.call, self.arguments, self.difference, self.replay
        )
    }
}

/// A call under way: its name, and its arguments, which are put into words only when needed.
pub(super) struct Call<'a> {
    pub(super) name: &'static str,
    pub(super) arguments: &'a [&'a dyn fmt::Debug],
}

impl Call<'_> {
    pub(super) fn owned(&self) -> OwnedCall {
        let arguments: Vec<String> = self
            .arguments
            .iter()
            .map(|argument| brief(&format_args!("{argument:?}")))
            .collect();
        OwnedCall {
            name: self.name,
            arguments: arguments.join(", "),
        }
    }
}

/// A call in words.
#[derive(Clone, Debug)]
pub(super) struct OwnedCall {
    pub(super) name: &'static str,
    pub(super) arguments: String,
}

/// The beginning of a text; what is cut off is not even made.
pub(super) fn brief(text: &dyn fmt::Display) -> String {
    struct Limited(String);
    impl fmt::Write for Limited {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            for letter in text.chars() {
                if self.0.len() >= TEXT_MAX {
                    return Err(fmt::Error);
                }
                self.0.push(letter);
            }
            Ok(())
        }
    }
    let mut limited = Limited(String::new());
    let Limited(mut shown) = match write!(limited, "{text}") {
        Ok(()) => return limited.0,
        Err(fmt::Error) => limited,
    };
    shown.push('…');
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(of: &[(&str, &str)]) -> Facts {
        of.iter()
            .map(|(field, value)| ((*field).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn the_first_field_that_differs_is_named() {
        let left = facts(&[("a", "1"), ("b", "2"), ("c", "3")]);
        let right = facts(&[("a", "1"), ("b", "two"), ("d", "4")]);
        let found = Difference::between("grant", "g", &left, &right);
        assert_eq!(found.to_string(), "grant \"g\" field b: 2 | two");
        let found = Difference::between("grant", "g", &facts(&[]), &facts(&[("d", "4")]));
        assert_eq!(found.to_string(), "grant \"g\" field d: absent | 4");
        let found = Difference::between("grant", "g", &left, &left);
        assert_eq!(found.field, "(unknown fields)");
    }

    #[test]
    fn long_texts_are_cut_between_letters() {
        let long = "é".repeat(1_000);
        let shown = brief(&format_args!("{long}"));
        assert_eq!(shown, format!("{}…", "é".repeat(TEXT_MAX / 2)));
        assert_eq!(brief(&format_args!("short")), "short");
    }
}
