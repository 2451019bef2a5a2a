//! Grants of older files, whose expansion stands in the message.

use std::borrow::Cow;

use c1z_proto::connector::v2;

use crate::Result;
use crate::engine::Profile;
use crate::record::{annotation, message};
use crate::v1_tables::GrantRow;

/// Name of the annotation that older files keep in the message.
const EXPANDABLE: &[u8] = b"c1.connector.v2.GrantExpandable";

/// A grant whose expansion stands where files of today have it.
pub(crate) struct Expanded<'a> {
    pub(crate) data: Cow<'a, [u8]>,
    pub(crate) expansion: Option<Cow<'a, [u8]>>,
    pub(crate) needs_expansion: bool,
}

impl<'a> Expanded<'a> {
    /// The expansion of a row, whose columns may be `backfilled` or not.
    pub(crate) fn of(row: &'a GrantRow<'_>, backfilled: bool) -> Result<Self> {
        // An interrupted back-fill leaves empty ones behind.
        let expansion = row.expansion.as_deref().filter(|bytes| !bytes.is_empty());
        let mut state = Self {
            data: Cow::Borrowed(&row.data),
            expansion: expansion.map(Cow::Borrowed),
            needs_expansion: row.needs_expansion,
        };
        if !backfilled && state.expansion.is_none() {
            state.lift()?;
        }
        Ok(state)
    }

    /// Takes the expansion out of the message, as the original implementation does when it opens an
    /// older file (`c1z1-sqlite` §3).
    fn lift(&mut self) -> Result<()> {
        let named = self
            .data
            .windows(EXPANDABLE.len())
            .any(|part| part == EXPANDABLE);
        if !named {
            return Ok(());
        }
        let mut grant: v2::Grant = message::decode("grant", &self.data)?;
        let lifted = annotation::lift(&grant.annotations, Profile::GoSqlite);
        let Some(expansion) = lifted.expansion else {
            return Ok(());
        };
        for at in lifted.removed.into_iter().rev() {
            grant.annotations.remove(at);
        }
        self.data = Cow::Owned(message::encode(&grant));
        self.expansion = Some(Cow::Owned(message::encode(&expansion)));
        self.needs_expansion = true;
        Ok(())
    }
}
