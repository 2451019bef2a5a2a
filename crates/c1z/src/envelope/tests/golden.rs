//! Every golden v3 file, in all three encodings, gives the files of the raw directory beside it, and
//! the manifest fields that the reference printed; every v1 file decodes to a database.

use base64::Engine;
use c1z_proto::c1z::v3::SyncRunSummary;
use serde_json::Value;

use super::*;
use crate::MemoryBudget;
use crate::envelope::tar::{TarInput, TarReader};

#[derive(Debug)]
struct Bytes<'a>(&'a [u8]);

impl TarInput for Bytes<'_> {
    fn fill(&mut self, buf: &mut [u8]) -> Result<usize> {
        let n = buf.len().min(self.0.len());
        buf[..n].copy_from_slice(&self.0[..n]);
        self.0 = &self.0[n..];
        Ok(n)
    }

    fn skip(&mut self, n: u64) -> Result<bool> {
        let n = usize::try_from(n).unwrap();
        let enough = n <= self.0.len();
        self.0 = &self.0[n.min(self.0.len())..];
        Ok(enough)
    }
}

fn untar(archive: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut reader = TarReader::new(Bytes(archive), 0);
    let mut files = Vec::new();
    while let Some(file) = reader.next_file().unwrap() {
        files.push((
            file.name,
            slice(archive, file.offset..file.offset + file.len).to_vec(),
        ));
    }
    files
}

const NAMES: [(&str, PayloadEncoding); 3] = [
    ("v3.indexed_zstd.c1z", PayloadEncoding::IndexedZstd),
    ("v3.tar.c1z", PayloadEncoding::Tar),
    ("v3.tar_zstd.c1z", PayloadEncoding::TarZstd),
];

#[test]
fn the_three_payloads_hold_the_raw_directory() {
    let mut checked = 0;
    for case in cases() {
        let Some(raw) = has(&case, "pebble-dir.tar") else {
            continue;
        };
        let expected = untar(&read_all(&OsFs, raw));
        assert!(expected.len() >= 6, "{case}");
        for (name, encoding) in NAMES {
            let Some(path) = has(&case, name) else {
                continue;
            };
            let file = open_v3(&path);
            assert_eq!(file.encoding(), encoding, "{case}/{name}");
            let payload = file.payload().unwrap();
            assert!(contents(&payload) == expected, "{case}/{name}");
            let verified = payload.verify().unwrap();
            assert_eq!(verified.files, expected.len() as u64);
            assert_eq!(
                verified.hashed > 0,
                encoding == PayloadEncoding::IndexedZstd
            );
            checked += 1;
        }
    }
    assert!(checked >= 87, "{checked} files of 3 encodings");
}

#[test]
fn manifests_say_what_the_reference_printed() {
    let mut checked = 0;
    for case in cases() {
        let Some(printed) = has(&case, "v3.manifest.json") else {
            continue;
        };
        let printed: Value = serde_json::from_slice(&read_all(&OsFs, printed)).unwrap();
        let names = NAMES
            .iter()
            .map(|(name, _)| *name)
            .chain(["v3.pebble2.c1z"]);
        for path in names.filter_map(|name| has(&case, name)) {
            compare_manifest(&open_v3(&path), &printed, &path.display().to_string());
            checked += 1;
        }
    }
    assert!(checked >= 87, "{checked} manifests");
}

fn compare_manifest(file: &V3File, printed: &Value, what: &str) {
    let manifest = file.manifest();
    assert_eq!(printed["engine"], manifest.engine, "{what}");
    assert_eq!(file.engine().as_str(), manifest.engine, "{what}");
    assert_eq!(
        printed["engine_schema_version"], manifest.engine_schema_version,
        "{what}"
    );
    let structured = printed["pebble_id_index_format"] == "PEBBLE_ID_INDEX_FORMAT_STRUCTURED_V1";
    let format = if structured { 2 } else { 0 };
    assert_eq!(manifest.pebble_id_index_format.to_i32(), format, "{what}");
    assert_eq!(
        count(printed, "fold_dead_bytes"),
        manifest.fold_dead_bytes,
        "{what}"
    );
    let digest = manifest.grant_digest_root.as_option();
    assert_eq!(
        printed.get("grant_digest_root").is_some(),
        digest.is_some(),
        "{what}"
    );
    if let Some(digest) = digest {
        let root = &printed["grant_digest_root"];
        assert_eq!(root["abi_version"], digest.abi_version, "{what}");
        assert_eq!(count(root, "count"), digest.count, "{what}");
        let xor = base64::engine::general_purpose::STANDARD.encode(&digest.xor_digest);
        assert_eq!(root["xor_digest"].as_str().unwrap(), xor, "{what}");
    }
    let runs = printed["sync_runs"].as_array().cloned().unwrap_or_default();
    assert_eq!(runs.len(), manifest.sync_runs.len(), "{what}");
    for (printed, run) in runs.iter().zip(&manifest.sync_runs) {
        compare_run(printed, run, what);
    }
}

fn compare_run(printed: &Value, run: &SyncRunSummary, what: &str) {
    assert_eq!(printed["sync_id"], run.sync_id, "{what}");
    assert_eq!(
        printed["parent_sync_id"].as_str().unwrap_or_default(),
        run.parent_sync_id
    );
    for (name, found) in [("started_at", &run.started_at), ("ended_at", &run.ended_at)] {
        let expected = printed[name].as_str().map(seconds_and_nanos);
        let found = found
            .as_option()
            .map(|t| (t.seconds.rem_euclid(86_400), i64::from(t.nanos)));
        assert_eq!(found, expected, "{what} {name}");
    }
    let stats = run.stats.as_option();
    assert_eq!(printed.get("stats").is_some(), stats.is_some(), "{what}");
    let Some(stats) = stats else { return };
    let printed = &printed["stats"];
    assert_eq!(count(printed, "grants"), stats.grants, "{what}");
    assert_eq!(count(printed, "resources"), stats.resources, "{what}");
    assert_eq!(count(printed, "entitlements"), stats.entitlements, "{what}");
    let by_type = printed["resources_by_resource_type"]
        .as_object()
        .map_or(0, serde_json::Map::len);
    assert_eq!(by_type, stats.resources_by_resource_type.len(), "{what}");
}

/// A 64-bit number in protojson is a string, and absent when 0.
fn count(printed: &Value, name: &str) -> i64 {
    printed[name]
        .as_str()
        .map_or(0, |text| text.parse().unwrap())
}

/// Second of the day and nanoseconds of `2026-11-23T02:53:51.592239928Z`.
fn seconds_and_nanos(text: &str) -> (i64, i64) {
    let (_, time) = text.trim_end_matches('Z').split_once('T').unwrap();
    let (clock, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let seconds = clock
        .split(':')
        .fold(0, |sum, part| sum * 60 + part.parse::<i64>().unwrap());
    (seconds, format!("{fraction:0<9}").parse().unwrap())
}

#[test]
fn v1_files_decode_to_databases() {
    let mut checked = 0;
    for path in cases().iter().filter_map(|case| has(case, "v1.c1z")) {
        let EnvelopeFile::V1(file) = open_os(&path).unwrap() else {
            panic!("not v1")
        };
        let mut database = Vec::new();
        let decoded = file.decode_into(&mut database).unwrap();
        assert_eq!((decoded.bytes, decoded.frames), (database.len() as u64, 1));
        assert!(
            database.starts_with(b"SQLite format 3\0"),
            "{}",
            path.display()
        );
        if let Some(len) = file.declared_len().unwrap() {
            assert_eq!(len, decoded.bytes);
        }
        let memory = file.decode_to_memory(&MemoryBudget::default()).unwrap();
        assert!(read_file(&memory) == database, "{}", path.display());
        checked += 1;
    }
    assert!(checked >= 30, "{checked} files");
}

#[test]
fn opening_takes_one_read_of_a_small_file() {
    let file = open_v3(&has("basic", "v3.indexed_zstd.c1z").unwrap());
    let payload = file.payload().unwrap();
    contents(&payload);
    assert_eq!(file.counters().reads, 1);
}
