//! The memory that a command takes for itself: a part of the budget, whose other part the opened
//! file has.

use c1z::{MemoryBudget, Reservation};

use crate::args::Global;

/// Bytes by which a tally grows.
const STEP: u64 = 1 << 20;

/// How the memory of the command line is divided.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shares {
    /// Bytes for each opened file.
    pub(crate) file: u64,
    /// Bytes for tables of the command itself.
    pub(crate) command: u64,
}

impl Shares {
    /// A quarter for the command, the rest for the files.
    pub(crate) fn for_files(global: &Global, files: u64) -> Self {
        let all = global.limits.memory;
        Self {
            file: (all - all / 4) / files,
            command: all / 4,
        }
    }

    /// The command's own budget.
    pub(crate) fn own(self) -> MemoryBudget {
        MemoryBudget::new(self.command)
    }
}

/// Counts what a growing table takes and reserves it.
#[derive(Debug)]
pub(crate) struct Tally {
    budget: MemoryBudget,
    purpose: &'static str,
    reserved: Vec<Reservation>,
    used: u64,
}

impl Tally {
    pub(crate) fn new(budget: &MemoryBudget, purpose: &'static str) -> Self {
        Self {
            budget: budget.clone(),
            purpose,
            reserved: Vec::new(),
            used: 0,
        }
    }

    /// Counts more bytes.
    ///
    /// # Errors
    /// `ResourceExhausted` when the budget is used up.
    pub(crate) fn add(&mut self, bytes: usize) -> c1z::Result<()> {
        self.used += bytes as u64;
        while self.used > self.reserved.len() as u64 * STEP {
            let more = self.budget.reserve(STEP, self.purpose)?;
            self.reserved.push(more);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tally_ends_with_its_budget() {
        let budget = MemoryBudget::new(2 * STEP);
        let mut tally = Tally::new(&budget, "test");
        tally.add(1).unwrap();
        assert_eq!(budget.used(), STEP);
        tally.add(usize::try_from(2 * STEP - 1).unwrap()).unwrap();
        let error = tally.add(1).unwrap_err();
        assert_eq!(error.kind(), c1z::ErrorKind::ResourceExhausted);
        drop(tally);
        assert_eq!(budget.used(), 0);
    }
}
