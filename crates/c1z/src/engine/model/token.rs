//! Page tokens in plain words: who made it, for which sync, with which filter, and the key of the last row.
//!
//! The text form is base64 of the parts, each with its length in decimal and a colon before it.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::key::Key;
use crate::engine::types::SyncId;
use crate::{Error, ErrorKind, Result};

const MAKER: &str = "model page";

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    /// The list.
    pub(super) operation: String,
    /// The sync its first page was read from; empty for lists that read none.
    pub(super) sync: String,
    /// The filter.
    pub(super) filter: String,
    /// Key of the last row returned.
    pub(super) last: Key,
}

impl Token {
    /// The text form.
    pub(super) fn encode(&self) -> String {
        let mut text = String::new();
        let head = [MAKER, &self.operation, &self.sync, &self.filter];
        for part in head.into_iter().chain(self.last.iter().map(String::as_str)) {
            let _ = write!(text, "{}:{part}", part.len());
        }
        URL_SAFE_NO_PAD.encode(text)
    }

    /// Reads a text that `encode` made; anything else is refused.
    pub(super) fn decode(text: &str) -> Result<Self> {
        parse(text).ok_or_else(|| {
            Error::new(
                ErrorKind::InvalidPageToken,
                "page token not accepted: no list of this store made it",
            )
        })
    }

    /// The sync, where the list reads one.
    pub(super) fn sync_id(&self) -> SyncId {
        SyncId::from_stored(&self.sync)
    }
}

fn parse(text: &str) -> Option<Token> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let mut rest = std::str::from_utf8(&bytes).ok()?;
    let mut parts = Vec::new();
    while !rest.is_empty() {
        let (len, after) = rest.split_once(':')?;
        let digits = len.parse::<usize>().ok()?;
        let (part, after) = after.split_at_checked(digits)?;
        parts.push(part.to_owned());
        rest = after;
    }
    let mut parts = parts.into_iter();
    if parts.next()? != MAKER {
        return None;
    }
    Some(Token {
        operation: parts.next()?,
        sync: parts.next()?,
        filter: parts.next()?,
        last: parts.collect(),
    })
}
