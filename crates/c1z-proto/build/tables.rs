//! Writes the static tables of `src/schema.rs`: one per message and enum of the compiled schema.

use std::error::Error;
use std::fmt::Write as _;

use protox::prost_reflect::{
    DescriptorPool, EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor,
};

/// Field numbers below this are looked up by index, others by a search.
const DENSE_NUMBERS_MAX: usize = 128;

/// The printer of JSON has room for this many oneofs of a message.
const ONEOFS_MAX: usize = 8;

/// The parser of JSON has room for this many fields of a message.
const FIELDS_MAX: usize = 128;

/// Renders the tables of all messages in `pool` as Rust source.
pub(crate) fn render(pool: &DescriptorPool) -> Result<String, Box<dyn Error>> {
    let tables = Tables::new(pool);
    let mut out = String::new();
    writeln!(
        out,
        "pub(super) static MESSAGES: [&Message; {}] = [",
        tables.messages.len()
    )?;
    for index in 0..tables.messages.len() {
        writeln!(out, "    &M{index},")?;
    }
    writeln!(out, "];")?;
    for (index, message) in tables.messages.iter().enumerate() {
        tables.message(&mut out, index, message)?;
    }
    for (index, descriptor) in tables.enums.iter().enumerate() {
        enumeration(&mut out, index, descriptor)?;
    }
    Ok(out)
}

/// All messages and the enums of their fields, sorted by name; a position here names the static in
/// the output.
struct Tables {
    messages: Vec<MessageDescriptor>,
    enums: Vec<EnumDescriptor>,
}

impl Tables {
    fn new(pool: &DescriptorPool) -> Self {
        let mut messages: Vec<_> = pool
            .all_messages()
            .filter(|message| !message.is_map_entry())
            .collect();
        messages.sort_by(|a, b| a.full_name().cmp(b.full_name()));
        let fields = messages.iter().flat_map(MessageDescriptor::fields);
        let mut enums: Vec<_> = fields
            .filter_map(|field| field.kind().as_enum().cloned())
            .collect();
        enums.sort_by(|a, b| a.full_name().cmp(b.full_name()));
        enums.dedup();
        Self { messages, enums }
    }

    fn message(
        &self,
        out: &mut String,
        index: usize,
        message: &MessageDescriptor,
    ) -> Result<(), Box<dyn Error>> {
        // The descriptor keeps the order of declaration, which is the order of JSON.
        let fields: Vec<FieldDescriptor> = message
            .descriptor_proto()
            .field
            .iter()
            .filter_map(|field| message.get_field_by_name(field.name()))
            .collect();
        let oneofs = message.oneofs().any(|oneof| !oneof.is_synthetic());
        if message.oneofs().len() > ONEOFS_MAX {
            return Err(format!("too many oneofs: {}", message.full_name()).into());
        }
        if fields.len() > FIELDS_MAX {
            return Err(format!("too many fields: {}", message.full_name()).into());
        }
        writeln!(out, "static M{index}: Message = Message {{")?;
        writeln!(out, "    name: {:?},", message.full_name())?;
        writeln!(
            out,
            "    special: Special::{},",
            special(message.full_name())
        )?;
        writeln!(out, "    oneofs: {oneofs},")?;
        writeln!(out, "    dense: &{:?},", dense(&fields)?)?;
        writeln!(out, "    fields: &[")?;
        for field in &fields {
            self.field(out, field)?;
        }
        writeln!(out, "    ],\n}};")?;
        writeln!(out, "impl Described for crate::{} {{", rust_path(message))?;
        writeln!(out, "    const MESSAGE: &'static Message = &M{index};\n}}")?;
        Ok(())
    }

    fn field(&self, out: &mut String, field: &FieldDescriptor) -> Result<(), Box<dyn Error>> {
        let label = match () {
            () if field.is_map() => "Map",
            () if field.is_list() => "Repeated",
            () => "Singular",
        };
        let oneof = field
            .containing_oneof()
            .filter(|oneof| !oneof.is_synthetic())
            .and_then(|oneof| {
                oneof
                    .parent_message()
                    .oneofs()
                    .position(|other| other == oneof)
            });
        writeln!(
            out,
            "        Field {{ number: {}, name: {:?}, json_name: {:?}, proto_key: {:?}, \
             json_key: {:?}, kind: {}, label: Label::{label}, packed: {}, presence: {}, \
             oneof: {} }},",
            field.number(),
            field.name(),
            field.json_name(),
            format!("\"{}\":", field.name()),
            format!("\"{}\":", field.json_name()),
            self.kind(field)?,
            field.is_packed(),
            field.supports_presence(),
            oneof.map_or(0, |index| index + 1),
        )?;
        Ok(())
    }

    /// The kind of a field; of a map, the kind of its values.
    fn kind(&self, field: &FieldDescriptor) -> Result<String, Box<dyn Error>> {
        Ok(match field.kind() {
            Kind::Message(entry) if field.is_map() => {
                // Printing, parsing and sorting of maps rely on this.
                if entry.map_entry_key_field().kind() != Kind::String {
                    return Err(format!("map key is not a string: {}", field.full_name()).into());
                }
                self.kind(&entry.map_entry_value_field())?
            }
            Kind::Message(message) => {
                let index = self.messages.iter().position(|other| *other == message);
                format!(
                    "Kind::Message(&M{})",
                    index.ok_or("message is not in the pool")?
                )
            }
            Kind::Enum(descriptor) => {
                let index = self.enums.iter().position(|other| *other == descriptor);
                format!("Kind::Enum(&E{})", index.ok_or("enum is not in the pool")?)
            }
            scalar => {
                let name = format!("{scalar:?}");
                let (initial, rest) = name.split_at(1);
                format!("Kind::{}{rest}", initial.to_uppercase())
            }
        })
    }
}

fn enumeration(
    out: &mut String,
    index: usize,
    descriptor: &EnumDescriptor,
) -> Result<(), Box<dyn Error>> {
    let mut values: Vec<_> = descriptor
        .values()
        .map(|value| (value.number(), value.name().to_owned()))
        .collect();
    values.sort();
    values.dedup_by_key(|(number, _)| *number);
    writeln!(
        out,
        "static E{index}: Enum = Enum {{ name: {:?}, values: &{values:?} }};",
        descriptor.full_name()
    )?;
    Ok(())
}

/// Position + 1 of the field of each number, 0 where there is none.
fn dense(fields: &[FieldDescriptor]) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut table = Vec::new();
    for (index, field) in fields.iter().enumerate() {
        let number = usize::try_from(field.number())?;
        if number < DENSE_NUMBERS_MAX {
            if table.len() <= number {
                table.resize(number + 1, 0);
            }
            if let Some(slot) = table.get_mut(number) {
                *slot = u8::try_from(index + 1)?;
            }
        }
    }
    Ok(table)
}

/// Messages whose JSON is not an object of their fields.
fn special(name: &str) -> &'static str {
    match name.strip_prefix("google.protobuf.") {
        Some("Any") => "Any",
        Some("Timestamp") => "Timestamp",
        Some("Duration") => "Duration",
        Some("Struct") => "Struct",
        Some("Value") => "Value",
        Some("ListValue") => "List",
        Some(name) if name.ends_with("Value") => "Wrapper",
        _ => "None",
    }
}

/// Where the generated type of a message stands, relative to the crate.
fn rust_path(message: &MessageDescriptor) -> String {
    let mut path: Vec<String> = message
        .package_name()
        .split('.')
        .skip(usize::from(message.package_name().starts_with("c1.")))
        .map(String::from)
        .collect();
    let mut parents = Vec::new();
    let mut parent = message.parent_message();
    while let Some(outer) = parent {
        parents.push(snake(outer.name()));
        parent = outer.parent_message();
    }
    path.extend(parents.into_iter().rev());
    path.push(message.name().to_owned());
    path.join("::")
}

fn snake(name: &str) -> String {
    let mut out = String::new();
    for (index, letter) in name.chars().enumerate() {
        if letter.is_uppercase() && index > 0 {
            out.push('_');
        }
        out.extend(letter.to_lowercase());
    }
    out
}
