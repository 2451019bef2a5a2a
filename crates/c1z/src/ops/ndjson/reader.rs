//! From lines to items.

use std::io::BufRead;

use super::counts::Counts;
use super::exact::Codec;
use super::item::{Form, Head, Item, Record};
use super::line::Lines;
use super::members::Members;
use super::parse::{End, Line, Part, Shape, data_line};
use super::{MESSAGE_BYTES_MAX, SCHEMA};
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
        let (shape, parts) = self.line()?;
        if let Shape::End(end) = shape {
            self.end(&end)?;
            self.state = State::Ended;
            return Ok(None);
        }
        for (at, part) in parts.into_iter().enumerate() {
            if let Part::Follows(len) = part {
                self.data(at, len)?;
            }
        }
        self.state = State::Reading;
        let item = give(&self.key, &self.parts, &shape, parts);
        self.counts.add(&item);
        Ok(Some(item))
    }

    /// How many items were read so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Reads the next line; what stands in it goes into `key` and `parts`.
    fn line(&mut self) -> Result<(Shape, [Part; 2])> {
        if !self.lines.advance()? {
            return Err(self.lines.fault("is missing: the file is cut"));
        }
        let [first, second] = &mut self.parts;
        self.key.clear();
        let line = Line {
            codec: &mut self.codec,
            in_sync: self.counts.syncs > 0,
            key: &mut self.key,
            parts: [first, second],
        };
        let read = line.read(self.lines.line());
        read.map_err(|what| self.lines.fault(&what))
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

/// The item that was read.
fn give<'a>(
    key: &'a [u8],
    [first, second]: &'a [Vec<u8>; 2],
    shape: &Shape,
    at: [Part; 2],
) -> Item<'a> {
    let (stored_key, second_is_there) = (
        (!key.is_empty()).then_some(key),
        at.get(1).is_some_and(|part| *part != Part::Absent),
    );
    match *shape {
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
        Shape::Row | Shape::End(_) => Item::Row { key, value: first },
    }
}
