//! Entry points for fuzzing: hostile bytes must give an error or a prefix, never a panic.

use std::path::Path;

use super::{Start, recover};
use crate::batch::{Batch, BatchReader};
use crate::key::SeqNo;
use crate::manifest::FileNumber;
use crate::vfs::MemFs;

/// Reads `bytes` as log 4.
pub fn log(bytes: &[u8]) {
    let fs = MemFs::new();
    if fs.install("000004.log", bytes).is_err() {
        return;
    }
    let start = Start {
        min_unflushed_log: FileNumber(0),
        last_seq: SeqNo(0),
        memory_max: 16 << 20,
    };
    drop(recover(&fs, Path::new(""), &["000004.log".into()], start));
}

/// Reads `bytes` as one batch.
///
/// # Panics
/// If a batch that was read is another one when written again.
pub fn batch(bytes: &[u8]) {
    let Ok(mut reader) = BatchReader::new(bytes) else {
        return;
    };
    let mut again = Batch::new();
    again.set_first_seq(reader.first_seq());
    loop {
        match reader.next_op() {
            Ok(Some((_, op))) => assert!(again.push_op(op).is_ok(), "operation that was read"),
            Ok(None) => break,
            Err(_) => return,
        }
    }
    // Lengths may have been written with more bytes than they need.
    assert!(again.as_bytes().len() <= bytes.len(), "batch round trip");
}
