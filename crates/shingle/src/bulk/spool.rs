//! Bytes of unknown number, kept until it is known: in memory while they are few, then in a temporary
//! file.

use std::io::{self, Read};
use std::sync::Arc;

use super::scratch::{Scratch, TempFile};
use crate::vfs::{ReadFile, WriteFile};
use crate::{Error, Result};

/// Gathers bytes. Its file is removed when it goes.
#[derive(Debug)]
pub struct Spool {
    memory: Vec<u8>,
    /// The most bytes in memory, and where the others go; none: all are in memory.
    limit: Option<(usize, Scratch)>,
    file: Option<(TempFile, Box<dyn WriteFile>)>,
    len: u64,
}

impl Spool {
    /// A spool without bytes, which holds up to `memory_max` of them in memory.
    pub fn new(scratch: Scratch, memory_max: usize) -> Self {
        Self {
            limit: Some((memory_max, scratch)),
            ..Self::in_memory_only()
        }
    }

    /// A spool without bytes, which holds all of them in memory.
    pub fn in_memory_only() -> Self {
        Self {
            memory: Vec::new(),
            limit: None,
            file: None,
            len: 0,
        }
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// `Io` from the file.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.len += bytes.len() as u64;
        let fits = |max: usize| self.memory.len() + bytes.len() <= max;
        match &self.limit {
            Some((max, scratch)) if self.file.is_some() || !fits(*max) => {
                if self.file.is_none() {
                    self.file = Some(scratch.create()?);
                }
            }
            _ => {
                self.memory.extend_from_slice(bytes);
                return Ok(());
            }
        }
        let held = std::mem::take(&mut self.memory);
        if let Some((file, sink)) = &mut self.file {
            for part in [&held[..], bytes] {
                sink.write_all(part)
                    .map_err(|e| Error::io("write", file.path(), e))?;
            }
        }
        Ok(())
    }

    /// Bytes so far.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All bytes, if they are in memory.
    pub fn in_memory(&self) -> Option<&[u8]> {
        self.file.is_none().then_some(&self.memory[..])
    }

    /// Reads all bytes from the beginning.
    ///
    /// # Errors
    /// `Io` from opening the file.
    pub fn reader(&self) -> Result<impl Read> {
        let file = self.file.as_ref();
        Ok(SpoolReader {
            memory: self.memory.clone(),
            file: file.map(|(file, _)| file.open()).transpose()?,
            at: 0,
        })
    }
}

struct SpoolReader {
    memory: Vec<u8>,
    file: Option<Arc<dyn ReadFile>>,
    at: u64,
}

impl Read for SpoolReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = if let Some(file) = &self.file {
            file.read_at(self.at, buffer)?
        } else {
            let at = usize::try_from(self.at).unwrap_or(usize::MAX);
            let mut rest = self.memory.get(at..).unwrap_or_default();
            rest.read(buffer)?
        };
        self.at += len as u64;
        Ok(len)
    }
}
