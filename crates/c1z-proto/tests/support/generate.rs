//! Random messages of any type of the schema, as canonical bytes.

use c1z_proto::schema::{self, Field, Kind, Label, Message};
use c1z_proto::wire::{WireType, put_bytes_field, put_tag, put_varint, put_varint_field};

/// A sequence of random numbers that a seed determines (splitmix64).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    pub(crate) fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[usize::try_from(self.below(items.len() as u64)).unwrap()]
    }
}

/// What random messages may hold.
#[derive(Clone, Copy, Default)]
pub(crate) struct Content {
    /// Unknown fields, and `Any` of unknown types.
    pub(crate) unknown: bool,
}

/// Appends a random message.
pub(crate) fn message(message: &Message, content: Content, random: &mut Random, out: &mut Vec<u8>) {
    Generator { content, random }.message(message, out, 4);
}

struct Generator<'a> {
    content: Content,
    random: &'a mut Random,
}

impl Generator<'_> {
    fn message(&mut self, message: &Message, out: &mut Vec<u8>, depth: u32) {
        match message.name() {
            "google.protobuf.Any" => self.any(out, depth),
            "google.protobuf.Timestamp" => self.time(out, -62_135_596_800, 315_537_897_600, false),
            "google.protobuf.Duration" => self.time(out, -1_000_000, 2_000_000, true),
            "google.protobuf.Value" => self.value(message, out, depth),
            _ => self.fields(message, out, depth),
        }
        if self.content.unknown && self.random.below(8) == 0 {
            self.unknown(message, out);
        }
    }

    fn fields(&mut self, message: &Message, out: &mut Vec<u8>, depth: u32) {
        let mut fields: Vec<&Field> = message.fields().iter().collect();
        // Members of oneofs come after all other fields.
        fields.sort_by_key(|field| (field.oneof().map(|oneof| oneof + 1), field.number()));
        // Oneofs of the schema: the first member that gets a value excludes the others.
        let mut oneofs = Vec::new();
        for field in fields {
            let leaf = !matches!(field.kind(), Kind::Message(_));
            if self.random.below(3) == 0 || depth == 0 && !leaf {
                continue;
            }
            let excluded = field.oneof();
            if excluded.is_some_and(|oneof| oneofs.contains(&oneof)) {
                continue;
            }
            oneofs.extend(excluded);
            self.field(field, out, depth);
        }
    }

    fn field(&mut self, field: &Field, out: &mut Vec<u8>, depth: u32) {
        match field.label() {
            Label::Singular => {
                let start = out.len();
                let zero = self.value_field(field.number(), field.kind(), out, depth);
                if zero && !field.presence() {
                    out.truncate(start);
                }
            }
            Label::Repeated if field.packed() => {
                let mut packed = Vec::new();
                for _ in 0..self.random.below(4) {
                    self.number(field.kind(), &mut packed);
                }
                if !packed.is_empty() {
                    put_bytes_field(out, field.number(), &packed);
                }
            }
            Label::Repeated => {
                for _ in 0..self.random.below(4) {
                    self.value_field(field.number(), field.kind(), out, depth);
                }
            }
            Label::Map => {
                let count = self.random.below(4);
                let keys: std::collections::BTreeSet<_> = (0..count).map(|_| self.text()).collect();
                for key in keys {
                    let mut entry = Vec::new();
                    put_bytes_field(&mut entry, 1, key.as_bytes());
                    self.value_field(2, field.kind(), &mut entry, depth);
                    put_bytes_field(out, field.number(), &entry);
                }
            }
        }
    }

    /// Appends a value with its tag; returns whether it is zero or empty.
    fn value_field(&mut self, number: u32, kind: Kind, out: &mut Vec<u8>, depth: u32) -> bool {
        match kind {
            Kind::Message(message) => {
                let mut bytes = Vec::new();
                self.message(message, &mut bytes, depth.saturating_sub(1));
                put_bytes_field(out, number, &bytes);
                false
            }
            Kind::String => {
                let text = self.text();
                put_bytes_field(out, number, text.as_bytes());
                text.is_empty()
            }
            Kind::Bytes => {
                let bytes: Vec<u8> = (0..self.random.below(9))
                    .map(|_| self.random.next() as u8)
                    .collect();
                put_bytes_field(out, number, &bytes);
                bytes.is_empty()
            }
            _ => {
                put_tag(out, number, kind.wire_type());
                self.number(kind, out)
            }
        }
    }

    /// Appends a number without tag; returns whether it is zero.
    fn number(&mut self, kind: Kind, out: &mut Vec<u8>) -> bool {
        let any = self.random.next() >> self.random.below(64);
        let value = match kind {
            Kind::Bool => any & 1,
            Kind::Int32 => i64::from(any as i32).cast_unsigned(),
            // Mostly numbers that have a name.
            Kind::Enum(_) => any % 16,
            Kind::Uint32 | Kind::Sint32 | Kind::Fixed32 | Kind::Sfixed32 => any & 0xffff_ffff,
            Kind::Float => u64::from((self.double() as f32).to_bits()),
            Kind::Double => self.double().to_bits(),
            _ => any,
        };
        match kind.wire_type() {
            WireType::Fixed64 => out.extend(value.to_le_bytes()),
            WireType::Fixed32 => out.extend(&value.to_le_bytes()[..4]),
            _ => put_varint(out, value),
        }
        value == 0
    }

    fn double(&mut self) -> f64 {
        let bits = f64::from_bits(self.random.next());
        let small = self.random.below(2000) as f64 - 1000.0;
        let edges = [
            0.0,
            -0.0,
            1e21,
            1e20,
            1e-6,
            1e-7,
            123_456_789.0,
            0.1,
            f64::MAX,
            5e-324,
        ];
        match self.random.below(4) {
            0 if bits.is_finite() => bits,
            1 => self.random.pick(&edges),
            2 => small / 8.0,
            _ => small,
        }
    }

    fn text(&mut self) -> String {
        let letters = [
            "a",
            "B",
            "user",
            ":",
            "ä",
            "\0",
            "\u{1}",
            "\n",
            "\t",
            "\"",
            "\\",
            "/",
            "<&>",
            "\u{7f}",
            "\u{2028}",
            "\u{ffff}",
            "\u{1f600}",
            " ",
            "\u{8}",
            "\u{c}",
            "\r",
            "\u{1f}",
            "\u{fffd}",
        ];
        (0..self.random.below(5))
            .map(|_| self.random.pick(&letters))
            .collect()
    }

    fn any(&mut self, out: &mut Vec<u8>, depth: u32) {
        let known: Vec<_> = schema::messages()
            .filter(|message| is_annotation(message))
            .collect();
        if self.content.unknown && self.random.below(4) == 0 {
            put_bytes_field(out, 1, b"type.googleapis.com/example.Unknown");
            put_bytes_field(out, 2, b"\xffopaque");
            return;
        }
        let message = self.random.pick(&known);
        put_bytes_field(
            out,
            1,
            format!("type.googleapis.com/{}", message.name()).as_bytes(),
        );
        let mut value = Vec::new();
        self.message(message, &mut value, depth.saturating_sub(1));
        if !value.is_empty() {
            put_bytes_field(out, 2, &value);
        }
    }

    fn time(&mut self, out: &mut Vec<u8>, start: i64, length: u64, signed: bool) {
        let seconds = start + self.random.below(length).cast_signed();
        let nanos = self.random.below(1_000_000_000).cast_signed();
        let nanos =
            self.random
                .pick(&[0, nanos, nanos / 1000 * 1000, nanos / 1_000_000 * 1_000_000]);
        let nanos = if signed && seconds < 0 { -nanos } else { nanos };
        for (number, value) in [(1, seconds), (2, nanos)] {
            if value != 0 {
                put_varint_field(out, number, value.cast_unsigned());
            }
        }
    }

    fn value(&mut self, message: &Message, out: &mut Vec<u8>, depth: u32) {
        let number = 1 + self.random.below(if depth == 0 { 4 } else { 6 }) as u32;
        match number {
            1 => put_varint_field(out, 1, 0),
            _ => {
                self.value_field(number, message.field(number).unwrap().kind(), out, depth);
            }
        }
    }

    fn unknown(&mut self, message: &Message, out: &mut Vec<u8>) {
        for number in [60_001, 60_000] {
            assert!(message.field(number).is_none());
            match self.random.below(4) {
                0 => put_varint_field(out, number, self.random.next()),
                1 => put_bytes_field(out, number, b"unknown \xff"),
                2 => {
                    put_tag(out, number, WireType::Fixed32);
                    out.extend([1, 2, 3, 4]);
                }
                _ => {
                    put_tag(out, number, WireType::GroupStart);
                    put_varint_field(out, 1, 1);
                    put_tag(out, number, WireType::GroupEnd);
                }
            }
        }
    }
}

/// Messages that one finds in an `Any`, and a few that have a JSON form of their own.
fn is_annotation(message: &Message) -> bool {
    let name = message.name();
    match name.strip_prefix("google.protobuf.") {
        Some(name) => {
            matches!(name, "Struct" | "Timestamp" | "Duration" | "Any") || name.ends_with("Value")
        }
        None => name.starts_with("c1.connector.v2."),
    }
}
