//! What a tee knows of the calls that passed: their number, what differed, and the page tokens it gave out.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::listing::Listings;
use super::report::{Difference, OwnedCall, Report};
use super::{Mode, TeeOptions};
use crate::{Error, ErrorKind};

/// Shared by a tee and the streams that it gave out.
#[derive(Debug)]
pub(super) struct Journal {
    mode: Mode,
    origin: String,
    reports_max: usize,
    pub(super) operations: AtomicU64,
    /// Changes at every write, so that a list knows whether it saw one state.
    pub(super) generation: AtomicU64,
    pub(super) differences: AtomicU64,
    pub(super) uncompared: AtomicU64,
    pub(super) listings: Mutex<Listings>,
    reports: Mutex<Vec<Report>>,
}

impl Journal {
    pub(super) fn new(options: &TeeOptions) -> Self {
        Self {
            mode: options.mode,
            origin: options.origin.clone(),
            reports_max: options.reports_max,
            operations: AtomicU64::new(0),
            generation: AtomicU64::new(0),
            differences: AtomicU64::new(0),
            uncompared: AtomicU64::new(0),
            listings: Mutex::default(),
            reports: Mutex::default(),
        }
    }

    /// The number of the next call.
    pub(super) fn next_operation(&self) -> u64 {
        self.operations.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn reports(&self) -> Vec<Report> {
        let reports = self.reports.lock().unwrap_or_else(PoisonError::into_inner);
        reports.clone()
    }

    /// Keeps a report. The error that the call has to return, unless differences are only logged.
    pub(super) fn report(
        &self,
        operation: u64,
        call: &OwnedCall,
        difference: Difference,
    ) -> Option<Error> {
        self.differences.fetch_add(1, Ordering::Relaxed);
        let replay = serde_json::json!({
            "origin": self.origin,
            "operation": operation,
            "call": call.name,
            "arguments": call.arguments,
        });
        let report = Report {
            operation,
            call: call.name.to_owned(),
            arguments: call.arguments.clone(),
            difference,
            replay: replay.to_string(),
        };
        let text = report.to_string();
        let mut reports = self.reports.lock().unwrap_or_else(PoisonError::into_inner);
        if reports.len() < self.reports_max {
            reports.push(report);
        }
        match self.mode {
            Mode::Fail => Some(
                Error::new(
                    ErrorKind::Internal,
                    format!("the engines of the tee differ: {text}"),
                )
                .with_hint("one of the two engines is wrong; please report this line"),
            ),
            Mode::Log => {
                tracing::warn!(target: "c1z::tee", "the engines of the tee differ: {text}");
                None
            }
        }
    }
}
