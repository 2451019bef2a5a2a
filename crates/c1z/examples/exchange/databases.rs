//! Databases of many shapes, through the bulk builder of `shingle`.

use std::path::Path;
use std::sync::Arc;

use shingle::bulk::{BulkBuilder, BulkOptions, InputOrder};
use shingle::sst::Compression;
use shingle::vfs::OsFs;
use testkit::chance::Chance;
use testkit::rebuild::Rows;

use crate::{Outcome, levels, list};

/// Rows in the order in which they are added.
type List = Vec<(Vec<u8>, Vec<u8>)>;

/// A kind of database.
struct Shape {
    name: &'static str,
    rows: fn(&mut Chance) -> List,
    tune: fn(&mut BulkOptions, &mut Chance),
}

const SHAPES: [Shape; 23] = [
    shape("empty", |_| Vec::new(), |_, _| {}),
    shape("one-key", |c| rows(c, 1, key_short, value_mixed), |_, _| {}),
    shape(
        "grants",
        |c| rows(c, 3000, key_grant, value_text),
        |_, _| {},
    ),
    shape(
        "binary-keys",
        |c| rows(c, 3000, key_binary, value_tiny),
        |o, _| o.block_len = 512,
    ),
    shape(
        "zero-keys",
        |c| rows(c, 400, key_zeros, value_tiny),
        |o, _| o.block_len = 128,
    ),
    shape(
        "long-keys",
        |c| rows(c, 400, key_long, value_mixed),
        |_, _| {},
    ),
    shape(
        "prefix-keys",
        |c| rows(c, 500, key_prefix, value_tiny),
        |o, _| o.block_len = 1024,
    ),
    shape(
        "no-values",
        |c| rows(c, 6000, key_grant, |_| Vec::new()),
        |_, _| {},
    ),
    shape(
        "big-values",
        |c| rows(c, 60, key_grant, value_big),
        |_, _| {},
    ),
    shape(
        "equal-values",
        |c| rows(c, 4000, key_grant, |_| b"same".repeat(30)),
        |_, _| {},
    ),
    shape(
        "small-blocks",
        |c| rows(c, 2000, key_grant, value_mixed),
        |o, c| {
            o.block_len = 64 << c.below(5);
        },
    ),
    shape(
        "two-level",
        |c| rows(c, 2500, key_binary, value_mixed),
        |o, c| {
            o.block_len = 128 << c.below(4);
            o.index_block_len = 64 << c.below(4);
        },
    ),
    shape(
        "two-level-long",
        |c| rows(c, 250, key_long, value_tiny),
        |o, _| {
            (o.block_len, o.index_block_len) = (4096, 64);
        },
    ),
    shape(
        "many-tables",
        |c| rows(c, 2500, key_grant, value_mixed),
        |o, c| {
            o.table_bytes = 1 << (10 + c.below(4));
        },
    ),
    shape(
        "table-a-row",
        |c| rows(c, 120, key_short, value_mixed),
        |o, _| o.table_bytes = 1,
    ),
    shape(
        "sections",
        |c| rows(c, 3000, key_grant, value_mixed),
        |o, c| {
            o.sections = (0..40)
                .map(|n| format!("\x03\x04\0group\0g{n:02}").into_bytes())
                .collect();
            o.table_bytes = 4096 << c.below(4);
        },
    ),
    shape(
        "none",
        |c| rows(c, 2500, key_grant, value_text),
        |o, _| o.compression = Compression::None,
    ),
    shape(
        "zstd",
        |c| rows(c, 2500, key_grant, value_text),
        |o, c| {
            let level = u8::try_from(1 + c.below(9)).unwrap_or(3);
            o.compression = Compression::Zstd(level);
        },
    ),
    shape("noise", |c| rows(c, 300, key_short, value_noise), |_, _| {}),
    shape(
        "repeated",
        |c| rows(c, 9000, key_few, value_tiny),
        |o, _| o.memory_bytes = 0,
    ),
    shape(
        "spilled",
        |c| rows(c, 9000, key_grant, value_mixed),
        |o, _| o.memory_bytes = 0,
    ),
    shape(
        "ascending",
        |c| ascending(rows(c, 3000, key_grant, value_mixed)),
        |o, _| {
            o.order = InputOrder::Ascending;
        },
    ),
    shape("mixed", |c| rows(c, 4000, key_any, value_mixed), tune_any),
];

const fn shape(
    name: &'static str,
    rows: fn(&mut Chance) -> List,
    tune: fn(&mut BulkOptions, &mut Chance),
) -> Shape {
    Shape { name, rows, tune }
}

/// Makes `count` databases of each shape, the first from `seed`.
pub(crate) fn make(out: &Path, count: u64, seed: u64) -> Outcome<String> {
    let (mut made, mut total, mut tables) = (0, 0, 0);
    for seed in seed..seed + count {
        for shape in &SHAPES {
            let dir = out.join(format!("{}-{seed}", shape.name));
            let (rows, files) = build(shape, seed, &dir)
                .map_err(|e| format!("shape=`{}` seed=`{seed}`: {e}", shape.name))?;
            list::save(&dir.join("kv.ndjson.gz"), &rows)?;
            (made, total, tables) = (made + 1, total + rows.len(), tables + files);
        }
        for several in [false, true] {
            let name = if several { "levels" } else { "tombstones" };
            let dir = out.join(format!("{name}-{seed}"));
            let (rows, files) = levels::build(several, seed, &dir)
                .map_err(|e| format!("shape=`{name}` seed=`{seed}`: {e}"))?;
            list::save(&dir.join("kv.ndjson.gz"), &rows)?;
            (made, total, tables) = (made + 1, total + rows.len(), tables + files);
        }
    }
    let shapes = SHAPES.len() + 2;
    let last = seed + count - 1;
    Ok(format!(
        "{made} databases of {shapes} shapes, seeds {seed} to {last}: {tables} tables, {total} rows"
    ))
}

fn build(shape: &Shape, seed: u64, dir: &Path) -> Outcome<(Rows, usize)> {
    // Shapes of one seed differ too.
    let mut chance = Chance::seeded(seed);
    for byte in shape.name.bytes() {
        chance = Chance::seeded(chance.number() ^ u64::from(byte));
    }
    let mut options = BulkOptions {
        threads: 1 + chance.below(3),
        sync: false,
        ..BulkOptions::default()
    };
    (shape.tune)(&mut options, &mut chance);
    let made = (shape.rows)(&mut chance);
    let mut builder = BulkBuilder::new(Arc::new(OsFs), dir.join("db"), options)?;
    for (key, value) in &made {
        builder.add(key, value)?;
    }
    let built = builder.finish()?;
    Ok((made.into_iter().collect(), built.tables.len()))
}

/// Up to `most` rows, at least half as many.
fn rows(
    chance: &mut Chance,
    most: usize,
    key: fn(&mut Chance) -> Vec<u8>,
    value: fn(&mut Chance) -> Vec<u8>,
) -> List {
    let count = most - chance.below(most / 2 + 1);
    (0..count).map(|_| (key(chance), value(chance))).collect()
}

fn ascending(mut rows: List) -> List {
    rows.sort();
    rows.dedup_by(|a, b| a.0 == b.0);
    rows
}

/// Draws every option.
fn tune_any(options: &mut BulkOptions, chance: &mut Chance) {
    options.block_len = 64 << chance.below(12);
    options.index_block_len = 64 << chance.below(12);
    options.table_bytes = 1 << (9 + chance.below(16));
    options.memory_bytes = chance.below(4) << 20;
    options.compression = match chance.below(4) {
        0 => Compression::None,
        1 => Compression::Zstd(3),
        _ => Compression::Snappy,
    };
}

pub(crate) fn key_grant(chance: &mut Chance) -> Vec<u8> {
    let (group, user) = (chance.below(40), chance.below(100_000));
    format!("\x03\x04\0group\0g{group:02}\x001\0member\0user\0u{user:06}").into_bytes()
}

pub(crate) fn key_short(chance: &mut Chance) -> Vec<u8> {
    let len = 1 + chance.below(6);
    chance.bytes(len)
}

fn key_few(chance: &mut Chance) -> Vec<u8> {
    format!("key {}", chance.below(700)).into_bytes()
}

/// Bytes that codecs treat with care, many common prefixes.
pub(crate) fn key_binary(chance: &mut Chance) -> Vec<u8> {
    let len = 1 + chance.below(24);
    let byte = |_| chance.pick(b"\0\0\x01\xfe\xff\xffa").copied().unwrap_or(0);
    (0..len).map(byte).collect()
}

fn key_zeros(chance: &mut Chance) -> Vec<u8> {
    let (len, byte) = (1 + chance.below(500), chance.below(2));
    vec![if byte == 0 { 0 } else { 0xff }; len]
}

/// One in eight is longer than several blocks of the smaller sizes.
fn key_long(chance: &mut Chance) -> Vec<u8> {
    let prefix = if chance.below(8) == 0 {
        200 * chance.below(60)
    } else {
        0
    };
    let mut key = b"abcdefg".repeat(prefix / 7);
    let tail = 1 + chance.below(300);
    key.extend(chance.bytes(tail));
    key
}

/// Each is the beginning of many others.
fn key_prefix(chance: &mut Chance) -> Vec<u8> {
    b"prefix/".repeat(1 + chance.below(300))
}

fn key_any(chance: &mut Chance) -> Vec<u8> {
    match chance.below(4) {
        0 => key_short(chance),
        1 => key_binary(chance),
        2 => key_long(chance),
        _ => key_grant(chance),
    }
}

pub(crate) fn value_tiny(chance: &mut Chance) -> Vec<u8> {
    let len = chance.below(9);
    chance.bytes(len)
}

fn value_text(chance: &mut Chance) -> Vec<u8> {
    let words = [
        "member ",
        "owner ",
        "type.example.com/Trait ",
        "group:g",
        "user:u",
    ];
    let len = 100 + chance.below(400);
    let mut text = String::new();
    while text.len() < len {
        text.push_str(chance.pick(&words).copied().unwrap_or_default());
    }
    text.into_bytes()
}

pub(crate) fn value_mixed(chance: &mut Chance) -> Vec<u8> {
    if chance.below(40) == 0 {
        return value_text(chance).repeat(1 + chance.below(100));
    }
    let len = chance.below(200);
    chance.bytes(len)
}

fn value_big(chance: &mut Chance) -> Vec<u8> {
    if chance.below(2) == 0 {
        return value_text(chance).repeat(20 + chance.below(400));
    }
    let len = 10_000 + chance.below(200_000);
    chance.bytes(len)
}

fn value_noise(chance: &mut Chance) -> Vec<u8> {
    let len = 500 + chance.below(2000);
    chance.bytes(len)
}
