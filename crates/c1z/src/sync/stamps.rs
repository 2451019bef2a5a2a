//! Instants for rows and runs: each later than the one before (`store-contract` §3.4, clock note).

use std::sync::{Arc, Mutex, PoisonError};

use crate::engine::types::Timestamp;

/// The stamps of one handle, also when the handle is several databases.
#[derive(Clone, Debug, Default)]
pub(crate) struct SharedStamps(Arc<Mutex<Stamps>>);

impl SharedStamps {
    /// The stamp of what happens `now`.
    pub(crate) fn next(&self, now: Timestamp) -> Timestamp {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .next(now)
    }
}

/// Hands out the stamps of one handle.
///
/// Wall clocks stand still and step back; a later call must nevertheless win over an earlier one, so a stamp is the
/// clock's time, or a nanosecond after the last stamp where the clock is not later. Rows that another handle stamped are
/// not looked at: they may lie in the future, and then win.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Stamps {
    last: Option<Timestamp>,
}

impl Stamps {
    /// The stamp of what happens `now`.
    pub(crate) fn next(&mut self, now: Timestamp) -> Timestamp {
        let stamp = match self.last {
            Some(last) if last >= now => last.next_nanosecond(),
            _ => now,
        };
        self.last = Some(stamp);
        stamp
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64, nanos: u32) -> Timestamp {
        Timestamp { seconds, nanos }
    }

    #[test]
    fn stamps_rise_whatever_the_clock_does() {
        let mut stamps = Stamps::default();
        let clock = [
            at(5, 999_999_998),
            at(5, 999_999_998),
            at(3, 0),
            at(3, 0),
            at(9, 1),
        ];
        let given = clock.map(|now| stamps.next(now));
        let expected = [
            at(5, 999_999_998),
            at(5, 999_999_999),
            at(6, 0),
            at(6, 1),
            at(9, 1),
        ];
        assert_eq!(given, expected);
    }
}
