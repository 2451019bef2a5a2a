//! Files of a tar payload that is cut or damaged.

use std::io::Read;
use std::sync::Arc;

use super::super::fault;
use super::super::source::{RangeReader, STEP_LEN, Source};
use super::super::tar::{TarInput, TarReader};
use super::frames;
use super::output::Folder;
use super::{Losses, Range};
use crate::Result;

/// Bytes copied at a time.
const COPY_LEN: usize = 64 << 10;
/// Where a compressed archive is decoded to.
const WHOLE: &str = "archive.tar";
/// Headers stand at multiples of this.
const BLOCK_LEN: u64 = 512;

/// Writes the members of the archive in `range` to `folder`.
pub(super) fn salvage_plain(
    source: &Arc<Source>,
    range: Range,
    folder: &mut Folder<'_>,
    losses: &mut Losses,
) -> Result<()> {
    let mut at = range.start;
    let mut lost: Option<u64> = None;
    while at + BLOCK_LEN <= range.end {
        let input = RangeReader::new(Arc::clone(source), at..range.end, STEP_LEN);
        let files = folder.files.len();
        let walked = members(input, folder)?;
        if folder.files.len() > files
            && let Some(from) = lost.take()
        {
            losses.bytes("a damaged part of the archive", from..at);
        }
        if walked.is_whole {
            return Ok(());
        }
        let stopped = at + walked.taken;
        lost.get_or_insert(stopped);
        // A damaged header hides where the next one is, but not what it looks like.
        at = (stopped - (stopped - at) % BLOCK_LEN).max(at + BLOCK_LEN);
    }
    losses.bytes("the end of the archive", lost.unwrap_or(at)..range.end);
    Ok(())
}

/// Writes the members of the archive in the frame that fills `range` to `folder`.
pub(super) fn salvage_compressed(
    source: &Arc<Source>,
    range: Range,
    window_max: u64,
    folder: &mut Folder<'_>,
    losses: &mut Losses,
) -> Result<()> {
    let Some(frame) = frames::walk(source, range.start..range.end)? else {
        losses.bytes(
            "the payload does not begin with a frame",
            range.start..range.end,
        );
        return Ok(());
    };
    let mut whole = folder.create(WHOLE)?;
    let decoded = frames::decode(source, &frame, window_max, &mut |bytes| whole.write(bytes))?;
    let path = folder.dir.join(WHOLE);
    drop(whole);
    let file = folder.fs.open(&path);
    let file = file.map_err(|e| crate::Error::io("open", &path, e))?;
    let archive = Arc::new(Source::new(file, &path));
    let inner = Range {
        start: 0,
        end: archive.len(),
    };
    salvage_plain(&archive, inner, folder, losses)?;
    if !decoded.is_whole {
        losses.bytes(
            "the frame does not decode to its end",
            range.start..range.end,
        );
    }
    let removed = folder.fs.remove_file(&path);
    removed.map_err(|e| crate::Error::io("remove a temporary file", &path, e))
}

/// How far a walk came.
struct Walked {
    /// Bytes of the archive that it took.
    taken: u64,
    is_whole: bool,
}

fn members(input: RangeReader, folder: &mut Folder<'_>) -> Result<Walked> {
    let counted = Counted {
        input,
        taken: 0,
        last: 0,
    };
    let mut reader = TarReader::new(counted, 0);
    let is_whole = loop {
        let member = match reader.next_file() {
            Ok(Some(member)) => member,
            Ok(None) => break true,
            Err(_) => break false,
        };
        let mut file = folder.create(&member.name)?;
        let mut buf = vec![0; COPY_LEN];
        while file.len < member.len {
            let want = usize::try_from(member.len - file.len).unwrap_or(COPY_LEN);
            let target = buf.get_mut(..want.min(COPY_LEN)).unwrap_or_default();
            if let Ok(n) = reader.read_data(target) {
                file.write(buf.get(..n).unwrap_or_default())?;
                continue;
            }
            // The archive is cut here: what came before the cut is kept.
            let input = reader.into_input();
            file.write(buf.get(..input.last).unwrap_or_default())?;
            folder.close(file, false);
            return Ok(Walked {
                taken: input.taken,
                is_whole: false,
            });
        }
        folder.close(file, true);
    };
    Ok(Walked {
        taken: reader.into_input().taken,
        is_whole,
    })
}

struct Counted {
    input: RangeReader,
    taken: u64,
    /// Bytes that came last.
    last: usize,
}

impl TarInput for Counted {
    fn fill(&mut self, buf: &mut [u8]) -> Result<usize> {
        let mut filled = 0;
        while let Some(rest) = buf.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.input.read(rest) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(e) => return Err(fault::from_io("read", "archive".as_ref(), e)),
            }
        }
        self.taken += filled as u64;
        self.last = filled;
        Ok(filled)
    }

    fn skip(&mut self, n: u64) -> Result<bool> {
        if n > self.input.left() {
            return Ok(false);
        }
        self.input.skip(n);
        self.taken += n;
        Ok(true)
    }
}
