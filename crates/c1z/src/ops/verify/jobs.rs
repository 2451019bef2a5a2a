//! Independent parts of a check on a few threads.

use std::sync::{Mutex, PoisonError};

/// A part of a check.
pub(crate) type Job<'a, T> = Box<dyn FnOnce() -> T + Send + 'a>;

/// Runs all jobs, at most `threads` at a time, and returns what they return in their order.
pub(crate) fn run_all<T: Send>(threads: usize, jobs: Vec<Job<'_, T>>) -> Vec<T> {
    let threads = threads.clamp(1, jobs.len().max(1));
    if threads == 1 {
        return jobs.into_iter().map(|job| job()).collect();
    }
    let waiting = Mutex::new(jobs.into_iter().enumerate());
    let done = Mutex::new(Vec::new());
    let work = || {
        loop {
            let next = waiting
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .next();
            let Some((place, job)) = next else {
                return;
            };
            let result = job();
            let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
            done.push((place, result));
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(work);
        }
        work();
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_jobs() {
        for threads in [0, 1, 3, 100] {
            let jobs = (0..20).map(|n| -> Job<'_, i32> { Box::new(move || n) });
            let results = run_all(threads, jobs.collect());
            assert_eq!(results, (0..20).collect::<Vec<_>>());
        }
    }
}
