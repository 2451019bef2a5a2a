//! The difference change by change: in words, as lines of JSON, or only counted.

use std::io::Write;

use c1z::ops::diff::Change;
use c1z_proto::connector::v2::{Entitlement, Grant, Resource, ResourceType};
use serde_json::{Value, json};

use super::fields::{FieldChange, changed_fields};
use super::{Comparison, Named};
use crate::args::Format;
use crate::failure::Failure;
use crate::output::{Json, Rows, Table, data, printable, stdout};

/// Changes by kind: created, deleted, modified.
type Counts = [u64; 3];

/// Runs over all kinds that are wanted; returns the number of changes.
fn each_kind(comparison: &Comparison<'_>, mut visit: impl Visit) -> Result<u64, Failure> {
    let mut all = 0;
    all += one_kind::<ResourceType>(comparison, &mut visit)?;
    all += one_kind::<Resource>(comparison, &mut visit)?;
    all += one_kind::<Entitlement>(comparison, &mut visit)?;
    all += one_kind::<Grant>(comparison, &mut visit)?;
    visit.end()?;
    Ok(all)
}

fn one_kind<R: Named>(comparison: &Comparison<'_>, visit: &mut impl Visit) -> Result<u64, Failure> {
    if !comparison.args.wants(R::KIND) {
        return Ok(0);
    }
    let mut counts = Counts::default();
    comparison.compare(&Change::ALL, |change, record: R| {
        if let Some(count) = counts.get_mut(change as usize) {
            *count += 1;
        }
        visit.change(comparison, change, &record)
    })?;
    visit.kind(R::NAME, &counts)?;
    Ok(counts.iter().sum())
}

/// What is done with changes.
trait Visit {
    fn change<R: Named>(
        &mut self,
        comparison: &Comparison<'_>,
        change: Change,
        record: &R,
    ) -> Result<(), Failure>;

    /// A kind is over.
    fn kind(&mut self, name: &str, counts: &Counts) -> Result<(), Failure>;

    /// All are over.
    fn end(&mut self) -> Result<(), Failure>;
}

/// What a modified record had and has, unless only names are wanted.
fn fields_of<R: Named>(
    comparison: &Comparison<'_>,
    json: &mut Json,
    change: Change,
    record: &R,
) -> Result<Vec<FieldChange>, Failure> {
    if change != Change::Modified || comparison.args.name_only {
        return Ok(Vec::new());
    }
    let before = comparison.before(record)?;
    let mut value = |record: &R| -> Result<Value, Failure> {
        let bytes = json.render(record)?;
        serde_json::from_slice(&bytes).map_err(|error| {
            let what = "a record is nested too deep to be taken apart";
            let error = c1z::Error::new(c1z::ErrorKind::ResourceExhausted, what).with_source(error);
            Failure::Library(error.with_hint("use --name-only, or -o json"))
        })
    };
    Ok(changed_fields(&value(&before)?, &value(record)?))
}

/// Prints changes in words.
pub(super) fn print_text(comparison: &Comparison<'_>) -> Result<u64, Failure> {
    each_kind(
        comparison,
        Text {
            out: Box::new(stdout()),
            json: Json::new(),
            total: Counts::default(),
        },
    )
}

struct Text {
    out: Box<dyn Write>,
    json: Json,
    total: Counts,
}

impl Visit for Text {
    fn change<R: Named>(
        &mut self,
        comparison: &Comparison<'_>,
        change: Change,
        record: &R,
    ) -> Result<(), Failure> {
        let sign = match change {
            Change::Created => '+',
            Change::Deleted => '-',
            Change::Modified => '~',
        };
        writeln!(self.out, "{sign} {} {}", R::NAME, printable(&record.name()))?;
        for field in fields_of(comparison, &mut self.json, change, record)? {
            let show = |value: &Option<Value>| {
                let text = value
                    .as_ref()
                    .map_or_else(|| "-".to_owned(), Value::to_string);
                printable(&text).into_owned()
            };
            writeln!(
                self.out,
                "    {}: {} -> {}",
                printable(&field.path),
                show(&field.old),
                show(&field.new)
            )?;
        }
        Ok(())
    }

    fn kind(&mut self, _: &str, counts: &Counts) -> Result<(), Failure> {
        for (total, count) in self.total.iter_mut().zip(counts) {
            *total += count;
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), Failure> {
        let [created, deleted, modified] = self.total;
        writeln!(
            self.out,
            "{created} created, {deleted} deleted, {modified} modified"
        )?;
        Ok(self.out.flush()?)
    }
}

/// Prints a line of JSON for each change, or for each kind its counts; or one document with them.
pub(super) fn print_lines(comparison: &Comparison<'_>) -> Result<u64, Failure> {
    let rows = Rows::begin(
        Box::new(data()) as Box<dyn Write>,
        match comparison.global.format {
            Format::Json => Format::Json,
            _ => Format::Ndjson,
        },
        "changes",
        "change",
        None,
    )?;
    each_kind(
        comparison,
        Lines {
            rows: Some(rows),
            json: Json::new(),
            only_counts: comparison.args.stat,
        },
    )
}

struct Lines {
    /// None: ended.
    rows: Option<Rows<Box<dyn Write>>>,
    json: Json,
    only_counts: bool,
}

impl Visit for Lines {
    fn change<R: Named>(
        &mut self,
        comparison: &Comparison<'_>,
        change: Change,
        record: &R,
    ) -> Result<(), Failure> {
        if self.only_counts {
            return Ok(());
        }
        let mut members = format!("\"change\":\"{}\",", change.as_str()).into_bytes();
        if comparison.args.name_only {
            let name = json!({"kind": R::NAME, "name": record.name()}).to_string();
            let name = name.trim_start_matches('{').trim_end_matches('}');
            members.extend_from_slice(name.as_bytes());
        } else {
            members.extend_from_slice(format!("\"{}\":", R::NAME).as_bytes());
            self.json.append(record, &mut members)?;
            let fields = fields_of(comparison, &mut self.json, change, record)?;
            if !fields.is_empty() {
                let fields = fields
                    .into_iter()
                    .map(|field| json!({"path": field.path, "old": field.old, "new": field.new}));
                let fields = Value::from(fields.collect::<Vec<_>>()).to_string();
                members.extend_from_slice(format!(",\"fields\":{fields}").as_bytes());
            }
        }
        match &mut self.rows {
            Some(rows) => Ok(rows.row(&members)?),
            None => Ok(()),
        }
    }

    fn kind(&mut self, name: &str, counts: &Counts) -> Result<(), Failure> {
        let [created, deleted, modified] = counts;
        if let (true, Some(rows)) = (self.only_counts, &mut self.rows) {
            let counts = format!(
                "\"kind\":\"{name}\",\"created\":{created},\"deleted\":{deleted},\"modified\":{modified}"
            );
            rows.row(counts.as_bytes())?;
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), Failure> {
        match self.rows.take() {
            Some(rows) => Ok(rows.finish(false)?),
            None => Ok(()),
        }
    }
}

/// Prints how many records changed.
pub(super) fn print_counts(comparison: &Comparison<'_>) -> Result<u64, Failure> {
    let out: Box<dyn Write> = Box::new(stdout());
    let heads = ["Kind", "Created", "Deleted", "Modified"];
    each_kind(comparison, CountTable(Some(Table::new(out, &heads))))
}

/// A table of counts; none once it has ended.
struct CountTable(Option<Table<Box<dyn Write>>>);

impl Visit for CountTable {
    fn change<R: Named>(&mut self, _: &Comparison<'_>, _: Change, _: &R) -> Result<(), Failure> {
        Ok(())
    }

    fn kind(&mut self, name: &str, counts: &Counts) -> Result<(), Failure> {
        let mut cells = vec![name.to_owned()];
        cells.extend(counts.iter().map(u64::to_string));
        match &mut self.0 {
            Some(table) => Ok(table.row(&cells)?),
            None => Ok(()),
        }
    }

    fn end(&mut self) -> Result<(), Failure> {
        match self.0.take() {
            Some(table) => Ok(table.finish()?),
            None => Ok(()),
        }
    }
}
