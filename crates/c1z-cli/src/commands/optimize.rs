//! `c1z optimize`, also called `compact`: a file or database directory written anew, in its place.

use std::io::Write;

use c1z::ops::maintain::{estimate, optimize};
use clap::Args as ClapArgs;
use serde_json::json;

use super::convert::options;
use super::refuse_csv;
use crate::args::{Format, Global};
use crate::failure::Failure;
use crate::output::stdout;

#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct OptimizeArgs {
    /// Only tell how much would be given back, about
    #[arg(long)]
    estimate: bool,
}

impl OptimizeArgs {
    /// Whether nothing is written.
    pub(crate) fn is_estimate(&self) -> bool {
        self.estimate
    }
}

pub(crate) fn run(global: &Global, args: &OptimizeArgs) -> Result<(), Failure> {
    refuse_csv(global, "maintenance")?;
    let options = options(global);
    let file = global.file.display();
    let (text, document) = if args.estimate {
        let found = estimate(&global.file, &options)?;
        (
            format!(
                "{file}: {} of {} bytes, about, would be given back",
                found.reclaimable, found.bytes
            ),
            json!({"type": "estimate", "bytes": found.bytes, "reclaimable": found.reclaimable}),
        )
    } else {
        let done = optimize(&global.file, &options)?;
        let text = if done.replaced {
            format!(
                "{file}: {} bytes became {}",
                done.bytes_before, done.bytes_after
            )
        } else {
            format!(
                "{file}: nothing to be had; the file stays as it is, {} bytes",
                done.bytes_before
            )
        };
        let document = json!({
            "type": "optimize",
            "bytesBefore": done.bytes_before,
            "bytesAfter": done.bytes_after,
            "replaced": done.replaced,
        });
        (text, document)
    };
    let mut out = stdout();
    match global.format {
        Format::Console => writeln!(out, "{text}")?,
        _ => writeln!(out, "{document}")?,
    }
    Ok(out.flush()?)
}
