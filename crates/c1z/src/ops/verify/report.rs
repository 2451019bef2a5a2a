//! The outcome of a check: findings by class, counted all, shown some.

use std::collections::BTreeMap;

use super::finding::{Class, Finding, Severity};

/// Findings of one class about one subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Their class.
    pub class: Class,
    /// What they are about.
    pub subject: &'static str,
    /// How many there are.
    pub count: u64,
    /// The first of them, at most [`super::VerifyOptions::examples_max`].
    pub examples: Vec<Finding>,
}

/// What a check went through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Files of the payload read to their end.
    pub files: u64,
    /// Decoded bytes of them.
    pub bytes: u64,
    /// Tables opened.
    pub tables: u64,
    /// Data blocks read.
    pub blocks: u64,
    /// Entries of tables, all versions.
    pub entries: u64,
    /// Rows of the database.
    pub rows: u64,
    /// Records decoded.
    pub records: u64,
    /// Index rows compared with what the records imply, digest nodes too.
    pub index_rows: u64,
    /// Pages of a SQLite database.
    pub pages: u64,
}

impl Checked {
    /// Adds what another part of the check went through.
    pub(crate) fn add(&mut self, other: &Self) {
        self.files += other.files;
        self.bytes += other.bytes;
        self.tables += other.tables;
        self.blocks += other.blocks;
        self.entries += other.entries;
        self.rows += other.rows;
        self.records += other.records;
        self.index_rows += other.index_rows;
        self.pages += other.pages;
    }
}

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The format of the file: `v1`, `v3`, `directory`, or empty when it was not recognised.
    pub format: &'static str,
    /// What was gone through.
    pub checked: Checked,
    groups: BTreeMap<(Class, &'static str), Group>,
    examples_max: usize,
}

impl Report {
    /// A report without findings that keeps `examples_max` examples a group.
    pub(crate) fn new(examples_max: usize) -> Self {
        Self {
            examples_max,
            ..Self::default()
        }
    }

    /// Whether there is neither damage nor inconsistency.
    pub fn is_clean(&self) -> bool {
        self.groups()
            .all(|group| group.class.severity() == Severity::Notice)
    }

    /// How many findings weigh `severity`.
    pub fn count(&self, severity: Severity) -> u64 {
        let weighing = self
            .groups()
            .filter(|group| group.class.severity() == severity);
        weighing.map(|group| group.count).sum()
    }

    /// The findings, worst first.
    pub fn groups(&self) -> impl Iterator<Item = &Group> {
        self.groups.values()
    }

    /// The findings of one class about one subject.
    pub fn group(&self, class: Class, subject: &str) -> Option<&Group> {
        self.groups()
            .find(|group| group.class == class && group.subject == subject)
    }

    /// Counts a finding and keeps it if there is room.
    pub(crate) fn add(&mut self, finding: Finding) {
        let max = self.examples_max;
        let group = self.group_mut(finding.class, finding.subject);
        group.count += 1;
        if group.examples.len() < max {
            group.examples.push(finding);
        }
    }

    /// Whether another example of this kind would be kept; saves making it.
    pub(crate) fn wants(&self, class: Class, subject: &'static str) -> bool {
        let group = self.groups.get(&(class, subject));
        group.is_none_or(|group| group.examples.len() < self.examples_max)
    }

    /// Counts findings that are not shown.
    pub(crate) fn count_more(&mut self, class: Class, subject: &'static str, more: u64) {
        self.group_mut(class, subject).count += more;
    }

    fn group_mut(&mut self, class: Class, subject: &'static str) -> &mut Group {
        self.groups
            .entry((class, subject))
            .or_insert_with(|| Group {
                class,
                subject,
                count: 0,
                examples: Vec::new(),
            })
    }

    /// Takes over what another part of the check found.
    pub(crate) fn merge(&mut self, other: Report) {
        self.checked.add(&other.checked);
        for (_, group) in other.groups {
            let shown = group.examples.len() as u64;
            for finding in group.examples {
                self.add(finding);
            }
            if group.count > shown {
                self.count_more(group.class, group.subject, group.count - shown);
            }
        }
    }
}
