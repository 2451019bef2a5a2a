//! Compression on several threads, results in order.
//!
//! Jobs are numbered; at most two per thread are on their way, so that memory is bounded however
//! uneven they are. What a job gives depends on the job alone, so the result does not depend on the
//! number of threads.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};

use super::super::source::lock;
use crate::{Error, ErrorKind, Result};

/// Runs `work` over `jobs` on `threads` threads and hands the results to `take` in order of the jobs.
/// `state` makes what a thread keeps from one job to the next.
///
/// # Errors
/// The first error of a job or of `take`, in order; jobs behind it are abandoned.
pub(super) fn in_order<J: Send, D: Send, S>(
    threads: usize,
    mut jobs: impl Iterator<Item = J>,
    state: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, J) -> Result<D> + Sync,
    mut take: impl FnMut(D) -> Result<()>,
) -> Result<()> {
    let (to_do, queue) = channel();
    let queue = Mutex::new(queue);
    let (queue, state, work) = (&queue, &state, &work);
    std::thread::scope(|scope| {
        // Dropped when this closure ends, however it ends: then the threads end too.
        let to_do = to_do;
        let (results, done) = channel();
        for _ in 0..threads.max(1) {
            let results = results.clone();
            scope.spawn(move || run(queue, &results, state, work));
        }
        drop(results);
        let mut sent = 0_u64;
        let mut hand_out = |n: usize| {
            for job in jobs.by_ref().take(n) {
                // Nobody listens only when all threads panicked, which `receive` reports.
                let _ = to_do.send((sent, job));
                sent += 1;
            }
            sent
        };
        let mut early = BTreeMap::new();
        let mut next = 0;
        while next < hand_out(if next == 0 { 2 * threads.max(1) } else { 1 }) {
            take(receive(&done, &mut early, next)?)?;
            next += 1;
        }
        Ok(())
    })
}

fn run<J, D, S>(
    queue: &Mutex<Receiver<(u64, J)>>,
    results: &Sender<(u64, Result<D>)>,
    state: impl Fn() -> S,
    work: impl Fn(&mut S, J) -> Result<D>,
) {
    let mut state = state();
    loop {
        let next = lock(queue).recv();
        let Ok((number, job)) = next else { return };
        if results.send((number, work(&mut state, job))).is_err() {
            return;
        }
    }
}

/// The result of job `next`; results of later ones wait in `early`.
fn receive<D>(
    done: &Receiver<(u64, Result<D>)>,
    early: &mut BTreeMap<u64, Result<D>>,
    next: u64,
) -> Result<D> {
    loop {
        if let Some(result) = early.remove(&next) {
            return result;
        }
        let Ok((number, result)) = done.recv() else {
            return Err(Error::new(
                ErrorKind::Internal,
                "the compressing threads are gone",
            ));
        };
        early.insert(number, result);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_from_any_number_of_threads() {
        for threads in [0, 1, 2, 8] {
            for jobs in [0, 1, 5, 100] {
                let mut seen = Vec::new();
                let work = |(): &mut (), n: u32| {
                    // The first jobs take longest.
                    (0..1000 / (n + 1)).for_each(|_| std::thread::yield_now());
                    Ok(n)
                };
                let taken = in_order(
                    threads,
                    0..jobs,
                    || (),
                    work,
                    |n| {
                        seen.push(n);
                        Ok(())
                    },
                );
                taken.unwrap();
                assert_eq!(seen, (0..jobs).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn the_first_error_in_order_wins() {
        let work = |(): &mut (), n: u32| match n {
            7.. => Err(Error::invalid(format!("{n}"))),
            n => Ok(n),
        };
        let mut taken = 0;
        let take = |_| {
            taken += 1;
            Ok(())
        };
        let error = in_order(4, 0..1000, || (), work, take).unwrap_err();
        assert_eq!((error.to_string().as_str(), taken), ("7", 7));
        let error = in_order(
            4,
            0..1000,
            || (),
            |(), n| Ok(n),
            |_| Err(Error::invalid("sink")),
        );
        assert_eq!(error.unwrap_err().to_string(), "sink");
    }
}
