//! Inputs that are promised to stay as they are, and the output that must not be one of them.

use std::path::{Path, absolute};

use crate::{Error, Result};

/// Refuses an output that is one of the inputs, whatever names lead to it.
///
/// # Errors
/// `InvalidArgument`.
pub(in crate::ops) fn check_apart<'p>(
    inputs: impl IntoIterator<Item = &'p Path>,
    output: &Path,
) -> Result<()> {
    for input in inputs {
        if is_same(input, output) {
            let error = Error::invalid("output is one of the inputs").in_file(input);
            return Err(error.with_hint("inputs are never changed; choose another output"));
        }
    }
    Ok(())
}

/// Whether two paths lead to one place: through links if both exist, else by their absolute forms.
pub(in crate::ops) fn is_same(one: &Path, other: &Path) -> bool {
    if one == other {
        return true;
    }
    match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        _ => matches!((absolute(one), absolute(other)), (Ok(one), Ok(other)) if one == other),
    }
}
