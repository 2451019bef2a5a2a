//! Where the fields of a message and the entries of a map stand on the wire.

use std::ops::Range;

use crate::error::{Error, Segment};
use crate::scan::{self, Value};
use crate::schema::{Field, Kind, Label, Message};
use crate::wire::{Fault, FaultKind, WireType};

/// Marks the slot of a oneof member that a later member replaced.
const LOST: u16 = u16::MAX;

/// No message has more oneofs; the build checks it.
const ONEOFS_MAX: usize = 8;

/// Where a known field stands in its message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot {
    /// Position of the field in the declaration.
    pub(super) field: u16,
    /// Whether the value is length-delimited.
    pub(super) delimited: bool,
    /// Where the value starts; of a number, where the field starts.
    pub(super) start: usize,
    /// The number, or the length.
    value: u64,
}

impl Slot {
    fn new(position: usize, field: &scan::Field<'_>) -> Self {
        // The build checks that no message has more than 128 fields.
        let position = u16::try_from(position).unwrap_or(LOST);
        match Raw::new(field.value) {
            Raw::Number(value) => Self {
                field: position,
                delimited: false,
                start: field.range.start,
                value,
            },
            Raw::Bytes(bytes) => Self {
                field: position,
                delimited: true,
                start: field.range.end - bytes.len(),
                value: bytes.len() as u64,
            },
        }
    }

    /// The value, out of the bytes of the message.
    #[inline]
    pub(super) fn raw<'a>(&self, message: &'a [u8]) -> Raw<'a> {
        if self.delimited {
            Raw::Bytes(part(message, self.start, self.len()))
        } else {
            Raw::Number(self.value)
        }
    }

    /// Length of a length-delimited value.
    #[expect(clippy::cast_possible_truncation, reason = "it was a length")]
    pub(super) const fn len(&self) -> usize {
        self.value as usize
    }
}

/// A value as it stands on the wire.
#[derive(Debug, Clone, Copy)]
pub(super) enum Raw<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

impl<'a> Raw<'a> {
    pub(super) fn new(value: Value<'a>) -> Self {
        match value {
            Value::Varint(number) | Value::Fixed64(number) => Self::Number(number),
            Value::Fixed32(number) => Self::Number(number.into()),
            Value::Bytes(bytes) | Value::Group(bytes) => Self::Bytes(bytes),
        }
    }

    /// What an absent value counts as.
    pub(super) fn zero(kind: Kind) -> Self {
        match kind.wire_type() {
            WireType::Bytes => Self::Bytes(&[]),
            _ => Self::Number(0),
        }
    }

    /// Whether a value counts as unset if its field has no presence.
    pub(super) fn is_zero(self, kind: Kind) -> bool {
        match (kind, self) {
            (_, Self::Bytes(bytes)) => bytes.is_empty(),
            (Kind::Int32 | Kind::Uint32 | Kind::Sint32 | Kind::Enum(_), Self::Number(number)) => {
                // Of these only 32 bits count.
                number.trailing_zeros() >= 32
            }
            (_, Self::Number(number)) => number == 0,
        }
    }

    pub(super) const fn bytes(self) -> &'a [u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Number(_) => &[],
        }
    }

    pub(super) const fn number(self) -> u64 {
        match self {
            Self::Number(number) => number,
            Self::Bytes(_) => 0,
        }
    }
}

/// What [`gather`] found.
pub(super) struct Frame {
    /// The slots of the message, in order of declaration.
    pub(super) slots: Range<usize>,
    /// Whether a oneof has more than one member, so that something is left out.
    pub(super) replaced: bool,
}

/// Puts the known fields of a message on the stack, in order of declaration.
pub(super) fn gather(
    message: &Message,
    bytes: &[u8],
    slots: &mut Vec<Slot>,
) -> Result<Frame, Error> {
    let start = slots.len();
    let mut last = 0;
    let mut sorted = true;
    for wire_field in scan::fields(bytes) {
        let wire_field = wire_field?;
        let Some(position) = message.position(wire_field.number) else {
            continue;
        };
        let Some(field) = message.fields().get(position) else {
            continue;
        };
        if !fits(field, wire_field.value.wire_type()) {
            return Err(mismatch(field, wire_field.range.start));
        }
        sorted &= last <= position;
        last = position;
        slots.push(Slot::new(position, &wire_field));
    }
    let frame = slots.get_mut(start..).unwrap_or_default();
    let replaced = message.oneofs && settle_oneofs(message, frame);
    if !sorted || replaced {
        frame.sort_unstable_by_key(|slot| (slot.field, slot.start));
        // What a oneof lost stands at the end.
        while slots.pop_if(|slot| slot.field == LOST).is_some() {}
    }
    Ok(Frame {
        slots: start..slots.len(),
        replaced,
    })
}

/// Marks all members of a oneof but the last; returns whether there were any. `slots` stand in wire
/// order.
fn settle_oneofs(message: &Message, slots: &mut [Slot]) -> bool {
    // The last member of each oneof, and whether a different one came before it.
    let mut winners = [(LOST, false); ONEOFS_MAX];
    let mut replaced = false;
    for slot in slots.iter_mut().rev() {
        let field = message.fields().get(usize::from(slot.field));
        let oneof = field.and_then(Field::oneof);
        let Some((winner, interrupted)) = oneof.and_then(|oneof| winners.get_mut(oneof)) else {
            continue;
        };
        if *winner == LOST {
            *winner = slot.field;
        }
        *interrupted |= *winner != slot.field;
        if *interrupted {
            slot.field = LOST;
            replaced = true;
        }
    }
    replaced
}

/// An entry of a map, and its key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) start: usize,
    pub(super) len: usize,
    pub(super) key_start: usize,
    key_len: usize,
}

impl Entry {
    fn new(message: &[u8], slot: &Slot) -> Result<Self, Error> {
        let mut entry = Self {
            start: slot.start,
            len: slot.len(),
            key_start: slot.start,
            key_len: 0,
        };
        for field in scan::fields(entry.bytes(message)) {
            let field = field.map_err(|error| Error::from(error).shifted(slot.start))?;
            if field.number == 1 {
                let key = field.value.bytes().ok_or_else(|| {
                    fault(FaultKind::WireTypeMismatch, slot.start + field.range.start)
                })?;
                entry.key_start = slot.start + field.range.end - key.len();
                entry.key_len = key.len();
            }
        }
        Ok(entry)
    }

    pub(super) fn bytes<'a>(&self, message: &'a [u8]) -> &'a [u8] {
        part(message, self.start, self.len)
    }

    pub(super) fn key<'a>(&self, message: &'a [u8]) -> &'a [u8] {
        part(message, self.key_start, self.key_len)
    }
}

/// Puts the entries of a map on the stack, sorted by key and, for equal keys, as they came. Returns
/// where they start.
pub(super) fn gather_entries(
    message: &[u8],
    slots: &[Slot],
    entries: &mut Vec<Entry>,
) -> Result<usize, Error> {
    let start = entries.len();
    let mut sorted = true;
    let mut last: &[u8] = &[];
    for slot in slots {
        let entry = Entry::new(message, slot)?;
        let key = entry.key(message);
        sorted &= last <= key;
        last = key;
        entries.push(entry);
    }
    if !sorted {
        let entries = entries.get_mut(start..).unwrap_or_default();
        entries.sort_unstable_by(|a, b| {
            a.key(message)
                .cmp(b.key(message))
                .then(a.start.cmp(&b.start))
        });
    }
    Ok(start)
}

/// The field that counts of several, and what came before it.
pub(super) struct Latest<'a> {
    pub(super) field: scan::Field<'a>,
    /// Where the unbroken run of fields of this number starts.
    pub(super) run_start: usize,
    /// Whether it is the only one.
    pub(super) only: bool,
}

impl Latest<'_> {
    /// Where the value starts.
    pub(super) fn value_start(&self) -> usize {
        self.field.range.end - Raw::new(self.field.value).bytes().len()
    }

    /// The values of the run, as one; for messages, which are merged by joining them.
    pub(super) fn join(&self, message: &[u8]) -> Vec<u8> {
        let run = message.get(self.run_start..).unwrap_or_default();
        let fields = scan::fields(run).flatten();
        let parts = fields.filter(|field| field.number == self.field.number);
        parts
            .flat_map(|field| field.value.bytes().unwrap_or_default())
            .copied()
            .collect()
    }
}

/// The last of the fields with these numbers.
pub(super) fn latest(
    message: &[u8],
    numbers: std::ops::RangeInclusive<u32>,
) -> Result<Option<Latest<'_>>, Fault> {
    let mut latest: Option<Latest<'_>> = None;
    for field in scan::fields(message) {
        let field = field?;
        if numbers.contains(&field.number) {
            let run_start = match &latest {
                Some(before) if before.field.number == field.number => before.run_start,
                _ => field.range.start,
            };
            latest = Some(Latest {
                field,
                run_start,
                only: latest.is_none(),
            });
        }
    }
    Ok(latest)
}

/// Whether a field may stand on the wire like this: numbers of lists also packed.
#[inline]
pub(super) fn fits(field: &Field, wire_type: WireType) -> bool {
    match wire_type {
        WireType::Bytes if field.label() != Label::Singular => true,
        _ => field.label() != Label::Map && wire_type == field.kind().wire_type(),
    }
}

pub(super) fn mismatch(field: &Field, offset: usize) -> Error {
    fault(FaultKind::WireTypeMismatch, offset).within(Segment::Field(field.name()))
}

#[inline]
fn part(bytes: &[u8], start: usize, len: usize) -> &[u8] {
    bytes.get(start..start + len).unwrap_or_default()
}

pub(super) fn utf8(bytes: &[u8]) -> Result<&str, Error> {
    std::str::from_utf8(bytes).map_err(|error| fault(FaultKind::Utf8, error.valid_up_to()))
}

pub(super) fn fault(kind: FaultKind, offset: usize) -> Error {
    Error::from(Fault { offset, kind })
}
