//! Which version of a record stays.

use shingle::bulk::SortedScan;

use crate::Result;
use crate::engine::types::Timestamp;
use crate::ops::observe::Meter;

/// The version that wins so far.
#[derive(Default)]
struct Best {
    key: Vec<u8>,
    value: Vec<u8>,
    at: Option<Timestamp>,
}

/// Gives the winner of each key to `emit`, in order of keys. Versions of one key come last put first, so that the
/// later one wins among equals.
pub(in crate::ops) fn winners(
    mut scan: SortedScan,
    meter: &mut Meter<'_>,
    time_of: impl Fn(&[u8], &[u8]) -> Result<Option<Timestamp>>,
    mut emit: impl FnMut(&[u8], &[u8]) -> Result<()>,
) -> Result<()> {
    let mut best: Option<Best> = None;
    let mut spare = Best::default();
    while let Some(row) = scan.next()? {
        meter.row()?;
        let at = time_of(row.key, row.value)?;
        let held = best.take();
        if row.is_newest {
            if let Some(held) = held {
                emit(&held.key, &held.value)?;
                spare = held;
            }
        } else if let Some(held) = held {
            if at <= held.at {
                best = Some(held);
                continue;
            }
            spare = held;
        }
        let mut new = std::mem::take(&mut spare);
        new.key.clear();
        new.key.extend_from_slice(row.key);
        new.value.clear();
        new.value.extend_from_slice(row.value);
        new.at = at;
        best = Some(new);
    }
    match best {
        Some(best) => emit(&best.key, &best.value),
        None => Ok(()),
    }
}
