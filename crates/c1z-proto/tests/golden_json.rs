//! Every object in the golden files prints as the reference printed it.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "a test that cannot go on fails"
)]

mod support;

use c1z_proto::json::{PrintOptions, Printer};
use support::{dump_samples, files, read};

#[test]
fn objects_in_dumps_print_alike() {
    let mut printer = Printer::new(PrintOptions {
        proto_names: true,
        ..Default::default()
    });
    let mut text = Vec::new();
    let mut count = 0;
    for sample in dump_samples() {
        text.clear();
        printer
            .print(sample.message, &sample.bytes, &mut text)
            .unwrap();
        let found: serde_json::Value = serde_json::from_slice(&text).unwrap();
        assert_eq!(Some(found), sample.json, "{}", sample.origin);
        count += 1;
    }
    assert_eq!(count, 10_088);
}

/// The outputs of the command-line tool have their keys in the order of the reference, which the
/// dumps have lost.
#[test]
fn objects_in_outputs_print_to_the_byte() {
    let outputs = files("v1.");
    let output = |name: &str| {
        let (_, path) = outputs.iter().find(|(other, _)| other == name).unwrap();
        String::from_utf8(read(path)).unwrap()
    };
    let mut printer = Printer::new(PrintOptions::default());
    let mut counts = [0; 4];
    for sample in dump_samples() {
        if !sample.origin.starts_with("basic/dump.v1.") {
            continue;
        }
        let (count, name) = match sample.message.name() {
            "c1.connector.v2.ResourceType" => (0, "cli/v1.resource-types.json.txt"),
            "c1.connector.v2.Resource" => (1, "cli/v1.resources.json.txt"),
            "c1.connector.v2.Entitlement" => (2, "cli/v1.entitlements.json.txt"),
            _ => (3, "cli/v1.grants.json.txt"),
        };
        let mut text = Vec::new();
        printer
            .print(sample.message, &sample.bytes, &mut text)
            .unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(
            output(name).contains(&text),
            "{}: not in {name}: {text}",
            sample.origin
        );
        counts[count] += 1;
    }
    assert_eq!(counts, [5, 15, 8, 16]);
}
