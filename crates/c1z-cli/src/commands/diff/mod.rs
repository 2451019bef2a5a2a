//! `c1z diff`: what changed between two syncs: the two latest finished full ones of a file, or one of each
//! of two files.

mod changes;
mod document;
mod fields;
mod files;
mod sides;

use std::path::PathBuf;

use c1z::ops::diff::{Change, Compared, DiffOptions, diff};
use c1z::{Error, ErrorKind};
use c1z_proto::connector::v2;
use clap::{Args as ClapArgs, ValueEnum};

use self::sides::Sides;
use super::refuse_csv;
use crate::args::{Format, Global};
use crate::failure::{Failure, Verdict};
use crate::job;

#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct DiffArgs {
    /// The file with the base, and the file that is compared with it [default: the two latest
    /// finished full syncs of the file of --file]
    #[arg(value_name = "FILE", num_args = 2)]
    files: Vec<PathBuf>,
    /// The sync of the base [default: the latest finished one of its file]
    #[arg(long, value_name = "ID")]
    base_sync: Option<String>,
    /// The sync that is compared with it [default: the latest finished one of its file]
    #[arg(long, value_name = "ID")]
    applied_sync: Option<String>,
    /// Only records of these kinds
    #[arg(long, value_name = "KIND", value_enum, value_delimiter = ',')]
    kind: Vec<Kind>,
    /// Only how many records changed
    #[arg(long, conflicts_with = "name_only")]
    stat: bool,
    /// Only which records changed, not what in them
    #[arg(long)]
    name_only: bool,
    /// Exit with 1 if anything changed
    #[arg(long)]
    exit_code: bool,
    #[command(flatten)]
    written: files::FilesArgs,
}

/// Kinds of records that are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// Resource types
    ResourceTypes,
    /// Resources
    Resources,
    /// Entitlements
    Entitlements,
    /// Grants
    Grants,
}

impl DiffArgs {
    fn wants(&self, kind: Kind) -> bool {
        self.kind.is_empty() || self.kind.contains(&kind)
    }

    /// Whether the call is one that the Go tool knows too.
    fn is_plain(&self) -> bool {
        self.files.is_empty()
            && self.base_sync.is_none()
            && self.applied_sync.is_none()
            && self.kind.is_empty()
            && !self.stat
            && !self.name_only
    }
}

pub(crate) fn run(global: &Global, args: &DiffArgs) -> Result<Verdict, Failure> {
    refuse_csv(global, "a diff")?;
    if global.sync_id.is_some() {
        return Err(Failure::usage(
            "a diff is about two syncs; --sync-id names one",
            "use --base-sync and --applied-sync",
        ));
    }
    if args.written.write(global, args)? {
        return Ok(Verdict::Yes);
    }
    let sides = Sides::open(global, args)?;
    let comparison = Comparison {
        global,
        args,
        sides: &sides,
    };
    let changed = match global.format {
        Format::Json if args.stat || args.name_only => changes::print_lines(&comparison)?,
        Format::Json => document::print(&comparison)?,
        // What the Go tool prints on a terminal, too.
        Format::Console if args.is_plain() => document::print(&comparison)?,
        Format::Console if args.stat => changes::print_counts(&comparison)?,
        Format::Console => changes::print_text(&comparison)?,
        Format::Ndjson | Format::Csv => changes::print_lines(&comparison)?,
    };
    Ok(if args.exit_code && changed > 0 {
        Verdict::No
    } else {
        Verdict::Yes
    })
}

/// Two syncs and what is wanted of their difference.
struct Comparison<'a> {
    global: &'a Global,
    args: &'a DiffArgs,
    sides: &'a Sides,
}

impl Comparison<'_> {
    fn compare<R: Compared>(
        &self,
        changes: &[Change],
        mut visit: impl FnMut(Change, R) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let options = DiffOptions {
            identity: self.sides.identity,
            as_v3: self.sides.as_v3,
            changes,
            budget: self.sides.budget.clone(),
        };
        let observer = job::observer();
        let [base, applied] = self.sides.both();
        diff(
            base,
            applied,
            &options,
            &*observer,
            &mut |change, record: R| visit(change, record),
        )
    }

    /// The base's version of a modified record, as it was compared.
    fn before<R: Named>(&self, record: &R) -> Result<R, Failure> {
        let [base, _] = self.sides.both();
        let before = record.counterpart(base, self.sides.identity)?;
        // Columns of a v1 row may say something else than its message: then the row is read, and not found.
        let before = before.ok_or_else(|| {
            let name = record.name();
            let message = format!(
                "columns of a row contradict its message: {} `{}` is listed, and not found",
                R::NAME,
                name.escape_debug()
            );
            Error::new(ErrorKind::DataLoss, message)
                .in_file(self.sides.base_path())
                .with_hint(
                    "use --name-only, --stat or -o json; `c1z verify` tells which rows are wrong",
                )
        })?;
        Ok(if self.sides.as_v3 {
            before.into_v3()?
        } else {
            before
        })
    }
}

/// A kind of record as the command names it.
trait Named: Compared {
    const KIND: Kind;
    /// Its name in a line.
    const NAME: &'static str;

    /// What a person calls the record.
    fn name(&self) -> String;
}

impl Named for v2::ResourceType {
    const KIND: Kind = Kind::ResourceTypes;
    const NAME: &'static str = "resourceType";

    fn name(&self) -> String {
        self.id.clone()
    }
}

impl Named for v2::Resource {
    const KIND: Kind = Kind::Resources;
    const NAME: &'static str = "resource";

    fn name(&self) -> String {
        format!("{}:{}", self.id.resource_type, self.id.resource)
    }
}

impl Named for v2::Entitlement {
    const KIND: Kind = Kind::Entitlements;
    const NAME: &'static str = "entitlement";

    fn name(&self) -> String {
        self.id.clone()
    }
}

impl Named for v2::Grant {
    const KIND: Kind = Kind::Grants;
    const NAME: &'static str = "grant";

    fn name(&self) -> String {
        self.id.clone()
    }
}
