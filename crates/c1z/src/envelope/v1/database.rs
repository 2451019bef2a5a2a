//! A decoded database in memory.

use std::fmt;
use std::io;

use shingle::vfs::ReadFile;

use super::super::source::copy_front;
use crate::Result;
use crate::budget::{MemoryBudget, Reservation};

/// Memory is taken in pieces of this, so that growing never copies.
const CHUNK_LEN: usize = 1 << 20;

/// The bytes of a database, decoded into memory that a budget accounts for; read like a file.
pub struct V1Database {
    budget: MemoryBudget,
    /// All full but the last.
    chunks: Vec<Vec<u8>>,
    shares: Vec<Reservation>,
    len: u64,
}

impl V1Database {
    pub(super) fn new(budget: MemoryBudget) -> Self {
        Self {
            budget,
            chunks: Vec::new(),
            shares: Vec::new(),
            len: 0,
        }
    }

    /// Adds bytes to the end.
    ///
    /// # Errors
    /// `ResourceExhausted` when the budget is used up.
    pub(super) fn append(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            let chunk = match self.chunks.pop() {
                Some(last) if last.len() < CHUNK_LEN => last,
                full => {
                    self.chunks.extend(full);
                    let share = self
                        .budget
                        .reserve(CHUNK_LEN as u64, "decoded v1 database")?;
                    self.shares.push(share);
                    Vec::with_capacity(CHUNK_LEN)
                }
            };
            let mut chunk = chunk;
            let (now, later) = bytes.split_at(bytes.len().min(CHUNK_LEN - chunk.len()));
            chunk.extend_from_slice(now);
            self.chunks.push(chunk);
            self.len += now.len() as u64;
            bytes = later;
        }
        Ok(())
    }
}

impl ReadFile for V1Database {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let Ok(offset) = usize::try_from(offset) else {
            return Ok(0);
        };
        let mut from = offset % CHUNK_LEN;
        let mut filled = 0;
        for chunk in self.chunks.iter().skip(offset / CHUNK_LEN) {
            let rest = buf.get_mut(filled..).unwrap_or_default();
            let n = copy_front(rest, chunk.get(from..).unwrap_or_default());
            if n == 0 {
                break;
            }
            filled += n;
            from = 0;
        }
        Ok(filled)
    }

    fn len(&self) -> u64 {
        self.len
    }
}

impl fmt::Debug for V1Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("V1Database")
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}
