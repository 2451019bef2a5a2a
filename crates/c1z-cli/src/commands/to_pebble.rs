//! `c1z to-pebble`: one sync of a v1 file as a v3 file, as the original tool does it.

use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use c1z::engine::types::SyncId;
use c1z::ops::convert::{
    Carry, ConvertOptions, ConvertSummary, FileFormat, SyncChoice, SyncSummary, convert,
};
use c1z::ops::{Observer, Progress, RecordKind, Step};
use c1z::v1_tables::Zone;
use c1z::{Error, ErrorKind};
use clap::Args as ClapArgs;
use shingle::vfs::{Clock, OsClock, OsFs};

use super::convert::{options, tell_losses};
use crate::args::Global;
use crate::failure::Failure;
use crate::job;
use crate::output::stdout;

#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct ToPebbleArgs {
    /// File to write; it must not exist
    #[arg(long, value_name = "PATH", default_value = "./sync.pebble.c1z")]
    out: PathBuf,
    /// Accepted for the sake of old scripts: rows are not written in batches
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..))]
    batch_size: u64,
    /// Where temporary files go [default: beside the output]
    #[arg(long, value_name = "PATH")]
    tmp_dir: Option<PathBuf>,
}

pub(crate) fn run(global: &Global, args: &ToPebbleArgs) -> Result<(), Failure> {
    let input = &global.file;
    if FileFormat::of_existing(&OsFs, input)? != FileFormat::V1 {
        let error = Error::new(ErrorKind::EngineMismatch, "input is not a v1 file");
        let error = error
            .in_file(input)
            .with_hint("c1z convert reads other formats");
        return Err(error.into());
    }
    let sync = match &global.sync_id {
        Some(id) => SyncChoice::Id(SyncId::new(id)?),
        None => SyncChoice::LatestFull,
    };
    let watch = Arc::new(StopWatch::new());
    let options = ConvertOptions {
        to: Some(FileFormat::V3),
        sync,
        carry: Carry::AsGo,
        allow_loss: true,
        temporary: args.tmp_dir.clone(),
        // As the original tool does; `convert` has a flag for it.
        zone: Zone::local(),
        observer: Arc::clone(&watch) as Arc<dyn Observer>,
        ..options(global)
    };
    let summary = convert(input, &args.out, &options)?;
    tell_losses(&summary.losses);
    print(args, &summary, &watch)
}

fn print(args: &ToPebbleArgs, summary: &ConvertSummary, watch: &StopWatch) -> Result<(), Failure> {
    let mut out = stdout();
    writeln!(out, "Converted C1Z to Pebble successfully.")?;
    writeln!(out, "Output: {}", args.out.display())?;
    if let Some(SyncSummary {
        run,
        counts,
        asset_bytes,
    }) = summary.syncs.first()
    {
        writeln!(out, "Source sync ID: {}", run.id)?;
        writeln!(out, "Destination sync ID: {}", run.id)?;
        for (name, count, kind) in [
            (
                "Resource types",
                counts.resource_types,
                RecordKind::ResourceType,
            ),
            ("Resources", counts.resources, RecordKind::Resource),
            ("Entitlements", counts.entitlements, RecordKind::Entitlement),
            ("Grants", counts.grants, RecordKind::Grant),
        ] {
            writeln!(out, "{name}: {count} ({})", show(watch.of(kind)))?;
        }
        let took = show(watch.of(RecordKind::Asset));
        writeln!(
            out,
            "Assets: {} ({asset_bytes} bytes, {took})",
            counts.assets
        )?;
    }
    writeln!(out, "Total: {}", show(watch.total()))?;
    Ok(out.flush()?)
}

/// Measures the steps of a conversion.
struct StopWatch {
    clock: OsClock,
    started: Duration,
    steps: Mutex<Vec<(Step, Duration)>>,
    next: Arc<dyn Observer>,
}

impl StopWatch {
    fn new() -> Self {
        let clock = OsClock;
        Self {
            started: clock.monotonic(),
            clock,
            steps: Mutex::default(),
            next: job::observer(),
        }
    }

    /// How long records of a kind were read and handed on.
    fn of(&self, kind: RecordKind) -> Duration {
        let steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        let ends = steps.iter().skip(1).map(|(_, at)| *at);
        let spans = steps.iter().zip(ends);
        let own = spans.filter(|((step, _), _)| *step == Step::Records(kind));
        own.map(|((_, start), end)| end.saturating_sub(*start))
            .sum()
    }

    fn total(&self) -> Duration {
        self.clock.monotonic().saturating_sub(self.started)
    }
}

impl Observer for StopWatch {
    fn advanced(&self, progress: &Progress) -> c1z::Result<()> {
        if progress.rows == 0 {
            let mut steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
            steps.push((progress.step, self.clock.monotonic()));
        }
        self.next.advanced(progress)
    }
}

/// A duration in whole milliseconds, as Go prints one.
fn show(duration: Duration) -> String {
    let millis = (duration.as_micros() + 500) / 1_000;
    let (minutes, rest) = (millis / 60_000, millis % 60_000);
    let (seconds, part) = (rest / 1_000, rest % 1_000);
    if millis == 0 {
        return "0s".to_owned();
    }
    if millis < 1_000 {
        return format!("{millis}ms");
    }
    let mut text = if minutes >= 60 {
        format!("{}h{}m", minutes / 60, minutes % 60)
    } else if minutes > 0 {
        format!("{minutes}m")
    } else {
        String::new()
    };
    text.push_str(&seconds.to_string());
    if part > 0 {
        let fraction = format!("{part:03}");
        text.push('.');
        text.push_str(fraction.trim_end_matches('0'));
    }
    text + "s"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_in_go() {
        for (micros, text) in [
            (0, "0s"),
            (499, "0s"),
            (500, "1ms"),
            (999_400, "999ms"),
            (1_000_000, "1s"),
            (1_230_000, "1.23s"),
            (62_005_000, "1m2.005s"),
            (3_600_000_000, "1h0m0s"),
        ] {
            assert_eq!(show(Duration::from_micros(micros)), text);
        }
    }
}
