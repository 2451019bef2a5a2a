//! Who owns which page.

use shingle::Result;

use super::super::pager::{Caching, PageNo};
use super::{Checker, FindingKind};

/// The page with this byte of the file is used for nothing.
const LOCK_BYTE: u64 = 1 << 30;

/// What a page is, as a pointer map says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Root,
    Free,
    FirstOverflow,
    NextOverflow,
    Node,
}

impl Role {
    fn code(self) -> u8 {
        match self {
            Self::Root => 1,
            Self::Free => 2,
            Self::FirstOverflow => 3,
            Self::NextOverflow => 4,
            Self::Node => 5,
        }
    }
}

impl Checker<'_> {
    /// Takes page `no` for `object`, which refers to it from page `from`; nothing if that cannot
    /// be.
    pub(super) fn claim(
        &mut self,
        object: &str,
        no: u32,
        from: PageNo,
        role: Role,
    ) -> Result<Option<PageNo>> {
        let count = self.pager.page_count();
        let found = PageNo(no);
        if no == 0 || no > count || self.is_lock_page(found) {
            let detail = format!("refers to page {no} of {count}");
            self.find(FindingKind::Malformed, object, Some(from), detail);
            return Ok(None);
        }
        if !self.pages.insert(found) {
            let detail = format!("refers to page {no}, which has an owner");
            self.find(FindingKind::Shared, object, Some(from), detail);
            return Ok(None);
        }
        self.check_pointer_map(object, found, from, role)?;
        Ok(Some(found))
    }

    fn is_lock_page(&self, no: PageNo) -> bool {
        let page_size = self.pager.header().page_size;
        no.offset(page_size) == LOCK_BYTE
    }

    fn has_pointer_maps(&self) -> bool {
        self.pager.header().largest_root != 0
    }

    /// The pointer-map page that covers `no`; `no` itself if it is one.
    fn pointer_map(&self, no: PageNo) -> PageNo {
        let group = u32::try_from(self.pager.usable() / 5 + 1).unwrap_or(u32::MAX);
        let map = PageNo(no.0.saturating_sub(2) / group * group + 2);
        if self.is_lock_page(map) {
            PageNo(map.0 + 1)
        } else {
            map
        }
    }

    /// Takes the pointer-map pages, which nothing refers to.
    pub(super) fn claim_pointer_maps(&mut self) {
        if !self.has_pointer_maps() {
            return;
        }
        let mut no = PageNo(2);
        while no.0 <= self.pager.page_count() {
            let map = self.pointer_map(no);
            self.pages.insert(map);
            let group = self.pager.usable() / 5 + 1;
            no = PageNo(no.0.saturating_add(u32::try_from(group).unwrap_or(u32::MAX)));
        }
    }

    fn check_pointer_map(
        &mut self,
        object: &str,
        no: PageNo,
        from: PageNo,
        role: Role,
    ) -> Result<()> {
        let map = self.pointer_map(no);
        if !self.has_pointer_maps() || no == PageNo::FIRST || map.0 > self.pager.page_count() {
            return Ok(());
        }
        let parent = match role {
            Role::Root | Role::Free => 0,
            Role::FirstOverflow | Role::NextOverflow | Role::Node => from.0,
        };
        let [a, b, c, d] = parent.to_be_bytes();
        let want = [role.code(), a, b, c, d];
        let page = self.pager.page(map, Caching::Keep)?;
        let at = 5 * (no.0 as usize).saturating_sub(map.0 as usize + 1);
        let found = page.get(at..at + want.len()).unwrap_or_default();
        if found != want {
            let detail = format!("{found:?} for page {no}, expected {want:?} ({object})");
            self.find(FindingKind::PointerMap, "pointer map", Some(map), detail);
        }
        Ok(())
    }

    /// Reports the pages that nobody took, neighbours together.
    pub(super) fn report_unused(&mut self) {
        let count = self.pager.page_count();
        let mut no = 1;
        while no <= count {
            if self.pages.contains(PageNo(no)) || self.is_lock_page(PageNo(no)) {
                no += 1;
                continue;
            }
            let first = no;
            while no <= count && !self.pages.contains(PageNo(no)) {
                no += 1;
            }
            let detail = format!("pages {first} to {} belong to nothing", no - 1);
            self.find(FindingKind::Unused, "file", Some(PageNo(first)), detail);
        }
    }
}
