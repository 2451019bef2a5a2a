//! The tuple codec: components of a key, escaped and joined so that byte order is tuple order.
//!
//! A component is any byte string. `00` separates components, so inside one it is written `01 01`, and
//! the escape byte `01` itself is written `01 02`; every other byte stands for itself. There is no
//! trailing separator and an empty component takes no bytes (`c1z3-keyspace` §2).
//!
//! Law: `T(a) < T(b)` bytewise exactly when `a < b` component by component over the *unescaped*
//! bytes, the shorter tuple first on a tie. Encoding appends to a caller's buffer, decoding borrows
//! wherever a component holds no escape. This module knows no family and no identity.

use std::borrow::Cow;

use crate::{Error, Result};

/// The byte between two components.
pub const SEPARATOR: u8 = 0x00;
/// The byte that opens an escape pair.
const ESCAPE: u8 = 0x01;
/// Second byte of the pair that stands for `00`.
const ESCAPED_SEPARATOR: u8 = 0x01;
/// Second byte of the pair that stands for `01`.
const ESCAPED_ESCAPE: u8 = 0x02;

/// A component of a decoded key: borrowed from the key unless an escape had to be undone.
pub type Part<'a> = Cow<'a, [u8]>;

/// Appends one escaped component to `out`. Costs one pass over `component`.
pub fn escape_into(out: &mut Vec<u8>, component: &[u8]) {
    let mut rest = component;
    while let Some(at) = rest.iter().position(|&byte| byte <= ESCAPE) {
        let (plain, tail) = rest.split_at(at);
        out.extend_from_slice(plain);
        let Some((&special, tail)) = tail.split_first() else {
            return;
        };
        out.push(ESCAPE);
        out.push(if special == SEPARATOR {
            ESCAPED_SEPARATOR
        } else {
            ESCAPED_ESCAPE
        });
        rest = tail;
    }
    out.extend_from_slice(rest);
}

/// Appends the components as a tuple to `out`.
pub fn encode_into<'a>(out: &mut Vec<u8>, components: impl IntoIterator<Item = &'a [u8]>) {
    for (i, component) in components.into_iter().enumerate() {
        if i > 0 {
            out.push(SEPARATOR);
        }
        escape_into(out, component);
    }
}

/// The component that `piece` stands for. `piece` is what stood between two separators; `offset` is
/// its place in the key, for the error.
///
/// # Errors
/// `01` followed by anything but `01` or `02`, or at the end; a bare `00`.
pub fn unescape(piece: &[u8], offset: usize) -> Result<Part<'_>> {
    let Some(first) = piece.iter().position(|&byte| byte <= ESCAPE) else {
        return Ok(Cow::Borrowed(piece));
    };
    let (plain, mut rest) = piece.split_at(first);
    let mut out = Vec::with_capacity(piece.len());
    out.extend_from_slice(plain);
    while let Some((&byte, tail)) = rest.split_first() {
        if byte > ESCAPE {
            out.push(byte);
            rest = tail;
            continue;
        }
        match (byte, tail.split_first()) {
            (ESCAPE, Some((&ESCAPED_SEPARATOR, tail))) => {
                out.push(SEPARATOR);
                rest = tail;
            }
            (ESCAPE, Some((&ESCAPED_ESCAPE, tail))) => {
                out.push(ESCAPE);
                rest = tail;
            }
            (_, next) => {
                let at = offset + piece.len() - rest.len();
                return Err(bad_escape(at, byte, next.map(|(&byte, _)| byte)));
            }
        }
    }
    Ok(Cow::Owned(out))
}

#[cold]
fn bad_escape(offset: usize, byte: u8, next: Option<u8>) -> Error {
    let found = match next {
        Some(next) => format!("{byte:02x}{next:02x}"),
        None => format!("{byte:02x} at the end"),
    };
    Error::data_loss(
        "key component",
        offset as u64,
        "escape pair 0101 or 0102",
        found,
    )
}

/// Iterates over the components of an encoded tuple. The empty input is one empty component, as the
/// encoding of one empty component is empty; a tuple has no way to hold none.
///
/// Stops after the first error.
#[derive(Clone, Debug)]
pub struct Components<'a> {
    rest: Option<&'a [u8]>,
    offset: usize,
}

impl<'a> Components<'a> {
    /// The components of `tuple`; `offset` is its place in the key, for errors.
    pub fn new(tuple: &'a [u8], offset: usize) -> Self {
        Self {
            rest: Some(tuple),
            offset,
        }
    }
}

impl<'a> Iterator for Components<'a> {
    type Item = Result<Part<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.rest.take()?;
        let (piece, tail) = split_piece(rest);
        let part = unescape(piece, self.offset);
        if part.is_ok() {
            self.rest = tail;
            self.offset += piece.len() + 1;
        }
        Some(part)
    }
}

/// The bytes before the first separator, and those after it if there is one.
pub(crate) fn split_piece(tuple: &[u8]) -> (&[u8], Option<&[u8]>) {
    match tuple.iter().position(|&byte| byte == SEPARATOR) {
        Some(at) => {
            let (piece, tail) = tuple.split_at(at);
            (piece, tail.get(1..))
        }
        None => (tuple, None),
    }
}

/// Exactly `N` components of `tuple`.
///
/// # Errors
/// More or fewer components, or a malformed escape. `structure` names the key in the error and
/// `offset` is where the tuple begins in it.
pub fn decode<'a, const N: usize>(
    structure: &'static str,
    tuple: &'a [u8],
    offset: usize,
) -> Result<[Part<'a>; N]> {
    let mut parts = [const { Cow::Borrowed(&[] as &[u8]) }; N];
    let mut components = Components::new(tuple, offset);
    for (found, slot) in parts.iter_mut().enumerate() {
        let Some(part) = components.next() else {
            return Err(wrong_count(structure, offset, N, found));
        };
        *slot = part?;
    }
    match components.count() {
        0 => Ok(parts),
        extra => Err(wrong_count(structure, offset, N, N + extra)),
    }
}

#[cold]
pub(crate) fn wrong_count(
    structure: &'static str,
    offset: usize,
    expected: usize,
    found: usize,
) -> Error {
    Error::data_loss(
        structure,
        offset as u64,
        format!("{expected} components"),
        format!("{found} components"),
    )
}
