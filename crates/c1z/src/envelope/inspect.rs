//! What the frame index of a v3 file says, for tools.

use super::open::V3File;

/// One file of an indexed payload, as the index describes it (`c1z-envelope` §3.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameInfo {
    /// Name inside the payload.
    pub name: String,
    /// Offset of its first frame in the `.c1z` file.
    pub offset: u64,
    /// Bytes that its frames take.
    pub compressed_len: u64,
    /// Bytes that they decode to.
    pub raw_len: u64,
    /// XXH64 of the decoded bytes.
    pub raw_xxh64: u64,
    /// How many frames a seek table tells of; none without one.
    pub seekable_frames: Option<usize>,
}

impl V3File {
    /// The entries of the frame index in its order; empty in the other payload encodings.
    pub fn frames(&self) -> Vec<FrameInfo> {
        let entries = self.index.iter().flat_map(|(_, index)| &index.entries);
        let describe = |entry: &super::index::IndexEntry| FrameInfo {
            name: entry.name.clone(),
            offset: entry.frame_offset,
            compressed_len: entry.compressed_len,
            raw_len: entry.raw_len,
            raw_xxh64: entry.raw_xxh64,
            seekable_frames: entry.seek_table.as_ref().map(|table| table.frames.len()),
        };
        entries.map(describe).collect()
    }
}
