//! Entry points for hostile input. Each takes any bytes, must return, and must not panic but for a
//! broken promise of this crate.

use crate::check::check;
use crate::error::ErrorKind;
use crate::google::protobuf::{FileDescriptorSet, Struct, Value};
use crate::json::{ParseOptions, PrintOptions, Printer, UnknownAny, parse_into};
use crate::schema::{self, Described, Message};
use crate::{c1z, connector::v2, descriptors, scan, storage::v3};

/// Takes the first two bytes as the choice of a message type, the rest as bytes of a message.
pub fn bytes(input: &[u8]) {
    if let Some((message, bytes)) = choose(input) {
        message_bytes(message, bytes);
    }
}

/// Takes the first two bytes as the choice of a message type, the rest as its JSON.
pub fn text(input: &[u8]) {
    if let Some((message, text)) = choose(input) {
        message_text(message, text);
    }
}

/// Takes bytes as a descriptor set.
pub fn descriptor_set(bytes: &[u8]) {
    let closed = descriptors::check_closed(bytes);
    if crate::decode::<FileDescriptorSet>(bytes).is_err() {
        return;
    }
    if let Err(error) = closed {
        assert_eq!(error.kind(), ErrorKind::Malformed);
    }
}

fn choose(input: &[u8]) -> Option<(&'static Message, &[u8])> {
    let (choice, rest) = input.split_first_chunk()?;
    let count = schema::messages().count();
    let message = schema::messages().nth(usize::from(u16::from_le_bytes(*choice)) % count)?;
    Some((message, rest))
}

/// Bytes as a message of one type.
///
/// # Panics
///
/// If the walk over fields loses bytes, if checking, decoding and printing do not agree on what is
/// malformed, or if what was printed does not survive parsing.
pub fn message_bytes(message: &'static Message, bytes: &[u8]) {
    let mut end = 0;
    for field in scan::fields(bytes).flatten() {
        assert_eq!(field.range.start, end, "gap between fields");
        end = field.range.end;
    }
    assert!(end <= bytes.len(), "field beyond the end");
    let checked = check(message, bytes);
    if let Some(decoded) = decode(message, bytes) {
        assert_eq!(
            decoded,
            checked.is_ok(),
            "decoder and check disagree: {checked:?}"
        );
    }
    let options = PrintOptions {
        unknown_any: UnknownAny::Raw,
        ..PrintOptions::default()
    };
    let mut printer = Printer::new(options);
    let mut text = Vec::new();
    match printer.print(message, bytes, &mut text) {
        Ok(()) => {
            assert!(checked.is_ok(), "printed what is malformed: {checked:?}");
            reparse(message, &text, &mut printer);
        }
        Err(_) => assert!(text.is_empty(), "text left behind"),
    }
}

/// Text that was printed parses, and then prints the same.
fn reparse(message: &'static Message, text: &[u8], printer: &mut Printer) {
    let mut bytes = Vec::new();
    let parsed = parse_into(message, text, ParseOptions { raw_any: true }, &mut bytes);
    assert!(parsed.is_ok(), "printed text does not parse: {parsed:?}");
    let mut again = Vec::new();
    let result = printer.print(message, &bytes, &mut again);
    assert!(
        result.is_ok() && again == text,
        "printed text changed: {result:?}"
    );
}

/// Text as the JSON of a message of one type.
///
/// # Panics
///
/// If the bytes that it becomes are malformed, or do not survive printing.
pub fn message_text(message: &'static Message, text: &[u8]) {
    let mut bytes = Vec::new();
    let options = ParseOptions { raw_any: true };
    if parse_into(message, text, options, &mut bytes).is_err() {
        assert!(bytes.is_empty(), "bytes left behind");
        return;
    }
    let checked = check(message, &bytes);
    assert!(checked.is_ok(), "parsed to what is malformed: {checked:?}");
    let options = PrintOptions {
        unknown_any: UnknownAny::Raw,
        ..PrintOptions::default()
    };
    let mut printed = Vec::new();
    if Printer::new(options)
        .print(message, &bytes, &mut printed)
        .is_err()
    {
        return;
    }
    let mut again = Vec::new();
    let parsed = parse_into(
        message,
        &printed,
        ParseOptions { raw_any: true },
        &mut again,
    );
    assert!(
        parsed.is_ok() && again == bytes,
        "parsed bytes changed: {parsed:?}"
    );
}

/// Whether bytes decode as the type that a message stands for; `None` for types not tried here.
fn decode(message: &Message, bytes: &[u8]) -> Option<bool> {
    macro_rules! by_type {
        ($($type:ty)*) => {
            match () {
                $(() if message == <$type>::MESSAGE => decode_as::<$type>(bytes),)*
                () => return None,
            }
        };
    }
    by_type!(
        v2::ResourceType v2::Resource v2::Entitlement v2::Grant v2::UserTrait v2::GrantMetadata
        v2::SecurityInsightTrait v3::ResourceTypeRecord v3::ResourceRecord v3::EntitlementRecord
        v3::GrantRecord v3::AssetRecord v3::SyncRunRecord v3::SyncStatsRecord v3::SessionRecord
        c1z::v3::IndexedFrameIndex Struct Value
    )
}

/// Whether bytes decode; what decodes must be stable from its first encoding on. `None` if a limit
/// on memory was hit, of which the check knows nothing.
fn decode_as<M: Described + PartialEq>(bytes: &[u8]) -> Option<bool> {
    match crate::decode::<M>(bytes) {
        Ok(message) => {
            let encoded = crate::encode_canonical(&message);
            let again = crate::decode::<M>(&encoded);
            assert!(
                again.is_ok(),
                "encoded message does not decode: {again:?}",
                again = again.err()
            );
            if let Ok(again) = again {
                assert_eq!(
                    crate::encode_canonical(&again),
                    encoded,
                    "encoding is not stable"
                );
                assert_eq!(
                    again.encoded_len() as usize,
                    encoded.len(),
                    "length was wrong"
                );
            }
            Some(true)
        }
        Err(error) if error.kind() == ErrorKind::Limit && check(M::MESSAGE, bytes).is_ok() => None,
        Err(_) => Some(false),
    }
}
