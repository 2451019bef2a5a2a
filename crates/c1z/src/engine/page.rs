//! Paging of list operations (`store-contract` §1.0).

use crate::{Error, Result};

/// Default and largest number of rows on a page.
pub const PAGE_SIZE_MAX: u32 = 10_000;

/// Which page of a list to return.
///
/// A token is opaque and exclusive: it names the last row already returned. It stays valid when that row is deleted,
/// and across closing, reopening and saving the store; it is bound to the operation, the sync and the filter that
/// produced it, and anything else answers [`crate::ErrorKind::InvalidPageToken`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageRequest {
    /// Rows wanted; 0 or more than [`PAGE_SIZE_MAX`] means [`PAGE_SIZE_MAX`].
    pub size: u32,
    /// The previous page's [`Page::next_token`]; empty for the first page.
    pub token: String,
}

impl PageRequest {
    /// The first page with the given number of rows.
    pub fn first(size: u32) -> Self {
        Self {
            size,
            token: String::new(),
        }
    }

    /// The page that follows `page`, with the same number of rows; none if it was the last.
    pub fn after<T>(size: u32, page: &Page<T>) -> Option<Self> {
        (!page.next_token.is_empty()).then(|| Self {
            size,
            token: page.next_token.clone(),
        })
    }

    /// Number of rows to return, with the default and the cap applied.
    pub fn rows(&self) -> usize {
        let rows = if self.size == 0 {
            PAGE_SIZE_MAX
        } else {
            self.size.min(PAGE_SIZE_MAX)
        };
        rows as usize
    }
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    /// The rows. Only the last page may be short.
    pub rows: Vec<T>,
    /// Token of the next page; empty iff no further row passes the filter.
    pub next_token: String,
}

impl<T> Page<T> {
    /// A page with nothing on it and nothing after it.
    pub fn empty() -> Self {
        Self {
            rows: Vec::new(),
            next_token: String::new(),
        }
    }
}

/// All rows of a list, read page by page with the largest page size.
pub fn collect_pages<T>(mut list: impl FnMut(&PageRequest) -> Result<Page<T>>) -> Result<Vec<T>> {
    let mut rows = Vec::new();
    let mut request = PageRequest::default();
    loop {
        let page = list(&request)?;
        if page.next_token == request.token && !request.token.is_empty() {
            return Err(Error::new(
                crate::ErrorKind::Internal,
                "a page token leads back to its own page",
            ));
        }
        rows.extend(page.rows);
        if page.next_token.is_empty() {
            return Ok(rows);
        }
        request.token = page.next_token;
    }
}
