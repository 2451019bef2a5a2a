//! Memory as a number that is agreed on beforehand.
//!
//! One [`MemoryBudget`] is shared by everything that holds much memory: buffers, caches, frames,
//! merges, compressors. Who needs memory reserves it and gives it back by dropping the
//! [`Reservation`]; who gets none returns `ResourceExhausted` or makes do with less. The budget counts
//! promises, not allocations: small and fixed costs are not reserved.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::{Error, ErrorKind, Result};

/// A shared number of bytes. Clones share it.
#[derive(Clone, Debug)]
pub struct MemoryBudget(Arc<Totals>);

#[derive(Debug)]
struct Totals {
    limit: u64,
    used: AtomicU64,
    peak: AtomicU64,
}

impl MemoryBudget {
    /// The budget of a program that is not told otherwise: 256 MiB.
    pub const DEFAULT_BYTES: u64 = 256 << 20;

    /// A budget of `bytes`.
    pub fn new(bytes: u64) -> Self {
        Self(Arc::new(Totals {
            limit: bytes,
            used: AtomicU64::new(0),
            peak: AtomicU64::new(0),
        }))
    }

    /// Reserves `bytes` for `purpose`, which the error names.
    ///
    /// # Errors
    /// `ResourceExhausted` when less is left; nothing is reserved then.
    pub fn reserve(&self, bytes: u64, purpose: &str) -> Result<Reservation> {
        let add = |used: u64| used.checked_add(bytes).filter(|sum| *sum <= self.0.limit);
        // The numbers guard no memory themselves; they only have to add up.
        match self
            .0
            .used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, add)
        {
            Ok(before) => {
                self.0.peak.fetch_max(before + bytes, Ordering::Relaxed);
                Ok(Reservation {
                    budget: self.clone(),
                    bytes,
                })
            }
            Err(used) => {
                let limit = self.0.limit;
                let message = format!(
                    "memory budget is used up purpose=`{purpose}` wanted=`{bytes}` used=`{used}` limit=`{limit}`"
                );
                Err(Error::new(ErrorKind::ResourceExhausted, message)
                    .with_hint("raise the memory budget, or do less at a time"))
            }
        }
    }

    /// A number of sixteenths of it, bytes: what jobs divide the budget into.
    pub(crate) fn share(&self, sixteenths: u64) -> usize {
        let bytes = self.limit() / 16 * sixteenths;
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }

    /// The size of the budget, bytes.
    pub fn limit(&self) -> u64 {
        self.0.limit
    }

    /// Bytes reserved now.
    pub fn used(&self) -> u64 {
        self.0.used.load(Ordering::Relaxed)
    }

    /// Most bytes that were reserved at one time.
    pub fn peak(&self) -> u64 {
        self.0.peak.load(Ordering::Relaxed)
    }
}

impl Default for MemoryBudget {
    fn default() -> Self {
        Self::new(Self::DEFAULT_BYTES)
    }
}

/// Bytes of a budget, given back when dropped.
#[derive(Debug)]
pub struct Reservation {
    budget: MemoryBudget,
    bytes: u64,
}

impl Reservation {
    /// Bytes reserved.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.budget.0.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reservations_add_up_and_come_back() {
        let budget = MemoryBudget::new(100);
        let first = budget.reserve(60, "a").unwrap();
        let error = budget.reserve(41, "b").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ResourceExhausted);
        assert!(error.to_string().contains("purpose=`b`"));
        let second = budget.reserve(40, "b").unwrap();
        assert_eq!((budget.used(), budget.peak()), (100, 100));
        drop(first);
        assert_eq!((budget.used(), second.bytes()), (40, 40));
        assert!(budget.reserve(u64::MAX, "c").is_err());
        drop(second);
        assert_eq!((budget.used(), budget.peak()), (0, 100));
    }
}
