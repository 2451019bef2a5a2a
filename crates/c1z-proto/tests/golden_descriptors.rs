//! Our schema says what the descriptors in files of the reference implementation say.
//!
//! Compared message by message, both ways: number, name, JSON name, type, label, oneof and options
//! of every field, the order of declaration, every value of every enum. The reference generates the
//! descriptors of its records; those of `google/protobuf/descriptor.proto` come from the compiler's
//! library and differ with its age, so of that file only what both know is compared.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "a test that cannot go on fails"
)]

mod support;

use std::collections::BTreeMap;

use c1z_proto::c1z::v3::C1ZManifestV3;
use c1z_proto::google::protobuf::{
    DescriptorProto, EnumDescriptorProto, FileDescriptorProto, FileDescriptorSet,
};
use support::{files, read};

const DESCRIPTOR_FILE: &str = "google/protobuf/descriptor.proto";

/// The manifest of an envelope: magic, length, manifest.
fn manifest(envelope: &[u8]) -> &[u8] {
    let (head, rest) = envelope.split_first_chunk::<9>().unwrap();
    assert_eq!(&head[..5], b"C1Z3\0");
    &rest[..u32::from_be_bytes(head[5..].try_into().unwrap()) as usize]
}

fn reference() -> FileDescriptorSet {
    let all = files("v3.indexed_zstd.c1z");
    let (_, path) = all
        .iter()
        .find(|(name, _)| name == "basic/v3.indexed_zstd.c1z")
        .unwrap();
    let manifest: C1ZManifestV3 = c1z_proto::decode(manifest(&read(path))).unwrap();
    manifest.descriptors.as_option().unwrap().clone()
}

fn ours() -> FileDescriptorSet {
    c1z_proto::decode(c1z_proto::descriptors::records()).unwrap()
}

/// What is said about each message and enum of a file, by full name; one line for each part.
fn facts(file: &FileDescriptorProto) -> BTreeMap<String, Vec<String>> {
    let mut facts = BTreeMap::new();
    let package = file.package.clone().unwrap_or_default();
    let edges = [&file.dependency, &file.syntax.iter().cloned().collect()];
    facts.insert(
        "file".into(),
        edges.into_iter().flatten().cloned().collect(),
    );
    let extensions = file
        .extension
        .iter()
        .map(|extension| format!("{extension:?}"));
    facts.insert("extensions".into(), extensions.collect());
    file.message_type
        .iter()
        .for_each(|message| message_facts(&package, message, &mut facts));
    file.enum_type
        .iter()
        .for_each(|found| enum_facts(&package, found, &mut facts));
    facts
}

fn message_facts(
    scope: &str,
    message: &DescriptorProto,
    facts: &mut BTreeMap<String, Vec<String>>,
) {
    let name = format!("{scope}.{}", message.name.as_deref().unwrap());
    let mut lines = Vec::new();
    for field in &message.field {
        let oneof = field
            .oneof_index
            .map(|index| &message.oneof_decl[usize::try_from(index).unwrap()].name);
        let options = field.options.as_option().map(buffa::Message::encode_to_vec);
        lines.push(format!(
            "field {:?} {:?} {:?} {:?} {:?} {:?} {:?} {oneof:?} {options:02x?}",
            field.number,
            field.name,
            field.json_name,
            field.r#type,
            field.type_name,
            field.label,
            field.default_value,
        ));
    }
    let options = message
        .options
        .as_option()
        .map(buffa::Message::encode_to_vec);
    lines.push(format!("options {options:02x?}"));
    lines.push(format!(
        "reserved {:?} {:?}",
        message.reserved_name, message.reserved_range
    ));
    message
        .nested_type
        .iter()
        .for_each(|nested| message_facts(&name, nested, facts));
    message
        .enum_type
        .iter()
        .for_each(|nested| enum_facts(&name, nested, facts));
    assert_eq!(facts.insert(name, lines), None);
}

fn enum_facts(scope: &str, found: &EnumDescriptorProto, facts: &mut BTreeMap<String, Vec<String>>) {
    let name = format!("{scope}.{}", found.name.as_deref().unwrap());
    let values = found
        .value
        .iter()
        .map(|value| format!("{:?} {:?}", value.number, value.name));
    assert_eq!(facts.insert(name, values.collect()), None);
}

#[test]
fn records_are_described_alike() {
    let (reference, ours) = (reference(), ours());
    let names = |set: &FileDescriptorSet| -> Vec<_> {
        set.file
            .iter()
            .map(|file| file.name.clone().unwrap())
            .collect()
    };
    assert_eq!(names(&ours), names(&reference));
    let mut compared = 0;
    for (ours, reference) in ours.file.iter().zip(&reference.file) {
        if ours.name.as_deref() != Some(DESCRIPTOR_FILE) {
            let facts = facts(ours);
            assert_eq!(facts, self::facts(reference));
            compared += facts.len();
        }
    }
    assert_eq!(compared, 48);
}

#[test]
fn descriptors_are_described_compatibly() {
    let of = |set: FileDescriptorSet| {
        let file = set
            .file
            .into_iter()
            .find(|file| file.name.as_deref() == Some(DESCRIPTOR_FILE));
        facts(&file.unwrap())
    };
    let (reference, ours) = (of(reference()), of(ours()));
    // The text up to the third value: number, name, JSON name.
    let identity = |line: &String| line.split(") ").take(3).collect::<Vec<_>>().join(") ");
    let number = |line: &String| line.split(") ").next().unwrap().to_owned();
    let mut compared = 0;
    for (name, lines) in ours.iter().filter(|(name, _)| name.starts_with("google")) {
        let Some(other) = reference.get(name) else {
            panic!("not in the reference: {name}")
        };
        for line in lines.iter().filter(|line| line.starts_with("field")) {
            if let Some(other) = other.iter().find(|other| number(other) == number(line)) {
                assert_eq!(identity(line), identity(other), "{name}");
                compared += 1;
            }
        }
    }
    assert_eq!(compared, 162);
}

#[test]
fn manifests_survive_decoding() {
    let mut count = 0;
    for (origin, path) in files("") {
        if path.extension().is_none_or(|extension| extension != "c1z")
            || origin.starts_with("corrupt/")
        {
            continue;
        }
        let envelope = read(&path);
        if !envelope.starts_with(b"C1Z3\0") {
            continue;
        }
        let bytes = manifest(&envelope);
        let manifest: C1ZManifestV3 = c1z_proto::decode(bytes).unwrap();
        assert_eq!(c1z_proto::encode_canonical(&manifest), bytes, "{origin}");
        count += 1;
    }
    assert_eq!(count, 121);
}
