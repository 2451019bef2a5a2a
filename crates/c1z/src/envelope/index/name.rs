//! Which names of payload files are safe: clean relative paths, `/` between folders.
//!
//! The reference accepts every path that stays inside its folder after cleaning (`a//b`, `./a`);
//! no writer makes such names, and two spellings of one path could hide a file behind another, so
//! only the clean spelling is accepted here.

use std::collections::HashSet;

use super::super::fault;
use crate::Result;

/// Longest name, bytes.
pub(crate) const NAME_LEN_MAX: usize = 4096;

/// The name, if `bytes` are one; `structure` and `offset` place the error.
pub(crate) fn check_name<'a>(structure: &str, offset: u64, bytes: &'a [u8]) -> Result<&'a str> {
    let corrupt =
        |expected: &str, found: &str| Err(fault::corrupt(structure, offset, expected, found));
    if bytes.is_empty() || bytes.len() > NAME_LEN_MAX {
        return corrupt(
            "a name of 1 to 4096 bytes",
            &format!("{} bytes", bytes.len()),
        );
    }
    let Ok(name) = std::str::from_utf8(bytes) else {
        return corrupt("a name in UTF-8", &bytes.escape_ascii().to_string());
    };
    let clean = |part: &str| !matches!(part, "" | "." | "..");
    let odd = |c: char| c == '\0' || c == '\\';
    if !name.split('/').all(clean) || name.contains(odd) {
        return corrupt("a clean relative path", &name.escape_debug().to_string());
    }
    Ok(name)
}

/// Refuses names of which one is a folder of another: no directory holds both.
pub(crate) fn check_names<'a>(
    structure: &str,
    offset: u64,
    names: impl Iterator<Item = &'a str> + Clone,
) -> Result<()> {
    let mut folders = HashSet::new();
    for name in names.clone() {
        folders.extend(name.match_indices('/').filter_map(|(at, _)| name.get(..at)));
    }
    for name in names {
        if folders.contains(name) {
            let found = format!("file {name} that is a folder too");
            return Err(fault::corrupt(
                structure,
                offset,
                "files apart from folders",
                found,
            ));
        }
    }
    Ok(())
}
