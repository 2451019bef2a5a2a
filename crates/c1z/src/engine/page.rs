//! Paging of list operations (`store-contract` §1.0).

use crate::{Error, Result};

/// Default and largest number of rows on a page.
pub const PAGE_SIZE_MAX: u32 = 10_000;

/// Which page of a list to return.
///
/// A token is opaque and exclusive: it names the last row already returned. It stays valid when
/// that row is deleted, and across closing, reopening and saving the store; it is bound to the
/// operation, the sync and the filter that produced it, and anything else answers
/// [`crate::ErrorKind::InvalidPageToken`].
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
pub fn collect_pages<T>(list: impl FnMut(&PageRequest) -> Result<Page<T>>) -> Result<Vec<T>> {
    rows_of_pages(list).collect()
}

/// The rows of a list as they are needed: one page with the largest page size is held at a time. An
/// error is the last item.
pub fn rows_of_pages<T>(
    mut list: impl FnMut(&PageRequest) -> Result<Page<T>>,
) -> impl Iterator<Item = Result<T>> {
    let mut request = Some(PageRequest::default());
    let mut page = Vec::new().into_iter();
    std::iter::from_fn(move || {
        loop {
            if let Some(row) = page.next() {
                return Some(Ok(row));
            }
            let current = request.take()?;
            match next_page(&mut list, &current) {
                Ok((rows, next)) => {
                    page = rows.into_iter();
                    request = next;
                }
                Err(error) => return Some(Err(error)),
            }
        }
    })
}

/// A page's rows and the request for the page after it.
fn next_page<T>(
    list: &mut impl FnMut(&PageRequest) -> Result<Page<T>>,
    request: &PageRequest,
) -> Result<(Vec<T>, Option<PageRequest>)> {
    let page = list(request)?;
    if page.next_token == request.token && !request.token.is_empty() {
        return Err(Error::new(
            crate::ErrorKind::Internal,
            "a page token leads back to its own page",
        ));
    }
    let next = PageRequest::after(request.size, &page);
    Ok((page.rows, next))
}
