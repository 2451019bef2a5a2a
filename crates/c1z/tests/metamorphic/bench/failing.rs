//! Steps of which a file operation fails: the call returns an error or succeeds, and leaves the state before or after
//! it, also for whoever opens the store again; then everything goes on as in the stores where nothing failed.

use std::time::SystemTime;

use c1z::engine::types::SyncId;
use shingle::vfs::Clock as _;

use super::{Bench, Lineup, TICK};
use crate::grammar::{Step, held};
use crate::observe::{Answers, observe};
use crate::stores::AnyStore;

/// What a store answers that has to be opened again before it writes.
const POISONED: &str = "error Poisoned";

/// Rows of a page, in what is compared around a fault.
const PAGE: u32 = 1_000;

/// Times of the calls around a fault: a call that is repeated is made at a time of its own.
struct Moment {
    /// When the call was made that failed.
    first: SystemTime,
    /// A time that no store has stamped anything with.
    later: SystemTime,
}

impl Bench {
    /// Takes the step with a fault in each store that can fail, after which all stores are where they were or further.
    pub(super) fn failing(&mut self, operation: u64, step: &Step) -> Result<bool, String> {
        let held = held(self.engine());
        if self.loses_view(step) {
            return self.call(step);
        }
        for at in 0..self.stores.len() {
            let store = self.store(at);
            let before = observe(store.engine(), PAGE);
            if !store.fail_in(operation) {
                continue;
            }
            let answer = step.answer(store, &held);
            if store.failed() {
                self.faults += 1;
                return self.after_fault(at, step, &before, &answer);
            }
            // Fewer operations than that: the store is ahead of the others by one call.
            return self.others_follow(at, step, &answer);
        }
        self.call(step)
    }

    /// Whether the sync that is viewed is gone, or may be after the step: a store that is opened again cannot be pinned to it.
    fn loses_view(&self, step: &Step) -> bool {
        let viewed = self.engine().viewed_sync();
        let may_go = matches!(step, Step::DeleteSync(_) | Step::Cleanup(_));
        viewed.is_some_and(|id| may_go || self.engine().get_sync(&id).is_err())
    }

    fn store(&self, at: usize) -> &dyn AnyStore {
        &*self.stores.get(at).unwrap().1
    }

    /// Takes the step with all stores but one, whose answer there is.
    fn others_follow(&self, ahead: usize, step: &Step, answer: &str) -> Result<bool, String> {
        let held = held(self.engine());
        self.alike(step, |at, store| {
            if at == ahead {
                answer.to_owned()
            } else {
                step.answer(store, &held)
            }
        })
    }

    fn after_fault(
        &mut self,
        at: usize,
        step: &Step,
        before: &Answers,
        answer: &str,
    ) -> Result<bool, String> {
        let moment = self.moment();
        let is_refused = answer.starts_with("error");
        let now = observe(self.store(at).engine(), PAGE);
        let is_undone = is_refused && without_dirty(&now) == without_dirty(before);
        if !is_undone {
            // Whoever was told of a failure, or not, sees the call done.
            self.done_in(at, step, answer, &now)?;
            self.open_all_again();
            return Ok(true);
        }
        let opens_by_itself = self.lineup == Lineup::Folder && matches!(step, Step::End);
        if answer != POISONED && !opens_by_itself {
            // The same call again: it succeeds, or the store has to be opened again. (A folder opens the database of the
            // sync by itself, and may find the end done.)
            self.at(moment.later);
            let held = held(self.engine());
            let again = step.answer(self.store(at), &held);
            if !is_fault(&again) {
                return self.others_follow(at, step, &again);
            }
            let still = observe(self.store(at).engine(), PAGE);
            same(step, "a store that writes no more", &still, before)?;
            self.at(moment.first);
        }
        self.open_again(at, self.store(at).engine().current_sync());
        let found = observe(self.store(at).engine(), PAGE);
        if without_dirty(&found) == without_dirty(before) {
            self.at(moment.later);
            self.call(step)?;
        } else {
            // The log held it. What is ended is not current, also if it had been ended before.
            if matches!(step, Step::End) {
                self.open_again(at, None);
            }
            let found = observe(self.store(at).engine(), PAGE);
            self.done_in(at, step, answer, &found)?;
            self.at(moment.later);
        }
        self.open_all_again();
        Ok(true)
    }

    /// The other stores take the step too, after which they say what this one says.
    fn done_in(&self, at: usize, step: &Step, answer: &str, found: &Answers) -> Result<(), String> {
        let held = held(self.engine());
        for (other, (name, store)) in self.stores.iter().enumerate() {
            if other == at {
                continue;
            }
            let expected = step.answer(&**store, &held);
            if !is_fault(answer) && expected != answer {
                return Err(format!("{step:?}\n{name}: {expected}\nfailing: {answer}"));
            }
            same(step, name, found, &observe(store.engine(), PAGE))?;
        }
        Ok(())
    }

    /// Opens a store again, with the same sync viewed as in the others, and this one current.
    fn open_again(&mut self, at: usize, current: Option<SyncId>) {
        let (name, store) = self.stores.remove(at);
        let viewed = store.engine().viewed_sync();
        let store = store.reopen(false);
        if let Some(id) = viewed {
            store.engine().view_sync(Some(&id)).unwrap();
        }
        if let Some(id) = current {
            store.engine().set_current_sync(&id).unwrap();
        }
        self.stores.insert(at, (name, store));
    }

    /// Opens all again, so that none remembers more than the others.
    fn open_all_again(&mut self) {
        self.each(|store| store.reopen(false));
    }

    fn at(&self, time: SystemTime) {
        let now = self.clock.now();
        match time.duration_since(now) {
            Ok(by) => self.clock.advance(by),
            Err(_) => self.clock.go_back(now.duration_since(time).unwrap()),
        }
    }

    fn moment(&self) -> Moment {
        let first = self.clock.now();
        Moment {
            first,
            later: self.latest.max(first) + TICK,
        }
    }
}

/// Whether an answer is one that only a file system that fails gives.
fn is_fault(answer: &str) -> bool {
    ["error Io", POISONED].contains(&answer)
}

/// What a call that failed may leave changed is whether there is anything to save.
fn without_dirty(answers: &Answers) -> Vec<&(String, String)> {
    answers
        .iter()
        .filter(|(about, _)| about != "dirty")
        .collect()
}

fn same(step: &Step, name: &str, found: &Answers, expected: &Answers) -> Result<(), String> {
    let (found, expected) = (without_dirty(found), without_dirty(expected));
    let mut pairs = found.iter().zip(&expected);
    match pairs.find(|(found, expected)| found != expected) {
        None if found.len() == expected.len() => Ok(()),
        None => Err(format!(
            "{step:?} failed: other syncs or grants than {name}"
        )),
        Some(((about, found), (_, expected))) => Err(format!(
            "{step:?} failed: {about}\nfound: {found}\n{name}: {expected}"
        )),
    }
}
