//! Moments in time as records store them, and the rule by which the newer row wins.
//!
//! A stored moment is a message `{1: seconds, 2: nanos}` of two signed integers. Stored bytes keep
//! what they hold; a moment that is read from them carries nanoseconds outside a second over, so that
//! order and comparison are those of the sum (`c1z3-keyspace` §5.4, §5.5).

use buffa::{Inline, MessageField};
use c1z_proto::google::protobuf;

use super::wire::{self, Fields, Value};
use crate::Result;
use crate::engine::types::Timestamp;

/// The field type of generated messages.
pub type Field = MessageField<protobuf::Timestamp, Inline<protobuf::Timestamp>>;

/// The moment in a field of a generated message.
pub fn from_field(field: &Field) -> Option<Timestamp> {
    let stored = field.as_option()?;
    let (seconds, nanos) = (stored.seconds, stored.nanos);
    Some(Stored { seconds, nanos }.moment())
}

/// The field of a generated message.
pub fn to_field(moment: Option<Timestamp>) -> Field {
    let message = moment.map(|moment| protobuf::Timestamp {
        seconds: moment.seconds,
        nanos: i32::try_from(moment.nanos).unwrap_or(i32::MAX),
        ..Default::default()
    });
    message.into()
}

/// Whether an incoming row replaces a stored one with the same identity: only a strictly newer one
/// does. A missing moment counts as older than any, and a tie keeps the stored row.
pub fn replaces(incoming: Option<Timestamp>, stored: Option<Timestamp>) -> bool {
    incoming > stored
}

/// A moment as it is stored, while its message is being read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Stored {
    seconds: i64,
    nanos: i32,
}

impl Stored {
    /// Reads one more occurrence of the field over earlier ones.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        reason = "protobuf integers are the low bits of the varint"
    )]
    pub(crate) fn merge(&mut self, bytes: &[u8]) -> Result<()> {
        let mut fields = Fields::new(bytes);
        while let Some(field) = fields.next_field()? {
            match (field.number, field.value) {
                (1, Value::Varint(value)) => self.seconds = value as i64,
                (2, Value::Varint(value)) => self.nanos = value as i32,
                (1 | 2, _) => return Err(fields.wrong_type("timestamp")),
                _ => {}
            }
        }
        Ok(())
    }

    /// The moment, nanoseconds within the second.
    pub(crate) fn moment(self) -> Timestamp {
        let (carry, nanos) = (
            self.nanos.div_euclid(1_000_000_000),
            self.nanos.rem_euclid(1_000_000_000),
        );
        Timestamp {
            seconds: self.seconds.saturating_add(i64::from(carry)),
            nanos: nanos.unsigned_abs(),
        }
    }
}

/// Appends a moment as field `number` of a message.
#[expect(
    clippy::cast_sign_loss,
    reason = "protobuf writes negative numbers as 64-bit two's complement"
)]
pub(crate) fn put(moment: Timestamp, out: &mut Vec<u8>, number: u32) {
    let parts = [(1u8, moment.seconds as u64), (2, u64::from(moment.nanos))];
    let set = parts.into_iter().filter(|&(_, value)| value != 0);
    let len = set.clone().map(|(_, value)| 1 + wire::varint_len(value));
    wire::put_header(out, number, len.sum());
    for (number, value) in set {
        out.push(number << 3);
        wire::put_varint(out, value);
    }
}
