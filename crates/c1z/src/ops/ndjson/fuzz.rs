//! Entry point for hostile text. It must return, and must not panic unless what was accepted does not
//! survive being written and read again.

use super::{Reader, Writer};
use crate::Result;

/// Reads `bytes` as a file.
///
/// # Panics
/// If a file that is accepted gives other items after it was written again.
pub fn file(bytes: &[u8]) {
    let Ok(first) = copy(bytes) else { return };
    match copy(&first) {
        Ok(second) => assert!(first == second, "a second copy differs from the first"),
        Err(error) => panic!("what was written is not read: {error}"),
    }
}

/// The file, written again.
fn copy(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    let mut writer = Writer::new(&mut out)?;
    let mut reader = Reader::new(bytes)?;
    while let Some(item) = reader.next()? {
        writer.put(&item)?;
    }
    writer.finish()?;
    Ok(out)
}
