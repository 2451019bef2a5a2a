//! Overflow chains and the freelist.
//!
//! A trunk page of the freelist is a u32 with the next trunk, 0 on the last, a u32 with a number of
//! free pages, and their numbers.

use shingle::Result;

use super::super::node::read_u32;
use super::super::pager::{Caching, PageNo};
use super::super::payload::PayloadRef;
use super::{Checker, FindingKind, Role};

const FREELIST: &str = "freelist";

impl Checker<'_> {
    /// Follows the overflow chain of a payload on page `owner`.
    pub(super) fn walk_overflow(
        &mut self,
        object: &str,
        owner: PageNo,
        payload: &PayloadRef,
    ) -> Result<()> {
        let capacity = self.pager.usable() - 4;
        let mut left = (payload.total as usize).saturating_sub(payload.local);
        let mut next = payload.overflow.unwrap_or_default();
        let (mut from, mut role) = (owner, Role::FirstOverflow);
        while left > 0 {
            let Some(no) = self.claim(object, next, from, role)? else {
                return Ok(());
            };
            let page = self.pager.page(no, Caching::Pass)?;
            next = read_u32(&page, 0).unwrap_or_default();
            left = left.saturating_sub(capacity);
            (from, role) = (no, Role::NextOverflow);
        }
        if payload.overflow.is_some() && next != 0 {
            let detail = format!("an overflow chain goes on to page {next} after its payload");
            self.find(FindingKind::Malformed, object, Some(from), detail);
        }
        Ok(())
    }

    /// Follows the freelist and counts its pages.
    pub(super) fn walk_freelist(&mut self) -> Result<()> {
        let header = self.pager.header();
        let (want, mut trunk) = (header.freelist_count, header.freelist_head);
        let mut from = PageNo::FIRST;
        let mut count = 0_u32;
        while trunk != 0 {
            let Some(no) = self.claim(FREELIST, trunk, from, Role::Free)? else {
                break;
            };
            count += 1;
            let page = self.pager.page(no, Caching::Pass)?;
            count += self.claim_leaves(no, &page)?;
            trunk = read_u32(&page, 0).unwrap_or_default();
            from = no;
        }
        self.report.free_pages = count;
        if count != want {
            let detail = format!("{count} pages, but {want} in the header");
            self.find(FindingKind::Freelist, FREELIST, None, detail);
        }
        Ok(())
    }

    fn claim_leaves(&mut self, trunk: PageNo, page: &[u8]) -> Result<u32> {
        let leaves = read_u32(page, 4).unwrap_or_default() as usize;
        let limit = self.pager.usable() / 4 - 2;
        if leaves > limit {
            let detail = format!("{leaves} pages on a trunk page with room for {limit}");
            self.find(FindingKind::Freelist, FREELIST, Some(trunk), detail);
            return Ok(0);
        }
        let mut claimed = 0;
        for i in 0..leaves {
            let no = read_u32(page, 8 + 4 * i).unwrap_or_default();
            claimed += u32::from(self.claim(FREELIST, no, trunk, Role::Free)?.is_some());
        }
        Ok(claimed)
    }
}
