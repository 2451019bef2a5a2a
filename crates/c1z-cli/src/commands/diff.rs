//! `c1z diff`: what changed between the two latest finished full syncs of one file, in the Go
//! tool's shape.

use std::io::Write;

use c1z::engine::Identity;
use c1z::engine::types::{SyncId, SyncType};
use c1z::ops::diff::{Change, Compared, DiffOptions, Side, diff};
use c1z::{Error, ErrorKind, MemoryBudget, Store};
use c1z_proto::connector::v2::{Entitlement, Grant, Resource};

use super::refuse_csv;
use crate::args::{DiffArgs, Format, Global};
use crate::failure::{Failure, Verdict};
use crate::file;
use crate::memory::Shares;
use crate::output::{Json, Progress, Rows, Watch, data};

pub(crate) fn run(global: &Global, args: &DiffArgs) -> Result<Verdict, Failure> {
    refuse_csv(global, "a diff")?;
    if global.sync_id.is_some() {
        return Err(Failure::usage(
            "diff compares the two latest finished full syncs; --sync-id has no meaning",
            "leave --sync-id out",
        ));
    }
    let shares = Shares::for_files(global, 1);
    let store = file::open_within(global, &global.file, shares.file)?;
    let [base, applied] = two_latest(&store)?;
    let comparison = Comparison {
        global,
        store: &store,
        base,
        applied,
        budget: shares.own(),
    };
    let changes = match global.format {
        Format::Ndjson => comparison.print_lines()?,
        Format::Console | Format::Json | Format::Csv => comparison.print_document()?,
    };
    Ok(if args.exit_code && changes > 0 {
        Verdict::No
    } else {
        Verdict::Yes
    })
}

/// The previous finished full sync and the latest.
fn two_latest(store: &Store) -> Result<[SyncId; 2], Failure> {
    let full = Some(&SyncType::Full);
    let Some(latest) = store.reader().latest_finished_sync(full)? else {
        let message = "the file holds no finished full sync; there is nothing to compare";
        return Err(Error::not_found(message)
            .with_hint("`c1z syncs` lists the syncs of a file")
            .into());
    };
    let Some(previous) = store.reader().previous_finished_sync(full)? else {
        let message =
            "the file holds a single finished full sync; there is nothing to compare it with";
        return Err(Error::new(ErrorKind::FailedPrecondition, message)
            .with_hint("files of the first format may hold several syncs; `c1z syncs` lists them")
            .into());
    };
    Ok([previous, latest.id])
}

struct Comparison<'a> {
    global: &'a Global,
    store: &'a Store,
    base: SyncId,
    applied: SyncId,
    budget: MemoryBudget,
}

impl Comparison<'_> {
    /// One document. Its lists stand one after another, so each is a comparison of its own; nothing
    /// is collected.
    fn print_document(&self) -> Result<u64, Failure> {
        let mut out = data();
        out.write_all(b"{\"resources\":")?;
        let mut changes = self.print_lists::<Resource>(&mut out)?;
        out.write_all(b",\"entitlements\":")?;
        changes += self.print_lists::<Entitlement>(&mut out)?;
        out.write_all(b",\"grants\":")?;
        changes += self.print_lists::<Grant>(&mut out)?;
        out.write_all(b"}\n")?;
        out.flush()?;
        Ok(changes)
    }

    /// The lists of one kind of record; empty ones are left out.
    fn print_lists<R: Compared>(&self, out: &mut impl Write) -> Result<u64, Failure> {
        let (mut json, mut bytes) = (Json::new(), Vec::new());
        let mut all = 0;
        let mut before = "{";
        for change in Change::ALL {
            let mut rows = 0_u64;
            self.compare(&[change], |_, record: &R| {
                if rows == 0 {
                    write!(out, "{before}\"{}\":[", change.as_str())?;
                } else {
                    out.write_all(b",")?;
                }
                rows += 1;
                bytes.clear();
                json.append(record, &mut bytes)?;
                Ok(out.write_all(&bytes)?)
            })?;
            if rows > 0 {
                out.write_all(b"]")?;
                before = ",";
            }
            all += rows;
        }
        out.write_all(if all == 0 { b"{}" } else { b"}" })?;
        Ok(all)
    }

    /// A line for each change.
    fn print_lines(&self) -> Result<u64, Failure> {
        let mut rows = Rows::begin(data(), Format::Ndjson, "changes", "change", None)?;
        let mut changes = self.add_lines::<Resource>("resource", &mut rows)?;
        changes += self.add_lines::<Entitlement>("entitlement", &mut rows)?;
        changes += self.add_lines::<Grant>("grant", &mut rows)?;
        rows.finish(false)?;
        Ok(changes)
    }

    fn add_lines<R: Compared>(
        &self,
        kind: &str,
        rows: &mut Rows<impl Write>,
    ) -> Result<u64, Failure> {
        let mut json = Json::new();
        let mut count = 0;
        self.compare(&Change::ALL, |change, record: &R| {
            let change = change.as_str();
            let mut members = format!("\"change\":\"{change}\",\"{kind}\":").into_bytes();
            json.append(record, &mut members)?;
            count += 1;
            Ok(rows.row(&members)?)
        })?;
        Ok(count)
    }

    fn compare<R: Compared>(
        &self,
        changes: &[Change],
        mut print: impl FnMut(Change, &R) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let identity = match self.store.reader().metadata().format {
            "v1" => Identity::External,
            _ => Identity::Structural,
        };
        let options = DiffOptions {
            identity,
            changes,
            budget: self.budget.clone(),
        };
        let side = |sync| Side {
            reader: self.store.reader(),
            sync,
        };
        let watch = Watch::new(Progress::new("records", self.global.quiet));
        diff(
            side(&self.base),
            side(&self.applied),
            &options,
            &watch,
            &mut |change, record: R| print(change, &record),
        )
    }
}
