//! A stream whose rows are counted, and the time that finding them takes: not that of whoever takes them.

use std::sync::Arc;
use std::time::Duration;

use super::Call;
use crate::Result;
use crate::engine::reader::Rows;
use crate::engine::types::SyncId;
use crate::error::ErrorKind;
use crate::observe::operation::Operation;
use crate::observe::shape::Shape;
use crate::observe::telemetry::{Ended, Telemetry};

struct Metered<T> {
    rows: Rows<T>,
    telemetry: Arc<Telemetry>,
    operation: Operation,
    sync: Option<SyncId>,
    filter: Shape,
    count: u64,
    spent: Duration,
    error: Option<ErrorKind>,
}

/// Opens a stream and counts it when it is dropped.
pub(super) fn metered<T: 'static>(
    telemetry: &Arc<Telemetry>,
    call: Call<'_>,
    open: impl FnOnce() -> Result<Rows<T>>,
) -> Result<Rows<T>> {
    let _span = call.span();
    let started = telemetry.clock.monotonic();
    let opened = open();
    let spent = telemetry.clock.monotonic().saturating_sub(started);
    let mut metered = Metered {
        rows: Box::new(std::iter::empty()),
        telemetry: Arc::clone(telemetry),
        operation: call.operation,
        sync: call.sync.cloned(),
        filter: call.filter,
        count: 0,
        spent,
        error: opened.as_ref().err().map(crate::Error::kind),
    };
    metered.rows = opened?;
    Ok(Box::new(metered))
}

impl<T> Iterator for Metered<T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Self::Item> {
        let started = self.telemetry.clock.monotonic();
        let row = self.rows.next();
        self.spent += self.telemetry.clock.monotonic().saturating_sub(started);
        match &row {
            Some(Ok(_)) => self.count += 1,
            Some(Err(error)) => self.error = Some(error.kind()),
            None => {}
        }
        row
    }
}

impl<T> Drop for Metered<T> {
    fn drop(&mut self) {
        self.telemetry.ended(&Ended {
            operation: self.operation,
            sync: self.sync.as_ref(),
            filter: self.filter,
            rows: self.count,
            duration: self.spent,
            error: self.error,
        });
    }
}
