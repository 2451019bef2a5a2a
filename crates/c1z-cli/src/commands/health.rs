//! `c1z health`: whether a file, a directory or a folder of syncs is well, and what it is made of.

use std::io::Write;
use std::path::PathBuf;

use c1z::observe::{HealthLimits, HealthState, NOT_LOOKED_AT, Reason, SystemStatistics};
use clap::Args as ClapArgs;
use serde_json::{Value, json};

use super::refuse_csv;
use crate::args::{Format, Global};
use crate::failure::{Failure, Verdict};
use crate::file;
use crate::output::{data, printable, stdout};

#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct HealthArgs {
    /// File, database directory or folder of syncs [default: the file of --file]
    #[arg(value_name = "PATH")]
    path: Option<PathBuf>,
}

/// Well or not: anything but healthy is a well-formed no.
pub(crate) fn run(global: &Global, args: &HealthArgs) -> Result<Verdict, Failure> {
    refuse_csv(global, "health")?;
    let path = args.path.as_ref().unwrap_or(&global.file);
    let (state, reasons, statistics) = look(global, path)?;
    if global.format == Format::Console {
        print(path, state, &reasons, &statistics)?;
    } else {
        let mut out = data();
        writeln!(out, "{}", document(path, state, &reasons, &statistics))?;
        out.flush()?;
    }
    Ok(match state {
        HealthState::Healthy => Verdict::Yes,
        HealthState::Degraded | HealthState::Unhealthy => Verdict::No,
    })
}

type Looked = (HealthState, Vec<Reason>, SystemStatistics);

/// A path that is not there, or is nothing of ours, is an error; what is damaged is unhealthy.
fn look(global: &Global, path: &std::path::Path) -> Result<Looked, Failure> {
    match file::open_quietly(global, path) {
        Ok(store) => {
            let health = store.health(&HealthLimits::default());
            let statistics = SystemStatistics::from(&store.figures());
            Ok((health.state(), health.reasons().to_vec(), statistics))
        }
        Err(error) if error.kind() == c1z::ErrorKind::DataLoss => {
            let what = "the head and the index of the file";
            let kind = error.kind();
            let reasons = vec![Reason::Probe { what, kind }];
            Ok((HealthState::Unhealthy, reasons, SystemStatistics::default()))
        }
        Err(error) => Err(error.in_file(path).into()),
    }
}

fn print(
    path: &std::path::Path,
    state: HealthState,
    reasons: &[Reason],
    statistics: &SystemStatistics,
) -> Result<(), Failure> {
    let mut out = stdout();
    writeln!(out, "{}: {}", path.display(), state.as_str())?;
    for reason in reasons {
        writeln!(out, "  {}", printable(&reason.to_string()))?;
    }
    writeln!(
        out,
        "{} bytes, {} of them logs",
        statistics.size, statistics.log_size
    )?;
    for (number, level) in statistics.levels.iter().enumerate() {
        if level.tables > 0 {
            writeln!(
                out,
                "level {number}: {} tables, {} bytes",
                level.tables, level.bytes
            )?;
        }
    }
    writeln!(out, "not looked at: {NOT_LOOKED_AT}")?;
    Ok(out.flush()?)
}

fn document(
    path: &std::path::Path,
    state: HealthState,
    reasons: &[Reason],
    statistics: &SystemStatistics,
) -> Value {
    let reasons = reasons.iter().map(|reason| {
        json!({
            "reason": reason.as_str(),
            "state": reason.state().as_str(),
            "text": reason.to_string(),
        })
    });
    let levels = statistics.levels.iter().enumerate();
    let levels = levels.map(
        |(number, level)| json!({"level": number, "tables": level.tables, "bytes": level.bytes}),
    );
    json!({
        "type": "health",
        "path": path.to_string_lossy(),
        "state": state.as_str(),
        "reasons": reasons.collect::<Vec<_>>(),
        "bytes": statistics.size,
        "logBytes": statistics.log_size,
        "levels": levels.collect::<Vec<_>>(),
        "notLookedAt": NOT_LOOKED_AT,
    })
}
