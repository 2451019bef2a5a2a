//! One line: what it is, and where its messages stand.

use c1z_proto::schema::{Described, Message};
use c1z_proto::storage::v3;

use super::exact::{COLUMNS, Codec, MESSAGE, Names, RECORD, RUN, STATS};
use super::item::{message_schema, stored_schema};
use super::members::Members;
use crate::ops::RecordKind;

/// Where a message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Absent,
    /// In the line; it was read.
    Here,
    /// In the data lines that follow; so many bytes.
    Follows(u64),
}

/// What a line is, once its members are read.
#[derive(Debug)]
pub(super) enum Shape {
    Sync,
    Stored(RecordKind),
    Message(RecordKind),
    Session,
    Row,
    /// The last line.
    End(End),
}

/// What the last line says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct End {
    pub(super) lines: u64,
    /// As JSON.
    pub(super) counts: String,
    pub(super) sha256: String,
}

/// Where the members of one line go.
pub(super) struct Line<'b> {
    pub(super) codec: &'b mut Codec,
    /// Whether a sync has begun, so that records may come.
    pub(super) in_sync: bool,
    pub(super) key: &'b mut Vec<u8>,
    pub(super) parts: [&'b mut Vec<u8>; 2],
}

/// What a line is, and where its messages stand.
type ReadLine = (Shape, [Part; 2]);

impl Line<'_> {
    /// Reads a line; the text of the error does not name it.
    pub(super) fn read(mut self, line: &[u8]) -> Result<ReadLine, String> {
        let mut members = Members::parse(line).map_err(|error| error.to_string())?;
        let kind: &str = members.need("type")?;
        let read = match kind {
            "sync" => self.sync(&mut members),
            "session" => {
                let record = self.message(&mut members, 0, &RECORD, v3::SessionRecord::MESSAGE)?;
                require(record, "record").map(|()| (Shape::Session, [record, Part::Absent]))
            }
            "row" => self.row(&mut members),
            "end" => end_line(&mut members),
            other => match RecordKind::ALL
                .into_iter()
                .find(|kind| kind.as_str() == other)
            {
                Some(_) if !self.in_sync => Err("record before any sync".to_owned()),
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
        Ok((Shape::Sync, [run, stats]))
    }

    fn record(&mut self, kind: RecordKind, members: &mut Members<'_>) -> Result<ReadLine, String> {
        members.base64("key", self.key)?;
        let stored = stored_schema(kind);
        let record = self.message(members, 0, &RECORD, stored)?;
        if record != Part::Absent {
            return Ok((Shape::Stored(kind), [record, Part::Absent]));
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
        Ok((Shape::Message(kind), [message, columns]))
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
        Ok((Shape::Row, [part, Part::Absent]))
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
    Ok((Shape::End(end), [Part::Absent; 2]))
}

/// Appends the bytes of a data line.
pub(super) fn data_line(line: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
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
