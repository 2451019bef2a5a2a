use proptest::prelude::*;

use super::*;
use crate::connector::v2::{Grant, ResourceType};
use crate::error::ErrorKind;
use crate::google::protobuf::{ListValue, Struct, Value};
use crate::schema::{Described, Message};
use crate::wire::{put_bytes_field, put_varint_field};

fn field(number: u32, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    put_bytes_field(&mut out, number, value);
    out
}

fn print_with(
    options: PrintOptions,
    message: &'static Message,
    bytes: &[u8],
) -> Result<String, crate::Error> {
    let mut out = Vec::new();
    Printer::new(options).print(message, bytes, &mut out)?;
    Ok(String::from_utf8(out).unwrap())
}

fn print(message: &'static Message, bytes: &[u8]) -> String {
    print_with(PrintOptions::default(), message, bytes).unwrap()
}

fn any(type_url: &str, value: &[u8]) -> Vec<u8> {
    [field(1, type_url.as_bytes()), field(2, value)].concat()
}

#[test]
fn names_are_those_of_json_or_of_the_schema() {
    let bytes = [field(2, b"Group"), b"\x30\x01".to_vec()].concat();
    let message = ResourceType::MESSAGE;
    assert_eq!(
        print(message, &bytes),
        r#"{"displayName":"Group","sourcedExternally":true}"#
    );
    let options = PrintOptions {
        proto_names: true,
        ..Default::default()
    };
    let text = print_with(options, message, &bytes).unwrap();
    assert_eq!(
        text,
        r#"{"display_name":"Group","sourced_externally":true}"#
    );
}

#[test]
fn fields_print_in_order_of_declaration() {
    // Sources have the larger number, and are declared before annotations.
    let annotation = any("type.googleapis.com/c1.connector.v2.GrantImmutable", b"");
    let bytes = [field(3, b"id"), field(4, &annotation), field(5, b"")].concat();
    assert_eq!(
        print(Grant::MESSAGE, &bytes),
        "{\"id\":\"id\",\"sources\":{},\"annotations\":[{\"@type\":\
         \"type.googleapis.com/c1.connector.v2.GrantImmutable\"}]}"
    );
}

#[test]
fn unknown_types_are_for_the_caller_to_judge() {
    let annotations = [
        field(4, &any("type.googleapis.com/example.Unknown", b"\x01\xff")),
        field(
            4,
            &any(
                "type.googleapis.com/c1.connector.v2.RawId",
                &field(1, b"raw"),
            ),
        ),
        field(4, &any("example.com/", b"")),
    ]
    .concat();
    let with = |unknown_any| {
        let options = PrintOptions {
            unknown_any,
            ..Default::default()
        };
        print_with(options, ResourceType::MESSAGE, &annotations)
    };
    let error = with(UnknownAny::Error).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnknownType);
    assert_eq!(error.path(), "annotations[0]");
    let known = r#"{"@type":"type.googleapis.com/c1.connector.v2.RawId","id":"raw"}"#;
    assert_eq!(
        with(UnknownAny::Omit).unwrap(),
        format!("{{\"annotations\":[{known}]}}")
    );
    assert_eq!(
        with(UnknownAny::Raw).unwrap(),
        format!(
            "{{\"annotations\":[{},{known},{}]}}",
            r#"{"@type":"type.googleapis.com/example.Unknown","value":"Af8="}"#,
            r#"{"@type":"example.com/","value":""}"#
        )
    );
    // A list of which nothing is left is left out.
    let options = PrintOptions {
        unknown_any: UnknownAny::Omit,
        ..Default::default()
    };
    let only_unknown = field(4, &any("x/y", b""));
    assert_eq!(
        print_with(options, ResourceType::MESSAGE, &only_unknown).unwrap(),
        "{}"
    );
}

#[test]
fn what_the_wire_repeats_is_merged() {
    // The last scalar wins, also if it is zero; messages are joined.
    let twice = [field(1, b"a"), field(1, b"b")].concat();
    assert_eq!(print(ResourceType::MESSAGE, &twice), r#"{"id":"b"}"#);
    let emptied = [field(1, b"a"), field(1, b"")].concat();
    assert_eq!(print(ResourceType::MESSAGE, &emptied), "{}");
    let id = |part: Vec<u8>| field(1, &field(1, &part));
    let joined = [id(field(1, b"user")), id(field(2, b"u1"))].concat();
    let expected = r#"{"entitlement":{"resource":{"id":{"resourceType":"user"}}}}"#;
    let text = print(Grant::MESSAGE, &field(1, &id(field(1, b"user"))));
    assert_eq!(text, expected);
    let text = print(crate::connector::v2::Entitlement::MESSAGE, &joined);
    assert_eq!(
        text,
        r#"{"resource":{"id":{"resourceType":"user","resource":"u1"}}}"#
    );
    // Parts that are only together a message are none.
    let split = [field(1, b"\x0a"), field(1, b"\x00")].concat();
    assert!(print_with(PrintOptions::default(), Grant::MESSAGE, &split).is_err());
}

#[test]
fn maps_are_sorted_and_the_last_of_a_key_stays() {
    let entry = |key: &str, value: &str| {
        field(
            1,
            &[
                field(1, key.as_bytes()),
                field(2, &field(3, value.as_bytes())),
            ]
            .concat(),
        )
    };
    let bytes = [
        entry("b", "1"),
        entry("a", "2"),
        entry("b", "3"),
        entry("", "4"),
    ]
    .concat();
    assert_eq!(
        print(Struct::MESSAGE, &bytes),
        r#"{"":"4","a":"2","b":"3"}"#
    );
    // What is replaced must still be well-formed.
    let bad = [field(1, &field(2, &field(3, b"\xff"))), entry("", "x")].concat();
    let error = print_with(PrintOptions::default(), Struct::MESSAGE, &bad).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Malformed);
}

#[test]
fn errors_carry_path_and_offset() {
    let value = field(2, &field(1, &field(9, b"")));
    let annotation = [field(1, b"x/c1.connector.v2.Resource"), value].concat();
    let bad = field(12, b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\x7f");
    let timestamp = [field(1, b"x/c1.connector.v2.Resource"), field(2, &bad)].concat();
    let bytes = [field(4, &annotation), field(4, &timestamp)].concat();
    let error = print_with(PrintOptions::default(), Grant::MESSAGE, &bytes).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unprintable);
    assert_eq!(error.path(), "annotations[1].value.created_at");
    let bytes = field(
        1,
        &field(
            6,
            &[
                field(1, b"x/c1.connector.v2.RawId"),
                field(2, b"\x0a\x01\xff"),
            ]
            .concat(),
        ),
    );
    let error = print_with(PrintOptions::default(), Grant::MESSAGE, &bytes).unwrap_err();
    assert_eq!(error.path(), "entitlement.annotations[0].value.id");
    assert_eq!(error.offset(), Some(bytes.len() - 1));
    assert_eq!(error.message(), "c1.connector.v2.Grant");
}

#[test]
fn output_is_left_alone_on_an_error() {
    let mut out = b"before".to_vec();
    let mut printer = Printer::default();
    let bytes = [field(1, b"id"), field(2, b"\xff")].concat();
    printer
        .print(ResourceType::MESSAGE, &bytes, &mut out)
        .unwrap_err();
    assert_eq!(out, b"before");
    parse_into(
        ResourceType::MESSAGE,
        b"{\"id\":\"x\",",
        ParseOptions::default(),
        &mut out,
    )
    .unwrap_err();
    assert_eq!(out, b"before");
    // The printer is as good as new.
    printer
        .print(ResourceType::MESSAGE, &field(1, b"id"), &mut out)
        .unwrap();
    assert_eq!(out, br#"before{"id":"id"}"#);
}

#[test]
fn values_without_content_and_infinite_ones_have_no_json() {
    let failure = |bytes: &[u8]| {
        print_with(PrintOptions::default(), Value::MESSAGE, bytes)
            .unwrap_err()
            .kind()
    };
    assert_eq!(failure(b""), ErrorKind::Unprintable);
    let infinite = [b"\x11".as_slice(), &f64::INFINITY.to_le_bytes()].concat();
    assert_eq!(failure(&infinite), ErrorKind::Unprintable);
    assert_eq!(print(Value::MESSAGE, b"\x08\x00"), "null");
    // The last member counts, and what it replaces must be well-formed.
    assert_eq!(print(Value::MESSAGE, b"\x1a\x01x\x20\x01"), "true");
    assert_eq!(failure(b"\x1a\x01\xff\x20\x01"), ErrorKind::Malformed);
}

/// The JSON of lists in lists and objects in objects.
fn nested(levels: usize) -> [(&'static Message, String); 2] {
    let lists = format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let objects = format!(
        "{}{}",
        "{\"k\":".repeat(levels),
        "{}".to_owned() + &"}".repeat(levels)
    );
    [(ListValue::MESSAGE, lists), (Struct::MESSAGE, objects)]
}

#[test]
fn depth_is_limited_both_ways() {
    // Test threads have a stack of 2 MiB; a level takes two messages, the outermost list one less.
    let levels = crate::DEPTH_MAX as usize / 2;
    for (message, text) in nested(levels) {
        let bytes = parse(message, text.as_bytes()).unwrap();
        assert_eq!(print(message, &bytes), text);
        crate::check(message, &bytes).unwrap();
    }
    for (message, text) in nested(levels + 2) {
        assert_eq!(
            parse(message, text.as_bytes()).unwrap_err().kind(),
            ErrorKind::Limit
        );
    }
    let mut bytes = Vec::new();
    for _ in 0..levels + 2 {
        bytes = field(1, &field(6, &bytes));
    }
    let error = print_with(PrintOptions::default(), ListValue::MESSAGE, &bytes).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit);
    let open = "[".repeat(1_000_000);
    assert!(parse(ListValue::MESSAGE, open.as_bytes()).is_err());
    let hidden = format!("{{\"x\":{open}");
    assert!(parse(crate::google::protobuf::Any::MESSAGE, hidden.as_bytes()).is_err());
}

#[test]
fn errors_of_texts_carry_path_and_offset() {
    let cases = [
        (
            r#"{"entitlement":{"resource":{"profile":{"a":[1,nope]}}}}"#,
            46,
            r#"entitlement.resource.profile["a"][1]"#,
        ),
        (
            r#"{"annotations":[{},{"@type":"x/c1.connector.v2.RawId","id":5}]}"#,
            59,
            "annotations[1].id",
        ),
        (r#"{"annotations":[{"@type":"x/y"}]}"#, 16, "annotations[0]"),
        (
            r#"{"sources":{"sources":{"e":{"isDirect":0}}}}"#,
            39,
            r#"sources.sources["e"].is_direct"#,
        ),
        (r#"{"id":"x", "no":1}"#, 11, ""),
        (r#"{"id":"x" "#, 10, ""),
        (r#"{"entitlement":{"id":"x","id":"y"}}"#, 25, "entitlement"),
    ];
    for (text, offset, path) in cases {
        let error = parse(Grant::MESSAGE, text.as_bytes()).unwrap_err();
        assert_eq!(error.path(), path, "{error}: {text}");
        assert_eq!(error.offset(), Some(offset), "{error}: {text}");
    }
    let error = parse(Grant::MESSAGE, b"{\"id\":5}").unwrap_err();
    let text = "unexpected token: expected=`a string` found=`5`: \
                message=`c1.connector.v2.Grant` path=`id` offset=`6`";
    assert_eq!(error.to_string(), text);
    let error = parse(Grant::MESSAGE, b"{\"id\":\"\xff\"}").unwrap_err();
    assert_eq!((error.kind(), error.offset()), (ErrorKind::Json, Some(7)));
}

#[test]
fn raw_forms_of_unknown_types_are_accepted_on_request() {
    let text = br#"{"annotations":[{"value":"Af8=","@type":"x/y"}]}"#;
    assert_eq!(
        parse(ResourceType::MESSAGE, text).unwrap_err().kind(),
        ErrorKind::UnknownType
    );
    let mut out = Vec::new();
    let options = ParseOptions { raw_any: true };
    parse_into(ResourceType::MESSAGE, text, options, &mut out).unwrap();
    assert_eq!(out, field(4, &any("x/y", b"\x01\xff")));
}

#[test]
fn a_type_is_given_once() {
    for name in ["c1.connector.v2.RawId", "google.protobuf.BoolValue"] {
        let content = if name.ends_with("RawId") {
            "\"id\":\"x\""
        } else {
            "\"value\":true"
        };
        let once = format!("{{\"annotations\":[{{\"@type\":\"x/{name}\",{content}}}]}}");
        parse(ResourceType::MESSAGE, once.as_bytes()).unwrap();
        let twice = once.replace(content, &format!("{content},\"@type\":\"x/{name}\""));
        assert!(
            parse(ResourceType::MESSAGE, twice.as_bytes()).is_err(),
            "{twice}"
        );
    }
}

#[test]
fn the_last_member_of_a_oneof_stays() {
    let message = crate::connector::v2::SecurityInsightTrait::MESSAGE;
    let [score, issue] = [field(1, b"\x22\x01s"), field(2, b"\x0a\x01i")];
    let both = [score.clone(), issue.clone()].concat();
    assert_eq!(print(message, &both), r#"{"issue":{"value":"i"}}"#);
    // A member that comes back starts afresh.
    let back = [score.clone(), issue.clone(), field(1, b"\x18\x05")].concat();
    assert_eq!(
        print(message, &back),
        r#"{"riskScore":{"normalizedScore":5}}"#
    );
    // What is replaced must still be well-formed.
    let bad = [field(1, b"\xff"), issue].concat();
    let error = print_with(PrintOptions::default(), message, &bad).unwrap_err();
    assert_eq!(
        (error.path().as_str(), error.offset()),
        ("risk_score", Some(2))
    );
}

#[test]
fn messages_print_and_parse_directly() {
    let grant = Grant {
        id: "g".into(),
        ..Default::default()
    };
    let mut out = Vec::new();
    Printer::default().print_message(&grant, &mut out).unwrap();
    assert_eq!(out, br#"{"id":"g"}"#);
    assert_eq!(parse_message::<Grant>(&out).unwrap(), grant);
}

#[test]
fn times_at_the_edges() {
    let timestamp = |seconds: i64, nanos: i32| {
        let mut out = Vec::new();
        time::print_timestamp(seconds, nanos, &mut out).map(|()| String::from_utf8(out).unwrap())
    };
    assert_eq!(timestamp(0, 0).unwrap(), r#""1970-01-01T00:00:00Z""#);
    assert_eq!(
        timestamp(-1, 1).unwrap(),
        r#""1969-12-31T23:59:59.000000001Z""#
    );
    assert_eq!(
        timestamp(-62_135_596_800, 0).unwrap(),
        r#""0001-01-01T00:00:00Z""#
    );
    assert_eq!(
        timestamp(253_402_300_799, 999_000_000).unwrap(),
        r#""9999-12-31T23:59:59.999Z""#
    );
    assert_eq!(
        timestamp(951_782_400, 120_000).unwrap(),
        r#""2000-02-29T00:00:00.000120Z""#
    );
    assert_eq!(timestamp(-62_135_596_801, 0), None);
    assert_eq!(timestamp(253_402_300_800, 0), None);
    assert_eq!(timestamp(0, -1), None);
    assert_eq!(timestamp(0, 1_000_000_000), None);
}

proptest! {
    #[test]
    fn timestamps_round_trip(
        seconds in -62_135_596_800_i64..=253_402_300_799,
        nanos in 0..1_000_000_000,
    ) {
        let mut out = Vec::new();
        time::print_timestamp(seconds, nanos, &mut out).unwrap();
        let text = std::str::from_utf8(&out).unwrap().trim_matches('"');
        prop_assert_eq!(time::parse_timestamp(text), Some((seconds, nanos)));
    }

    #[test]
    fn base64_round_trips(bytes: Vec<u8>) {
        let mut text = Vec::new();
        base64::encode(&bytes, &mut text);
        let mut text = String::from_utf8(text).unwrap();
        for _ in 0..3 {
            let mut out = Vec::new();
            prop_assert_eq!(base64::decode(&text, &mut out), Some(()));
            prop_assert_eq!(&out, &bytes);
            // Once more with the other alphabet, then without padding.
            text = text.replace('+', "-").replace('/', "_");
            if text.contains('=') && out.len() % 2 == 0 {
                text = text.trim_end_matches('=').to_owned();
            }
        }
    }

    #[test]
    fn strings_round_trip(text: String) {
        let bytes = field(1, text.as_bytes());
        let json = print(ResourceType::MESSAGE, &bytes);
        let read: serde_json::Value = serde_json::from_str(&json).unwrap();
        if !text.is_empty() {
            prop_assert_eq!(read["id"].as_str(), Some(text.as_str()));
            prop_assert_eq!(parse(ResourceType::MESSAGE, json.as_bytes()).unwrap(), bytes);
        }
    }

    #[test]
    fn numbers_round_trip(bits: u64) {
        let number = f64::from_bits(bits);
        prop_assume!(number.is_finite());
        let bytes = [b"\x11".as_slice(), &bits.to_le_bytes()].concat();
        let json = print(Value::MESSAGE, &bytes);
        prop_assert_eq!(json.parse::<f64>().unwrap().to_bits(), bits);
        prop_assert_eq!(parse(Value::MESSAGE, json.as_bytes()).unwrap(), bytes);
    }

    #[test]
    fn texts_never_panic(text in "[{}\\[\\]\":,0-9a-z@ \\\\.eE+-]{0,60}") {
        for message in [Grant::MESSAGE, Value::MESSAGE, Struct::MESSAGE] {
            if let Ok(bytes) = parse(message, text.as_bytes()) {
                prop_assert!(crate::check(message, &bytes).is_ok());
            }
        }
    }
}

#[test]
fn integers_keep_their_width() {
    let message = crate::schema::message("c1.reader.v2.CallStat").unwrap();
    let mut bytes = Vec::new();
    put_varint_field(&mut bytes, 1, u64::MAX);
    assert_eq!(print(message, &bytes), r#"{"count":"-1"}"#);
    let message = crate::schema::message("c1.connector.v2.RiskScore").unwrap();
    let mut bytes = Vec::new();
    // Of 32-bit fields the upper bits do not count, and the rest is zero.
    put_varint_field(&mut bytes, 3, 1 << 32);
    assert_eq!(print(message, &bytes), "{}");
}
