//! The JSON of the reference, over all message types and the edges of the mapping.
//!
//! Goes beyond the objects in the golden files: every type, damaged bytes, numbers that are hard to
//! print, and texts of all kinds. What is accepted must be accepted with the same result, what is
//! refused must be refused; the places where this parser is stricter by choice are listed here.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "a test that cannot go on fails"
)]

mod support;

use std::path::Path;

use c1z_proto::json::{self, PrintOptions, Printer};
use c1z_proto::schema;
use serde_json::Value;
use support::{hex, hex_text, rows};

fn golden(op: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/protojson.ndjson.gz");
    let rows: Vec<_> = rows(&path)
        .into_iter()
        .filter(|row| row["op"] == op)
        .collect();
    assert!(rows.len() > 200, "{op}");
    rows
}

#[test]
fn bytes_print_alike() {
    let mut printer = Printer::new(PrintOptions::default());
    let mut counts = [0; 3];
    for row in golden("print") {
        let message = schema::message(row["message"].as_str().unwrap()).unwrap();
        let bytes = hex(row["pb"].as_str().unwrap());
        let mut text = Vec::new();
        let result = printer.print(message, &bytes, &mut text);
        let text = String::from_utf8(text).unwrap();
        match row["error"].as_str() {
            None => {
                assert_eq!(result.err().map(|error| error.to_string()), None, "{row}");
                assert_eq!(text, row["json"].as_str().unwrap(), "{row}");
                counts[0] += 1;
            }
            Some("print") => {
                assert!(result.is_err(), "{row}");
                c1z_proto::check(message, &bytes).unwrap();
                counts[1] += 1;
            }
            Some(_) => {
                assert!(result.is_err(), "{row}");
                // Strings of the descriptors of descriptors need not be UTF-8.
                if !message.name().contains("Option") {
                    assert!(c1z_proto::check(message, &bytes).is_err(), "{row}");
                }
                counts[2] += 1;
            }
        }
    }
    assert_eq!(counts, [1455, 20, 510]);
}

#[test]
fn bytes_become_canonical_alike() {
    let mut count = 0;
    for row in golden("print") {
        let message = schema::message(row["message"].as_str().unwrap()).unwrap();
        let bytes = hex(row["pb"].as_str().unwrap());
        let Some(encoded) = support::round_trip(message, &bytes) else {
            continue;
        };
        let decoded = row["error"].as_str() != Some("decode");
        assert_eq!(encoded.is_ok(), decoded, "{row}");
        if let (Ok(encoded), Some(canonical)) = (encoded, row["canonical"].as_str()) {
            assert_eq!(hex_text(&encoded), canonical, "{row}");
            count += 1;
        }
    }
    assert_eq!(count, 89);
}

/// Texts that the reference accepts and we do not: times that are not RFC 3339, a duration without
/// digits, more than a number in a string, base64 with bits that no byte uses.
const STRICTER: [&str; 8] = [
    r#"{"createdAt":"2024-01-02T03:04:05+24:00"}"#,
    r#"".s""#,
    r#"{"createdAt":"2024-01-02T3:04:05Z"}"#,
    r#"{"createdAt":"2024-01-02T03:04:05,5Z"}"#,
    r#"{"grants":"5 6"}"#,
    r#"{"grants":"5,"}"#,
    r#"{"value":"AB"}"#,
    r#"{"value":"AAB="}"#,
];

#[test]
fn texts_parse_alike() {
    let mut stricter = Vec::new();
    for row in golden("parse") {
        let message = schema::message(row["message"].as_str().unwrap()).unwrap();
        let text = row["text"].as_str().unwrap();
        let parsed = json::parse(message, text.as_bytes());
        match (parsed, row["pb"].as_str()) {
            (Ok(bytes), Some(pb)) => assert_eq!(hex_text(&bytes), pb, "{row}"),
            (Err(error), None) => {
                assert!(error.offset().is_some(), "{error}: {row}");
                assert_eq!(error.message(), message.name());
            }
            (Ok(bytes), None) => panic!("accepted as {}: {row}", hex_text(&bytes)),
            (Err(_), Some(_)) => stricter.push(text.to_owned()),
        }
    }
    assert_eq!(stricter, STRICTER);
}
