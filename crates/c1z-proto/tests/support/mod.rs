//! What the golden files hold, for the tests of this crate.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "each test uses a part of it, and a test that cannot go on fails"
)]

pub(crate) mod generate;

use std::io::Read as _;
use std::path::{Path, PathBuf};

use c1z_proto::schema::{self, Message};
use serde_json::Value;

/// The golden files whose name starts with `prefix`, with the name of their case, sorted.
pub(crate) fn files(prefix: &str) -> Vec<(String, PathBuf)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/golden");
    let mut found = Vec::new();
    for case in list(&root).into_iter().filter(|path| path.is_dir()) {
        for file in list(&case) {
            if name(&file).starts_with(prefix) {
                found.push((format!("{}/{}", name(&case), name(&file)), file));
            }
        }
    }
    assert!(!found.is_empty(), "no golden files: prefix=`{prefix}`");
    found
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests read golden files in place"
)]
fn list(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths
}

fn name(path: &Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests read golden files in place"
)]
pub(crate) fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap()
}

/// The lines of a gzip file of NDJSON.
pub(crate) fn rows(path: &Path) -> Vec<Value> {
    let mut text = String::new();
    flate2::read::GzDecoder::new(read(path).as_slice())
        .read_to_string(&mut text)
        .unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// A message from the golden files.
pub(crate) struct Sample {
    /// Where it was found.
    pub(crate) origin: String,
    pub(crate) message: &'static Message,
    pub(crate) bytes: Vec<u8>,
    /// What the reference prints for it, with the names of the schema file.
    pub(crate) json: Option<Value>,
}

/// Every object in the dumps.
pub(crate) fn dump_samples() -> Vec<Sample> {
    let mut samples = Vec::new();
    for (case, path) in files("dump.") {
        for (line, mut row) in rows(&path).into_iter().enumerate() {
            let Some(pb) = row["pb"].as_str() else {
                continue;
            };
            samples.push(Sample {
                origin: format!("{case}:{}", line + 1),
                message: object(row["kind"].as_str().unwrap()),
                bytes: base64(pb),
                json: Some(row["data"].take()),
            });
        }
    }
    samples
}

/// Every object that was written to make the golden files.
pub(crate) fn ops_samples() -> Vec<Sample> {
    let mut samples = Vec::new();
    for (case, path) in files("ops.") {
        for (line, row) in rows(&path).into_iter().enumerate() {
            let Some(items) = row["items_pb"].as_array() else {
                continue;
            };
            let message = match row["op"].as_str().unwrap() {
                "put_resource_types" => object("resource_type"),
                "put_resources" => object("resource"),
                "put_entitlements" => object("entitlement"),
                "put_grants" | "store_expanded_grants" | "store_new_expanded_grants" => {
                    object("grant")
                }
                other => panic!("op with objects: `{other}`"),
            };
            samples.extend(items.iter().map(|item| Sample {
                origin: format!("{case}:{}", line + 1),
                message,
                bytes: base64(item.as_str().unwrap()),
                json: None,
            }));
        }
    }
    samples
}

/// Every value of the v3 keyspace that is a message.
pub(crate) fn record_samples() -> Vec<Sample> {
    let mut samples = Vec::new();
    for (case, path) in files("kv.") {
        for (line, row) in rows(&path).into_iter().enumerate() {
            let Some(message) = record(&hex(row["key_hex"].as_str().unwrap())) else {
                continue;
            };
            samples.push(Sample {
                origin: format!("{case}:{}", line + 1),
                message,
                bytes: hex(row["value_hex"].as_str().unwrap()),
                json: None,
            });
        }
    }
    samples
}

fn object(kind: &str) -> &'static Message {
    let name = match kind {
        "resource_type" => "ResourceType",
        "resource" => "Resource",
        "entitlement" => "Entitlement",
        "grant" => "Grant",
        other => panic!("row with an object: `{other}`"),
    };
    schema::message(&format!("c1.connector.v2.{name}")).unwrap()
}

/// The type of the value of a key; `None` for keys whose values are no messages.
fn record(key: &[u8]) -> Option<&'static Message> {
    let name = match key {
        [3, 1, ..] => "ResourceTypeRecord",
        [3, 2, ..] => "ResourceRecord",
        [3, 3, ..] => "EntitlementRecord",
        [3, 4, ..] => "GrantRecord",
        [3, 5, ..] => "AssetRecord",
        [3, 6, ..] => "SyncRunRecord",
        [3, 9, ..] => "SessionRecord",
        [3, 255, rest @ ..] if rest.starts_with(b"stats\0") => "SyncStatsRecord",
        [3, 7 | 10 | 255, ..] => return None,
        _ => panic!("unknown key family: {key:02x?}"),
    };
    schema::message(&format!("c1.storage.v3.{name}"))
}

pub(crate) fn hex(text: &str) -> Vec<u8> {
    assert_eq!(text.len() % 2, 0);
    let byte = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(byte).collect()
}

pub(crate) fn base64(text: &str) -> Vec<u8> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = Vec::new();
    let (mut bits, mut count) = (0_u32, 0);
    for letter in text.bytes().filter(|&letter| letter != b'=') {
        let value = ALPHABET.iter().position(|&other| other == letter).unwrap();
        bits = bits << 6 | u32::try_from(value).unwrap();
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count & 0xff) as u8);
        }
    }
    out
}

pub(crate) fn hex_text(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from_digit(digit.into(), 16))
        .map(Option::unwrap)
        .collect()
}

/// Decodes and encodes again as the type that `message` names; `None` for types that are only
/// looked at inside others.
pub(crate) fn round_trip(
    message: &Message,
    bytes: &[u8],
) -> Option<Result<Vec<u8>, c1z_proto::Error>> {
    use c1z_proto::{c1z, connector::v2, connectorapi::baton, google, reader, storage::v3};
    macro_rules! by_name {
        ($($type:ty)*) => {
            match message.name() {
                $(<$type as buffa::MessageName>::FULL_NAME => {
                    let message = c1z_proto::decode::<$type>(bytes);
                    Some(message.map(|message| c1z_proto::encode_canonical(&message)))
                })*
                _ => None,
            }
        };
    }
    by_name!(
        v2::ResourceType v2::Resource v2::Entitlement v2::Grant v2::AssetServiceGetAssetResponse
        v2::UserTrait v2::AppTrait v2::ManagedDeviceTrait v2::SecurityInsightTrait
        v2::VendorAgreementTrait v2::SourceCacheLookupAnswers v2::SessionStoreUsage
        v3::ResourceTypeRecord v3::ResourceRecord v3::EntitlementRecord v3::GrantRecord
        v3::AssetRecord v3::SyncRunRecord v3::SyncStatsRecord v3::SessionRecord
        c1z::v3::IndexedFrameIndex c1z::v1::C1ZDiffOutput
        reader::v2::SyncStats reader::v3::GrantsReaderServiceListGrantsForPrincipalResponse
        baton::v1::SetManyRequest google::protobuf::Struct google::protobuf::BoolValue
    )
}
