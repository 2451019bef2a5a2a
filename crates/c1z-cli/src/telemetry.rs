//! What the program measures of itself when `--metrics` or `--slow` ask for it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use c1z::Error;
use c1z::envelope::{Existing, publish};
use c1z::observe::{
    DURATION_BUCKETS, EndedJob, SlowCall, SlowOptions, SlowSink, Telemetry, TelemetryOptions,
};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use shingle::vfs::{OsEntropy, OsFs};

use crate::args::Global;
use crate::failure::{Failure, slow};

/// What runs while the command does.
struct Running {
    telemetry: Arc<Telemetry>,
    handle: PrometheusHandle,
    file: Option<PathBuf>,
}

/// Time between two upkeeps: some million durations of 8 bytes.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(1);

static RUNNING: OnceLock<Running> = OnceLock::new();

/// Begins to measure, if the flags say so.
pub(crate) fn start(global: &Global) -> Result<(), Failure> {
    if global.metrics.is_none() && global.slow.is_none() {
        return Ok(());
    }
    let builder = PrometheusBuilder::new().set_buckets(&DURATION_BUCKETS);
    let builder = builder.map_err(|error| Failure::usage(error.to_string(), "report this"))?;
    let recorder = builder.build_recorder();
    let options = TelemetryOptions {
        slow: global.slow.map(|threshold| SlowOptions {
            threshold,
            sink: Arc::new(Lines),
            ..SlowOptions::default()
        }),
        ..TelemetryOptions::default()
    };
    RUNNING.get_or_init(|| Running {
        telemetry: Telemetry::new(options, &recorder),
        handle: recorder.handle(),
        file: global.metrics.clone(),
    });
    keep_up();
    Ok(())
}

/// Sorts single durations into their buckets now and then: the exporter keeps them until then.
fn keep_up() {
    let Some(handle) = RUNNING.get().map(|running| running.handle.clone()) else {
        return;
    };
    let keep_up = move || {
        loop {
            std::thread::park_timeout(UPKEEP_INTERVAL);
            handle.run_upkeep();
        }
    };
    // Without a thread it happens at the end, in more memory. The thread ends with the process.
    let _ = std::thread::Builder::new()
        .name("metrics".to_owned())
        .spawn(keep_up);
}

/// What watches the files that the command opens.
pub(crate) fn current() -> Option<Arc<Telemetry>> {
    RUNNING.get().map(|running| Arc::clone(&running.telemetry))
}

/// Writes the metrics of the command that ended, whole or not at all.
pub(crate) fn finish() -> Result<(), Failure> {
    match RUNNING.get() {
        Some(Running {
            telemetry,
            handle,
            file: Some(file),
        }) => {
            telemetry.publish();
            write(file, &handle.render())
        }
        _ => Ok(()),
    }
}

fn write(file: &Path, text: &str) -> Result<(), Failure> {
    Ok(publish(
        &OsFs,
        &OsEntropy,
        file,
        Existing::Replace,
        |out| {
            let written = out.write_all(text.as_bytes());
            written.map_err(|error| Error::io("write the metrics", file, error))
        },
    )?)
}

/// Prints slow calls to standard error.
#[derive(Debug)]
struct Lines;

impl SlowSink for Lines {
    fn slow(&self, call: &SlowCall) {
        slow(call);
    }

    fn slow_job(&self, job: &EndedJob) {
        slow(job);
    }
}

/// Reads a duration: seconds, or a number with `ms`, `s`, `m`.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let (number, seconds) = if let Some(number) = text.strip_suffix("ms") {
        (number, 0.001)
    } else if let Some(number) = text.strip_suffix('s') {
        (number, 1.0)
    } else if let Some(number) = text.strip_suffix('m') {
        (number, 60.0)
    } else {
        (text, 1.0)
    };
    let number: f64 = number.parse().map_err(|_| "expected 5s, 250ms or 2m")?;
    Duration::try_from_secs_f64(number * seconds).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        assert_eq!(parse_duration("5"), Ok(Duration::from_secs(5)));
        assert_eq!(parse_duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(parse_duration("2m"), Ok(Duration::from_mins(2)));
        for bad in ["", "s", "-1s", "5h", "nan"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }
}
