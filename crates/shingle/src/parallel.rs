//! The same work on many things, on several threads.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use crate::{Error, ErrorKind, Result};

/// Does `work` on each of `items`, on up to `threads` threads, the caller's among them; the results
/// in the order of the items.
///
/// # Errors
/// The error of the first item that failed; `Internal` if a thread panicked.
pub(crate) fn map<T: Send, R: Send>(
    items: Vec<T>,
    threads: usize,
    work: impl Fn(T) -> Result<R> + Sync,
) -> Result<Vec<R>> {
    let workers = threads.clamp(1, items.len().max(1));
    let queue: VecDeque<_> = items.into_iter().enumerate().collect();
    let queue = Mutex::new(queue);
    let next = || {
        let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.pop_front()
    };
    let drain = || {
        let mut done = Vec::new();
        while let Some((at, item)) = next() {
            done.push((at, work(item)));
        }
        done
    };
    let mut done = std::thread::scope(|scope| {
        let helpers: Vec<_> = (1..workers).map(|_| scope.spawn(drain)).collect();
        let mut done = drain();
        for helper in helpers {
            match helper.join() {
                Ok(more) => done.extend(more),
                Err(_) => done.push((0, Err(panicked()))),
            }
        }
        done
    });
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

fn panicked() -> Error {
    Error::new(ErrorKind::Internal, "a thread that shared work panicked")
}
