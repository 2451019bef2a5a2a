//! From lines to items.

use std::io::BufRead;

use c1z_proto::schema::{Described, Message};
use c1z_proto::storage::v3;

use super::counts::Counts;
use super::exact::{COLUMNS, Codec, MESSAGE, Names, RECORD, RUN, STATS};
use super::item::{Form, Head, Item, Record, message_schema, stored_schema};
use super::line::Lines;
use super::members::Members;
use super::{MESSAGE_BYTES_MAX, SCHEMA};
use crate::ops::RecordKind;
use crate::{Error, ErrorKind, Result};

/// Reads a file item by item. Nothing of it may be taken for a sync before [`Reader::next_item`] has
/// returned none: only then is the file known to be whole.
pub struct Reader<R> {
    lines: Lines<R>,
    codec: Codec,
    state: State,
    counts: Counts,
    key: Vec<u8>,
    /// The messages of the item at hand.
    parts: [Vec<u8>; 2],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Reading,
    Ended,
    /// An error was returned.
    Failed,
}

/// Where a message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Absent,
    /// In the line; it was read.
    Here,
    /// In the data lines that follow; so many bytes.
    Follows(u64),
}

/// What a line is, once its members are read.
#[derive(Clone, Copy, Debug)]
enum Shape {
    Sync,
    Stored(RecordKind),
    Message(RecordKind),
    Session,
    Row,
    End,
}

impl<R> std::fmt::Debug for Reader<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader")
            .field("state", &self.state)
            .field("counts", &self.counts)
            .finish_non_exhaustive()
    }
}

impl<R: BufRead> Reader<R> {
    /// Reads the first line.
    ///
    /// # Errors
    /// `InvalidArgument` for a file that is something else; `FormatNewer`; `Io` from the input.
    pub fn new(input: R) -> Result<Self> {
        let mut lines = Lines::new(input);
        let other = || {
            Error::invalid("not an NDJSON file of a sync: the first line must say so").with_hint(
                format!("expected {{\"type\":\"begin\",\"schema\":\"{SCHEMA}\"}}"),
            )
        };
        if !lines.advance()? {
            return Err(other());
        }
        let mut members = Members::parse(lines.line()).map_err(|_| other())?;
        let kind: &str = members.need("type").map_err(|_| other())?;
        let schema: &str = members.need("schema").map_err(|_| other())?;
        let family = SCHEMA.rsplit_once('/').map(|(family, _)| family);
        match schema.rsplit_once('/').map(|(family, _)| family) {
            _ if kind != "begin" => return Err(other()),
            _ if schema == SCHEMA => {}
            found if found == family => {
                let what = format!("NDJSON schema schema=`{schema}` known=`{SCHEMA}`");
                return Err(Error::new(ErrorKind::FormatNewer, what));
            }
            _ => return Err(other()),
        }
        members.end().map_err(|what| lines.fault(&what))?;
        Ok(Self {
            lines,
            codec: Codec::new(),
            state: State::Reading,
            counts: Counts::default(),
            key: Vec::new(),
            parts: Default::default(),
        })
    }

    /// The next item; none when the file has ended as its last line says.
    ///
    /// # Errors
    /// `DataLoss`, with the number of the line, for a line that says something else than it may, for a
    /// file that is cut, goes on behind its end, or is not the one that its last line speaks of;
    /// `ResourceExhausted` for a line or a message that is too long; `Io` from the input. After an
    /// error there is nothing more to read.
    pub fn next_item(&mut self) -> Result<Option<Item<'_>>> {
        match self.state {
            State::Reading => {}
            State::Ended => return Ok(None),
            State::Failed => {
                let what = "reading NDJSON stopped at an earlier error";
                return Err(Error::new(ErrorKind::FailedPrecondition, what));
            }
        }
        self.state = State::Failed;
        let (shape, parts) = self.item()?;
        self.state = State::Reading;
        if matches!(shape, Shape::End) {
            self.state = State::Ended;
            return Ok(None);
        }
        let item = give(&self.key, &self.parts, shape, parts);
        self.counts.add(&item);
        Ok(Some(item))
    }

    /// How many items were read so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Reads the next item into `key` and `parts`.
    fn item(&mut self) -> Result<(Shape, [Part; 2])> {
        if !self.lines.advance()? {
            return Err(self.lines.fault("is missing: the file is cut"));
        }
        let [first, second] = &mut self.parts;
        self.key.clear();
        let line = Line {
            codec: &mut self.codec,
            counts: &self.counts,
            key: &mut self.key,
            parts: [first, second],
        };
        let read = Members::parse(self.lines.line())
            .map_err(|error| error.to_string())
            .and_then(|members| line.read(members));
        let (shape, end, parts) = read.map_err(|what| self.lines.fault(&what))?;
        if let Some(end) = end {
            self.end(&end)?;
        }
        for (at, part) in parts.into_iter().enumerate() {
            if let Part::Follows(len) = part {
                self.data(at, len)?;
            }
        }
        Ok((shape, parts))
    }

    /// Reads data lines into the part at `at`. Memory grows with what is there, not with what was
    /// announced.
    fn data(&mut self, at: usize, len: u64) -> Result<()> {
        if len > MESSAGE_BYTES_MAX {
            let what =
                format!("NDJSON message is too long bytes=`{len}` max=`{MESSAGE_BYTES_MAX}`");
            return Err(Error::new(ErrorKind::ResourceExhausted, what));
        }
        let Some(out) = self.parts.get_mut(at) else {
            return Ok(());
        };
        out.clear();
        while (out.len() as u64) < len {
            if !self.lines.advance()? {
                return Err(self.lines.fault("is missing: the file is cut"));
            }
            let before = out.len();
            let read = data_line(self.lines.line(), out);
            read.map_err(|what| self.lines.fault(&what))?;
            if out.len() == before || out.len() as u64 > len {
                let what = format!("gives {} bytes of {len}", out.len());
                return Err(self.lines.fault(&what));
            }
        }
        Ok(())
    }

    /// Compares the last line with what was read; nothing may follow it.
    fn end(&mut self, end: &End) -> Result<()> {
        let found = End {
            lines: self.lines.before(),
            counts: self.counts.to_json(),
            sha256: self.lines.sha256_before(),
        };
        if *end != found {
            let what = format!(
                "does not end this file: expected=`{} lines, {}, sha256 {}` found=`{} lines, {}, sha256 {}`",
                end.lines, end.counts, end.sha256, found.lines, found.counts, found.sha256
            );
            return Err(self
                .lines
                .fault(&what)
                .with_hint("the file is damaged, or was edited after it was written"));
        }
        if self.lines.advance()? {
            return Err(self.lines.fault("follows the end"));
        }
        Ok(())
    }
}

/// What the last line says.
#[derive(Debug, PartialEq, Eq)]
struct End {
    lines: u64,
    counts: String,
    sha256: String,
}

/// Where the members of one line go.
struct Line<'b> {
    codec: &'b mut Codec,
    counts: &'b Counts,
    key: &'b mut Vec<u8>,
    parts: [&'b mut Vec<u8>; 2],
}

type ReadLine = (Shape, Option<End>, [Part; 2]);

impl Line<'_> {
    fn read(mut self, mut members: Members<'_>) -> Result<ReadLine, String> {
        let kind: &str = members.need("type")?;
        let read = match kind {
            "sync" => self.sync(&mut members),
            "session" => {
                let record = self.message(&mut members, 0, &RECORD, v3::SessionRecord::MESSAGE)?;
                require(record, "record").map(|()| (Shape::Session, None, [record, Part::Absent]))
            }
            "row" => self.row(&mut members),
            "end" => end_line(&mut members),
            other => match RecordKind::ALL
                .into_iter()
                .find(|kind| kind.as_str() == other)
            {
                Some(_) if self.counts.syncs == 0 => Err("record before any sync".to_owned()),
                Some(kind) => self.record(kind, &mut members),
                None => Err(format!("line of unknown type: `{}`", other.escape_debug())),
            },
        }?;
        members.end()?;
        Ok(read)
    }

    fn sync(&mut self, members: &mut Members<'_>) -> Result<ReadLine, String> {
        let run = self.message(members, 0, &RUN, v3::SyncRunRecord::MESSAGE)?;
        let stats = self.message(members, 1, &STATS, v3::SyncStatsRecord::MESSAGE)?;
        require(run, "run")?;
        Ok((Shape::Sync, None, [run, stats]))
    }

    fn record(&mut self, kind: RecordKind, members: &mut Members<'_>) -> Result<ReadLine, String> {
        members.base64("key", self.key)?;
        let stored = stored_schema(kind);
        let record = self.message(members, 0, &RECORD, stored)?;
        if record != Part::Absent {
            return Ok((Shape::Stored(kind), None, [record, Part::Absent]));
        }
        let Some(schema) = message_schema(kind) else {
            return Err("no member `record`".to_owned());
        };
        let message = self.message(members, 0, &MESSAGE, schema)?;
        let columns = self.message(members, 1, &COLUMNS, stored)?;
        require(message, "record` or `message")?;
        require(columns, "columns")?;
        if !self.key.is_empty() {
            return Err("a message has no key".to_owned());
        }
        Ok((Shape::Message(kind), None, [message, columns]))
    }

    fn row(&mut self, members: &mut Members<'_>) -> Result<ReadLine, String> {
        if !members.base64("key", self.key)? {
            return Err("no member `key`".to_owned());
        }
        let [value, _] = &mut self.parts;
        value.clear();
        let part = if members.base64("value", value)? {
            Part::Here
        } else {
            Part::Follows(members.need("valueBytes")?)
        };
        Ok((Shape::Row, None, [part, Part::Absent]))
    }

    /// Reads a message into the part at `at`.
    fn message(
        &mut self,
        members: &mut Members<'_>,
        at: usize,
        names: &Names,
        message: &'static Message,
    ) -> Result<Part, String> {
        let Some(out) = self.parts.get_mut(at) else {
            return Ok(Part::Absent);
        };
        let json = members.take(names.json);
        out.clear();
        if members.base64(names.pb, out)? {
            // The JSON beside the bytes is for people; they must not be told something else.
            return match json {
                Some(json) if !self.codec.shows(message, out, json) => {
                    Err(format!("`{}` is not what `{}` says", names.json, names.pb))
                }
                _ => Ok(Part::Here),
            };
        }
        if let Some(json) = json {
            let parsed = Codec::parse(message, json, out);
            return match parsed {
                Ok(()) => Ok(Part::Here),
                Err(error) => Err(format!("`{}`: {error}", names.json)),
            };
        }
        match members.take(names.bytes) {
            Some(number) => number
                .parse()
                .map(Part::Follows)
                .map_err(|error| format!("`{}`: {error}", names.bytes)),
            None => Ok(Part::Absent),
        }
    }
}

fn require(part: Part, name: &str) -> Result<(), String> {
    match part {
        Part::Absent => Err(format!("no member `{name}`")),
        _ => Ok(()),
    }
}

fn end_line(members: &mut Members<'_>) -> Result<ReadLine, String> {
    let end = End {
        lines: members.need("lines")?,
        counts: members.take("counts").unwrap_or_default().to_owned(),
        sha256: members.need("sha256")?,
    };
    Ok((Shape::End, Some(end), [Part::Absent; 2]))
}

fn data_line(line: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
    let mut members = Members::parse(line).map_err(|error| error.to_string())?;
    let kind: &str = members.need("type")?;
    if kind != "data" {
        return Err("must be of type `data`".to_owned());
    }
    if !members.base64("pb", out)? {
        return Err("no member `pb`".to_owned());
    }
    members.end()
}

/// The item that was read.
fn give<'a>(
    key: &'a [u8],
    [first, second]: &'a [Vec<u8>; 2],
    shape: Shape,
    at: [Part; 2],
) -> Item<'a> {
    let (stored_key, second_is_there) = (
        (!key.is_empty()).then_some(key),
        at.get(1).is_some_and(|part| *part != Part::Absent),
    );
    match shape {
        Shape::Sync => Item::Sync(Head {
            run: first,
            stats: second_is_there.then_some(second),
        }),
        Shape::Stored(kind) => Item::Record(Record {
            kind,
            form: Form::Stored { key: stored_key },
            value: first,
        }),
        Shape::Message(kind) => Item::Record(Record {
            kind,
            form: Form::Message { columns: second },
            value: first,
        }),
        Shape::Session => Item::Session(first),
        Shape::Row | Shape::End => Item::Row { key, value: first },
    }
}
