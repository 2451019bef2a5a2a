//! One frame for every list: forms of output, `--limit`, `--fields`, progress. A command says what
//! a row is; a new form or flag is added here, once.

use std::io::Write;

use serde_json::Value;

use crate::args::{Format, Global, ListArgs};
use crate::failure::{Failure, note};
use crate::file::Selected;
use crate::output::fields::{Fields, Member};
use crate::output::{Counted, Csv, Rows, Table, data, stdout};

/// What the rows of a list look like.
#[derive(Debug)]
pub(crate) struct Shape {
    /// Name of the list in JSON, for example `grants`.
    pub(crate) list: &'static str,
    /// The type of a row in JSON lines, for example `grant`.
    pub(crate) row: &'static str,
    /// Heads of the table.
    pub(crate) heads: &'static [&'static str],
    /// Members of a row in JSON, in their order.
    pub(crate) members: &'static [Member],
    /// Columns of CSV unless others are asked for, as paths.
    pub(crate) csv: &'static [&'static str],
}

/// A command that lists rows.
pub(crate) trait Listing {
    /// A row as the library returns it.
    type Row;

    /// What rows look like.
    const SHAPE: Shape;

    /// The cells of the table.
    fn cells(&mut self, row: &Self::Row) -> Result<Vec<String>, Failure>;

    /// Appends the JSON of a member, by its name; nothing if it is not set.
    fn member(&mut self, row: &Self::Row, name: &str, out: &mut Vec<u8>) -> Result<(), Failure>;
}

/// Whether the JSON of referenced objects is needed; tables need their names only.
pub(crate) fn needs_json(global: &Global, args: &ListArgs) -> bool {
    global.format != Format::Console || !args.fields.is_empty()
}

/// Prints rows until they or the limit end.
pub(crate) fn print<L: Listing>(
    global: &Global,
    args: &ListArgs,
    selected: Option<&Selected>,
    mut listing: L,
    rows: impl IntoIterator<Item = Result<L::Row, Failure>>,
) -> Result<(), Failure> {
    let mut form = Form::begin(&L::SHAPE, global, args, selected)?;
    let mut progress = Counted::new();
    let mut left = args.limit.unwrap_or(u64::MAX);
    let mut json = Vec::new();
    let mut cut = false;
    for row in rows {
        if left == 0 {
            cut = true;
            break;
        }
        left -= 1;
        form.row(&mut listing, &row?, &mut json)?;
        progress.row();
    }
    drop(progress);
    form.finish(cut)?;
    if let Some(limit) = args.limit.filter(|_| cut) {
        note(format_args!(
            "only the first {limit} are shown; there are more"
        ));
    }
    Ok(())
}

/// Prints the list of a file that holds no sync.
pub(crate) fn print_empty<L: Listing>(global: &Global, args: &ListArgs) -> Result<(), Failure> {
    Form::begin(&L::SHAPE, global, args, None)?.finish(false)
}

/// A list that is being printed.
enum Form {
    Table(Table<Out>),
    FieldsTable(Table<Out>, Fields),
    Document(Rows<Out>, Option<Fields>),
    Csv(Csv<Out>, Fields),
}

/// Guarded or not; both are buffered.
type Out = Box<dyn Write>;

impl Form {
    fn begin(
        shape: &Shape,
        global: &Global,
        args: &ListArgs,
        selected: Option<&Selected>,
    ) -> Result<Self, Failure> {
        let fields = match args.fields.as_slice() {
            [] => None,
            paths => Some(Fields::new(paths, shape.members)?),
        };
        Ok(match (global.format, fields) {
            (Format::Console, None) => Self::Table(Table::new(Box::new(stdout()), shape.heads)),
            (Format::Console, Some(fields)) => {
                Self::FieldsTable(Table::new(Box::new(stdout()), fields.heads()), fields)
            }
            (Format::Csv, fields) => {
                let fields = fields.map_or_else(|| Fields::new(shape.csv, shape.members), Ok)?;
                let mut csv = Csv::new(Box::new(data()) as Out);
                csv.record(fields.heads())?;
                Self::Csv(csv, fields)
            }
            (format @ (Format::Json | Format::Ndjson), fields) => {
                let out: Out = Box::new(data());
                let rows = Rows::begin(out, format, shape.list, shape.row, selected)?;
                Self::Document(rows, fields)
            }
        })
    }

    /// Prints a row; `json` is working memory.
    fn row<L: Listing>(
        &mut self,
        listing: &mut L,
        row: &L::Row,
        json: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        match self {
            Self::Table(table) => table.row(&listing.cells(row)?)?,
            Self::FieldsTable(table, fields) => {
                table.row(&fields.cells(&value(listing, row, fields, json)?))?;
            }
            Self::Csv(csv, fields) => {
                csv.record(fields.cells(&value(listing, row, fields, json)?))?;
            }
            Self::Document(rows, None) => {
                members(listing, row, |_| true, json)?;
                rows.row(json)?;
            }
            Self::Document(rows, Some(fields)) => {
                let wanted = value(listing, row, fields, json)?.to_string();
                let inner = wanted
                    .strip_prefix('{')
                    .and_then(|rest| rest.strip_suffix('}'));
                rows.row(inner.unwrap_or_default().as_bytes())?;
            }
        }
        Ok(())
    }

    fn finish(self, cut: bool) -> Result<(), Failure> {
        match self {
            Self::Table(table) | Self::FieldsTable(table, _) => table.finish()?,
            Self::Document(rows, _) => rows.finish(cut)?,
            Self::Csv(csv, _) => csv.finish()?,
        }
        Ok(())
    }
}

/// Replaces `out` by the wanted members of a row, joined.
fn members<L: Listing>(
    listing: &mut L,
    row: &L::Row,
    wanted: impl Fn(&str) -> bool,
    out: &mut Vec<u8>,
) -> Result<(), Failure> {
    out.clear();
    for member in L::SHAPE.members.iter().filter(|member| wanted(member.name)) {
        let before = out.len();
        if before > 0 {
            out.push(b',');
        }
        out.push(b'"');
        out.extend_from_slice(member.name.as_bytes());
        out.extend_from_slice(b"\":");
        let start = out.len();
        listing.member(row, member.name, out)?;
        if out.len() == start {
            out.truncate(before);
        }
    }
    Ok(())
}

/// Replaces `out` by all members of a row, joined; for documents that are no plain list.
pub(crate) fn all_members<L: Listing>(
    listing: &mut L,
    row: &L::Row,
    out: &mut Vec<u8>,
) -> Result<(), Failure> {
    members(listing, row, |_| true, out)
}

/// The members that fields name, as a value.
fn value<L: Listing>(
    listing: &mut L,
    row: &L::Row,
    fields: &Fields,
    json: &mut Vec<u8>,
) -> Result<Value, Failure> {
    members(listing, row, |name| fields.wants(name), json)?;
    json.insert(0, b'{');
    json.push(b'}');
    fields.read(json).map_err(|error| {
        let what = c1z::Error::new(
            c1z::ErrorKind::ResourceExhausted,
            "a row is nested too deep to be taken apart",
        );
        Failure::Library(
            what.with_hint("print it whole, with -o json")
                .with_source(error),
        )
    })
}
