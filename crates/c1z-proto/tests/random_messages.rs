//! Random messages of every type survive: bytes to JSON and back, bytes to message and back.
//!
//! Messages come from the schema, so this covers types that no golden file holds. A failure names
//! the seed; the generator depends on nothing else.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "a test that cannot go on fails"
)]

mod support;

use c1z_proto::json::{self, ParseOptions, PrintOptions, Printer, UnknownAny};
use c1z_proto::schema::{self, Message};
use support::generate::{self, Content, Random};
use support::{hex_text, round_trip};

const SEEDS: u64 = 40;

fn each(content: Content, mut check: impl FnMut(&'static Message, &[u8])) {
    let mut count = 0;
    for message in schema::messages() {
        for seed in 0..SEEDS {
            let mut bytes = Vec::new();
            generate::message(message, content, &mut Random::new(seed), &mut bytes);
            c1z_proto::check(message, &bytes)
                .unwrap_or_else(|error| panic!("{} seed {seed}: {error}", message.name()));
            check(message, &bytes);
            count += 1;
        }
    }
    assert!(count >= 200 * SEEDS, "{count}");
}

#[test]
fn json_round_trips_to_the_byte() {
    for proto_names in [false, true] {
        let mut printer = Printer::new(PrintOptions {
            proto_names,
            ..Default::default()
        });
        let mut text = Vec::new();
        each(Content::default(), |message, bytes| {
            text.clear();
            printer.print(message, bytes, &mut text).unwrap();
            let shown = String::from_utf8_lossy(&text);
            serde_json::from_slice::<serde_json::Value>(&text)
                .unwrap_or_else(|error| panic!("{}: {error}: {shown}", message.name()));
            let parsed =
                json::parse(message, &text).unwrap_or_else(|error| panic!("{error}: {shown}"));
            assert_eq!(
                hex_text(&parsed),
                hex_text(bytes),
                "{}: {shown}",
                message.name()
            );
        });
    }
}

#[test]
fn json_of_unknown_content_is_stable() {
    let options = PrintOptions {
        unknown_any: UnknownAny::Raw,
        ..Default::default()
    };
    let mut printer = Printer::new(options);
    each(Content { unknown: true }, |message, bytes| {
        let mut text = Vec::new();
        printer.print(message, bytes, &mut text).unwrap();
        let mut parsed = Vec::new();
        json::parse_into(message, &text, ParseOptions { raw_any: true }, &mut parsed).unwrap();
        // Unknown fields are gone, all else is there.
        let mut again = Vec::new();
        printer.print(message, &parsed, &mut again).unwrap();
        assert_eq!(
            String::from_utf8_lossy(&again),
            String::from_utf8_lossy(&text)
        );
    });
}

#[test]
fn messages_round_trip_to_the_byte() {
    let mut count = 0;
    each(Content { unknown: true }, |message, bytes| {
        if let Some(encoded) = round_trip(message, bytes) {
            assert_eq!(
                hex_text(&encoded.unwrap()),
                hex_text(bytes),
                "{}",
                message.name()
            );
            count += 1;
        }
    });
    assert_eq!(count, 27 * SEEDS);
}
