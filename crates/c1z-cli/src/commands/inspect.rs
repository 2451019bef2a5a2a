//! `c1z inspect`: the structure of a file, for people who have to know. Prints what stands in the
//! bytes, decoded, and decodes only what was asked for.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use c1z::Store;
use c1z::envelope::V3File;
use c1z::keyspace::Key;
use c1z_proto::c1z::v3::C1ZManifestV3;
use shingle::db::{Database, ScanOptions};
use shingle::inspect::TableEvent;
use shingle::iter::Bounds;
use shingle::sst::{Table as SsTable, TableOptions};
use shingle::vfs::{Fs, OsFs};

use crate::args::{Format, Global, Inspect};
use crate::failure::Failure;
use crate::file;
use crate::output::{Json, Table, stdout};

pub(crate) fn run(global: &Global, what: &Inspect) -> Result<(), Failure> {
    let store = file::open(global)?;
    match what {
        Inspect::Envelope => envelope(&store),
        Inspect::Manifest => manifest(global, &store),
        Inspect::Lsm => lsm(&store),
        Inspect::Sst { name } => sst(&store, name),
        Inspect::Keys {
            prefix,
            limit,
            values,
        } => keys(&store, prefix, *limit, *values),
    }
}

fn envelope(store: &Store) -> Result<(), Failure> {
    let file = require_envelope(store)?;
    let mut out = stdout();
    writeln!(out, "format v3, {} bytes", file.file_len())?;
    writeln!(
        out,
        "manifest {} bytes at 9, engine {}",
        file.manifest_bytes().len(),
        file.engine().as_str()
    )?;
    writeln!(out, "payload {}\n", file.encoding().as_str())?;
    let frames = file.frames();
    if frames.is_empty() {
        let mut table = Table::new(&mut out, &["File", "Bytes"]);
        for (name, len) in file.payload()?.files() {
            table.row(&[name, &len.to_string()])?;
        }
        return Ok(table.finish()?);
    }
    let heads = [
        "File",
        "Offset",
        "Compressed",
        "Raw",
        "XXH64 of raw",
        "Frames",
    ];
    let mut table = Table::new(&mut out, &heads);
    for frame in frames {
        table.row(&[
            frame.name,
            frame.offset.to_string(),
            frame.compressed_len.to_string(),
            frame.raw_len.to_string(),
            format!("{:016x}", frame.raw_xxh64),
            frame
                .seekable_frames
                .map_or_else(|| "-".to_owned(), |count| count.to_string()),
        ])?;
    }
    Ok(table.finish()?)
}

fn require_envelope(store: &Store) -> Result<&V3File, Failure> {
    store.envelope().ok_or_else(|| {
        let path = store.path().display();
        c1z::Error::invalid(format!(
            "only a v3 file has an envelope to inspect: path=`{path}`"
        ))
        .into()
    })
}

fn require_database(store: &Store) -> Result<&Database, Failure> {
    store.database().ok_or_else(|| {
        let path = store.path().display();
        let message = format!("a v1 file holds no Pebble database: path=`{path}`");
        c1z::Error::invalid(message).into()
    })
}

/// The manifest without its descriptors, which are long and always the same.
fn manifest(global: &Global, store: &Store) -> Result<(), Failure> {
    let bytes = require_envelope(store)?.manifest_bytes();
    let mut manifest: C1ZManifestV3 = c1z_proto::decode(bytes).map_err(|error| {
        let what = c1z::Error::new(c1z::ErrorKind::DataLoss, "cannot decode the manifest");
        Failure::Library(what.with_source(error))
    })?;
    let descriptors = manifest.descriptors.file.len();
    manifest.descriptors = None.into();
    let document = Json::new().render(&manifest)?;
    let mut out = stdout();
    out.write_all(&document)?;
    writeln!(out)?;
    if global.format == Format::Console {
        writeln!(out, "and the descriptors of {descriptors} schema files")?;
    }
    Ok(out.flush()?)
}

fn lsm(store: &Store) -> Result<(), Failure> {
    let database = require_database(store)?;
    let mut out = stdout();
    writeln!(
        out,
        "format version {}, next sequence number {}, {} unflushed entries",
        database.format_version().number(),
        database.next_seq().0,
        database.unflushed_entries()
    )?;
    let heads = [
        "Level",
        "Table",
        "File",
        "Bytes",
        "Entries",
        "Deletes",
        "Range deletes",
        "Sequence numbers",
        "Smallest",
        "Largest",
    ];
    let mut table = Table::new(&mut out, &heads);
    let mut failure = None;
    shingle::inspect::tables(database, |event| {
        failure = table.row(&describe(&event)).err();
        Ok(())
    })
    .map_err(c1z::Error::from)?;
    failure.map_or(Ok(()), Err)?;
    Ok(table.finish()?)
}

fn describe(event: &TableEvent) -> Vec<String> {
    let meta = &event.meta;
    let file = if meta.is_virtual() {
        format!("part of {}", meta.file())
    } else {
        meta.file().to_string()
    };
    vec![
        event.level.index().to_string(),
        meta.number.to_string(),
        file,
        meta.size.to_string(),
        event.properties.entries.to_string(),
        event.properties.deletions.to_string(),
        event.range_tombstones.len().to_string(),
        format!("{}..{}", meta.smallest_seq.0, meta.largest_seq.0),
        show_key(&meta.smallest.user),
        show_key(&meta.largest.user),
    ]
}

fn sst(store: &Store, name: &str) -> Result<(), Failure> {
    require_database(store)?;
    let path = Path::new(name);
    let opened = match store.envelope() {
        Some(envelope) => envelope.payload()?.open(path),
        None => OsFs.open(&store.path().join(path)),
    };
    let file = opened.map_err(|error| c1z::Error::io("open the table", path, error))?;
    let table = SsTable::open(file, path, &TableOptions::default()).map_err(c1z::Error::from)?;
    let table = Arc::new(table);
    let mut out = stdout();
    writeln!(
        out,
        "{name}: {:?}, {} bytes\n",
        table.format(),
        table.file_len()
    )?;
    writeln!(out, "{:#?}\n", table.properties())?;
    let mut blocks = Table::new(&mut out, &["Block", "Offset", "Stored", "Decoded", "Codec"]);
    for block in table.blocks().map_err(c1z::Error::from)? {
        blocks.row(&[
            format!("{:?}", block.kind),
            block.handle.offset.to_string(),
            block.handle.len.to_string(),
            block.decoded_len.to_string(),
            format!("{:?}", block.codec),
        ])?;
    }
    Ok(blocks.finish()?)
}

fn keys(store: &Store, prefix: &str, limit: Option<u64>, values: bool) -> Result<(), Failure> {
    let prefix = parse_hex(prefix)?;
    let mut scan = require_database(store)?.scan(Bounds::prefix(&prefix), ScanOptions::default());
    let mut out = stdout();
    let mut left = limit.unwrap_or(u64::MAX);
    while left > 0
        && let Some((key, value)) = scan.next().map_err(c1z::Error::from)?
    {
        write!(out, "{}  {} bytes", show_key(key), value.len())?;
        if values {
            write!(out, "  {}", hex(value))?;
        }
        writeln!(out)?;
        left -= 1;
    }
    Ok(out.flush()?)
}

/// A key as its family and components, or as bytes where it is of no known family.
fn show_key(key: &[u8]) -> String {
    match Key::parse(key) {
        Ok(Key::Unassigned(_) | Key::Retired(..)) | Err(_) => format!("0x{}", hex(key)),
        Ok(parsed) => parsed.to_string(),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
            text.extend(
                [byte >> 4, byte & 15]
                    .map(|digit| char::from_digit(digit.into(), 16).unwrap_or('?')),
            );
            text
        })
}

fn parse_hex(text: &str) -> Result<Vec<u8>, Failure> {
    let digit = |byte: &u8| {
        char::from(*byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    let digits: Option<Vec<u8>> = text.as_bytes().iter().map(digit).collect();
    match digits {
        Some(digits) if digits.len() % 2 == 0 => Ok(digits
            .chunks(2)
            .map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit))
            .collect()),
        _ => Err(c1z::Error::invalid(format!("prefix is not hex: prefix=`{text}`")).into()),
    }
}
