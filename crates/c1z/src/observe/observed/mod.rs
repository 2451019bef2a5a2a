//! A store whose calls are timed and counted.

mod lifecycle;
mod reader;
mod stream;
mod writer;

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use super::operation::Operation;
use super::shape::Shape;
use super::telemetry::{Ended, Telemetry};
use crate::Result;
use crate::engine::Scope;
use crate::engine::types::SyncId;

/// An engine behind a pointer `P` (`&dyn Reader`, `Arc<dyn StorageEngine>`, ..), every call of which is timed and counted.
/// Answers are those of the engine.
///
/// # Complexity
/// A call reads the clock twice and changes four numbers; a stream reads it twice per row.
#[derive(Debug)]
pub struct Observed<P> {
    engine: P,
    telemetry: Arc<Telemetry>,
}

impl<P: Deref> Observed<P> {
    /// Watches the calls of `engine`.
    pub fn new(engine: P, telemetry: &Arc<Telemetry>) -> Self {
        Self {
            engine,
            telemetry: Arc::clone(telemetry),
        }
    }

    /// Times one call.
    fn timed<T>(
        &self,
        call: Call<'_>,
        run: impl FnOnce(&P::Target) -> Result<T>,
        rows: impl FnOnce(&T) -> u64,
    ) -> Result<T> {
        let _span = call.span();
        let clock = &self.telemetry.clock;
        let started = clock.monotonic();
        let result = run(&self.engine);
        let duration = clock.monotonic().saturating_sub(started);
        self.telemetry.ended(&Ended {
            operation: call.operation,
            sync: call.sync,
            filter: call.filter,
            rows: result.as_ref().map_or(0, rows),
            duration,
            error: result.as_ref().err().map(crate::Error::kind),
        });
        result
    }
}

/// A call, as far as it may be told.
#[derive(Clone, Copy)]
struct Call<'a> {
    operation: Operation,
    sync: Option<&'a SyncId>,
    filter: Shape,
}

impl<'a> Call<'a> {
    const fn new(operation: Operation) -> Self {
        Self {
            operation,
            sync: None,
            filter: Shape::NONE,
        }
    }

    fn scope(operation: Operation, scope: &'a Scope) -> Self {
        let sync = match scope {
            Scope::Default => None,
            Scope::Sync(id) => Some(id),
        };
        Self::sync(operation, sync)
    }

    const fn sync(operation: Operation, sync: Option<&'a SyncId>) -> Self {
        Self {
            sync,
            ..Self::new(operation)
        }
    }

    const fn with(self, filter: Shape) -> Self {
        Self { filter, ..self }
    }

    fn span(&self) -> tracing::span::EnteredSpan {
        let (name, class) = (self.operation.as_str(), self.operation.class().as_str());
        tracing::debug_span!("operation", name, class).entered()
    }
}

impl fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Call({})", self.operation.as_str())
    }
}

/// The number of rows of one that is there.
fn one<T>(_: &T) -> u64 {
    1
}

/// No rows are counted.
fn none<T>(_: &T) -> u64 {
    0
}
