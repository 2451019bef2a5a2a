//! The loop that feeds damaged bytes to a decoder and reports what a decoder must not do: panic (also
//! because a promise that its entry point asserts is broken) and take memory without bound.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use shingle::vfs::{Clock, OsClock};

use crate::chance::Chance;

#[cfg(test)]
mod tests;

/// Rounds over one input before the next one is drawn, and between two looks at the memory.
const ROUNDS_EACH: u64 = 200;
/// Address space that decoders may take over what the process had before, bytes.
const MEMORY_MAX: u64 = 1 << 30;

/// When a target had enough.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// How long.
    pub time: Duration,
    /// How many inputs.
    pub rounds: u64,
}

/// What a decoder did and must not do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Offence {
    /// It panicked, with these words.
    Panic(String),
    /// It took so many bytes of address space.
    Memory(u64),
}

/// The first offence of a decoder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// What happened.
    pub offence: Offence,
    /// In which round, of those that the seed makes; for memory, the last of a batch.
    pub round: u64,
    /// Which input was damaged.
    pub input: usize,
    /// The damaged bytes; for memory, those of the last round of the batch.
    pub bytes: Vec<u8>,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.offence {
            Offence::Panic(words) => write!(f, "panic `{words}`")?,
            Offence::Memory(bytes) => write!(f, "{bytes} bytes of memory")?,
        }
        let (round, len) = (self.round, self.bytes.len());
        write!(
            f,
            " in round {round}, damaged input {} of {len} bytes",
            self.input
        )
    }
}

/// Feeds damaged copies of `inputs` inputs, which `read` reads, to `target`; returns the number of
/// rounds.
///
/// # Errors
/// The first offence.
pub fn fuzz(
    target: &dyn Fn(&[u8]),
    inputs: usize,
    read: &dyn Fn(usize) -> Vec<u8>,
    seed: u64,
    limit: Limit,
) -> Result<u64, Found> {
    let mut chance = Chance::seeded(seed);
    let (start, memory) = (OsClock.monotonic(), address_space());
    let mut rounds = 0;
    while rounds < limit.rounds && OsClock.monotonic().saturating_sub(start) < limit.time {
        let input = chance.below(inputs);
        let whole = read(input);
        let mut bytes = Vec::new();
        for _ in 0..ROUNDS_EACH {
            bytes = damage(&whole, &mut chance);
            rounds += 1;
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| target(&bytes))) {
                let text = panic.downcast_ref::<String>().cloned();
                let text = text.or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned()));
                return Err(Found {
                    offence: Offence::Panic(text.unwrap_or_default()),
                    round: rounds,
                    input,
                    bytes,
                });
            }
        }
        let taken = address_space().zip(memory);
        let taken = taken.map_or(0, |(now, before)| now.saturating_sub(before));
        if taken > MEMORY_MAX {
            return Err(Found {
                offence: Offence::Memory(taken),
                round: rounds,
                input,
                bytes,
            });
        }
    }
    Ok(rounds)
}

/// A piece of the input, or all of it, with some bytes changed.
fn damage(whole: &[u8], chance: &mut Chance) -> Vec<u8> {
    let from = if chance.below(3) == 0 {
        chance.below(whole.len())
    } else {
        0
    };
    let len = if chance.below(3) == 0 {
        chance.below(4_096)
    } else {
        usize::MAX
    };
    let mut input: Vec<u8> = whole.iter().skip(from).take(len).copied().collect();
    for _ in 0..chance.below(8) {
        let at = chance.below(input.len());
        let value = chance.number();
        if let Some(byte) = input.get_mut(at) {
            let [kind, bit, other, ..] = value.to_le_bytes();
            *byte = match kind % 4 {
                0 => 0xff,
                1 => 0,
                2 => *byte ^ (1 << (bit & 7)),
                _ => other,
            };
        }
    }
    input
}

/// The most address space that the process has had so far, bytes; what is taken and not touched
/// counts. None where the kernel does not say.
#[expect(
    clippy::disallowed_methods,
    reason = "reads the kernel's count of this process's memory"
)]
fn address_space() -> Option<u64> {
    let status = std::fs::read("/proc/self/status").ok()?;
    let text = String::from_utf8(status).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmPeak:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}
