//! Files of an indexed payload whose index is gone: frames from the front, told apart by what they
//! hold.
//!
//! A table ends with the magic number of its footer, and may come in several frames. A MANIFEST begins
//! with the name of the comparer, an OPTIONS file with a heading; logs and markers are empty. Names are
//! lost with the index, but frames stand in the order of names, so numbers in ascending order keep what
//! matters: which table is newer.

use std::sync::Arc;

use super::super::source::Source;
use super::frames::{self, Decoded};
use super::output::{Folder, OpenFile};
use super::{Losses, Range};
use crate::Result;

const TABLE_END: [u8; 8] = [0xf0, 0x9f, 0xaa, 0xb3, 0xf0, 0x9f, 0xaa, 0xb3];
const OPTIONS_START: &[u8] = b"[Version]";
const COMPARER: &[u8] = b"leveldb.BytewiseComparator";
/// Bytes of a file's front that tell what it is.
const FRONT_LEN: usize = 128;

/// Writes every file that can be told in `range` to `folder`.
pub(super) fn salvage(
    source: &Arc<Source>,
    range: Range,
    window_max: u64,
    folder: &mut Folder<'_>,
    losses: &mut Losses,
) -> Result<()> {
    let mut parts = Parts {
        folder,
        part: None,
        number: 0,
    };
    let mut at = range.start;
    while at < range.end {
        let Some(frame) = frames::walk(source, at..range.end)? else {
            match frames::next_magic(source, at + 1..range.end)? {
                Some(next) => {
                    losses.bytes("bytes between frames", at..next);
                    parts.end(false);
                    at = next;
                    continue;
                }
                // The index, or what is left of it.
                None => break,
            }
        };
        let decoded = parts.frame(source, &frame, window_max)?;
        if !decoded.is_whole {
            let end = frame.end.unwrap_or(range.end);
            losses.bytes("a frame that does not decode to its end", at..end);
        }
        // The search above finds the next frame where this one does not say its end.
        at = frame.end.unwrap_or(at + 1);
    }
    parts.end(false);
    Ok(())
}

struct Parts<'a, 'f> {
    folder: &'a mut Folder<'f>,
    part: Option<Part>,
    /// Number of the last table.
    number: u64,
}

/// A file under way, of a kind that is not known yet.
struct Part {
    file: OpenFile,
    front: Vec<u8>,
    last: Vec<u8>,
}

impl Part {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        if self.front.len() < FRONT_LEN {
            let missing = FRONT_LEN - self.front.len();
            let front = bytes.get(..missing.min(bytes.len())).unwrap_or_default();
            self.front.extend_from_slice(front);
        }
        self.last.extend_from_slice(bytes);
        let extra = self.last.len().saturating_sub(TABLE_END.len());
        self.last.drain(..extra);
        self.file.write(bytes)
    }

    /// Whether the file is known to end here.
    fn has_ended(&self) -> bool {
        self.last == TABLE_END || self.is_other()
    }

    /// Whether it is no table.
    fn is_other(&self) -> bool {
        let front = self.front.as_slice();
        front.starts_with(OPTIONS_START)
            || front.windows(COMPARER.len()).any(|bytes| bytes == COMPARER)
            || self.file.len == 0
    }
}

impl Parts<'_, '_> {
    fn frame(
        &mut self,
        source: &Arc<Source>,
        frame: &frames::WalkedFrame,
        window_max: u64,
    ) -> Result<Decoded> {
        let mut part = if let Some(part) = self.part.take() {
            part
        } else {
            self.number += 1;
            Part {
                file: self.folder.create(&format!("{:06}.sst", self.number))?,
                front: Vec::new(),
                last: Vec::new(),
            }
        };
        let decoded = frames::decode(source, frame, window_max, &mut |bytes| part.write(bytes))?;
        let ended = !decoded.is_whole || part.has_ended();
        self.part = Some(part);
        if ended {
            self.end(decoded.is_whole);
        }
        Ok(decoded)
    }

    fn end(&mut self, is_whole: bool) {
        // What is no table says nothing without names.
        if let Some(part) = self.part.take().filter(|part| !part.is_other()) {
            self.folder.close(part.file, is_whole);
        }
    }
}
