//! Contract: whatever the bytes, the reader returns; what it cannot read is an error that names a
//! structure and an offset; it does not panic and does not walk in circles.
//!
//! Mechanics: golden databases are cut, flipped and rewired, with seeds that are printed, and read
//! in every way by the fuzzing entry point, which panics on an error of a wrong kind. A walk in
//! circles would show as a test that does not end. Out of scope: silent changes of values, which
//! the format has no checksum against.

use c1z::sqlite_file::fuzz;
use shingle::{Error, ErrorKind};
use testkit::chance::Chance;

use crate::random::seeds;
use crate::support::{golden, goldens, open};

/// Databases of different shapes: overflow pages in tables and indexes, deep indexes, freelists.
const CASES: [&str; 5] = [
    "basic",
    "unusual-strings",
    "big-asset",
    "overwrites-deletes",
    "cleanup",
];

/// The error of reading all of `bytes`, with its place checked.
fn error_of(bytes: &[u8], context: &str) -> Option<Error> {
    let error = fuzz::read(bytes).1.err()?;
    if error.kind() == ErrorKind::Corrupt {
        let corruption = error.corruption().expect("a place");
        assert!(!corruption.expected.is_empty(), "{context}: {error}");
        assert!(!corruption.found.is_empty(), "{context}: {error}");
        let limit = bytes.len().max(65_536) as u64;
        assert!(corruption.offset <= limit, "{context}: {error}");
    }
    Some(error)
}

#[test]
fn whole_files_read_without_error() {
    for golden in goldens() {
        let (seen, result) = fuzz::read(&golden.database);
        result.unwrap();
        assert!(
            seen.rows > 0 || golden.name.contains("no-syncs"),
            "{}",
            golden.name
        );
    }
}

#[test]
fn a_file_cut_anywhere_is_corrupt() {
    for case in CASES {
        let bytes = golden(case).database;
        let page_size = 4096;
        let in_header = 1..=100;
        let at_pages = (page_size..bytes.len()).step_by(page_size);
        let near_pages = at_pages.clone().flat_map(|at| [at - 1, at, at + 1]);
        for len in in_header.chain(near_pages) {
            let context = format!("{case} cut at {len}");
            let error = error_of(&bytes[..len], &context).expect(&context);
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{context}: {error}");
        }
    }
}

#[test]
fn a_file_without_a_byte_is_an_empty_database() {
    let database = open(&[]).unwrap();
    assert!(database.schema().objects().is_empty());
    assert_eq!(database.page_count(), 0);
    assert!(database.table("v1_grants").unwrap().is_none());
}

#[test]
fn header_and_schema_may_be_wrong_in_any_bit() {
    let bytes = golden("basic").database;
    // The root of the schema is on page 1; its right-most child is at byte 108.
    assert_eq!(bytes[100], 5, "the schema has leaves of its own");
    let leaf = usize::try_from(u32::from_be_bytes(bytes[108..112].try_into().unwrap())).unwrap();
    let leaf = (leaf - 1) * 4096;
    let in_header = (0..112).flat_map(|at| [0, 3, 7].map(|bit| (at, 1 << bit)));
    let in_leaf = (leaf..leaf + 4096)
        .step_by(13)
        .map(|at| (at, 1 << (at % 8)));
    let mut errors = 0;
    for (at, flip) in in_header.chain(in_leaf) {
        let mut bytes = bytes.clone();
        bytes[at] ^= flip;
        errors += usize::from(error_of(&bytes, &format!("byte {at} ^ {flip}")).is_some());
    }
    assert!(errors > 200, "only {errors} changes were noticed");
}

#[test]
fn random_damage_never_panics() {
    let (mut errors, mut runs) = (0, 0);
    for case in CASES {
        let original = golden(case).database;
        for seed in seeds(60) {
            let mut random = Chance::seeded(seed);
            let mut bytes = original.clone();
            for _ in 0..=random.below(6) {
                damage(&mut bytes, &mut random);
            }
            runs += 1;
            errors += usize::from(error_of(&bytes, &format!("{case} seed {seed}")).is_some());
        }
    }
    assert!(
        errors * 3 > runs,
        "only {errors} of {runs} damaged files were noticed"
    );
}

/// One random change: a bit, a field of a page header, a pointer, a page, or an end.
fn damage(bytes: &mut Vec<u8>, random: &mut Chance) {
    let pages = (bytes.len() / 4096).max(1);
    let page = random.below(pages) * 4096;
    let base = if page == 0 { page + 100 } else { page };
    match random.below(7) {
        0 => put(
            bytes,
            page + random.below(4096),
            &[*random.pick(&[0, 1, 0x7f, 0x80, 0xff]).unwrap()],
        ),
        1 => put(bytes, base + random.below(12), &random.bytes(1)),
        2 => {
            let no = u32::try_from(random.below(pages + 2)).unwrap();
            put(bytes, page + 4 * random.below(1024), &no.to_be_bytes());
        }
        3 => {
            let pointer = base + 8 + 2 * random.below(40);
            let to = u16::try_from(random.below(4200)).unwrap();
            put(bytes, pointer, &to.to_be_bytes());
        }
        4 => {
            let other = random.below(pages) * 4096;
            let copy = bytes.get(other..other + 4096).unwrap_or_default().to_vec();
            put(bytes, page, &copy);
        }
        5 => {
            let noise = random.bytes(64);
            put(bytes, page + random.below(4096), &noise);
        }
        _ => bytes.truncate(random.below(bytes.len() + 1).max(1)),
    }
}

fn put(bytes: &mut [u8], at: usize, new: &[u8]) {
    for (i, byte) in new.iter().enumerate() {
        if let Some(slot) = bytes.get_mut(at + i) {
            *slot = *byte;
        }
    }
}

/// Makes an interior page of the grants table refer to itself, to its parent, or to one child only.
#[test]
fn a_tree_that_contains_itself_is_corrupt() {
    let bytes = golden("fanout").database;
    let interior: Vec<usize> = (1..bytes.len() / 4096)
        .filter(|page| matches!(bytes[page * 4096], 2 | 5))
        .collect();
    assert!(interior.len() > 2, "the case has trees of two levels");
    for page in interior {
        let no = u32::try_from(page + 1).unwrap();
        let cells = usize::from(u16::from_be_bytes([
            bytes[page * 4096 + 3],
            bytes[page * 4096 + 4],
        ]));
        let first_cell = u16::from_be_bytes([bytes[page * 4096 + 12], bytes[page * 4096 + 13]]);
        let first_child = bytes[page * 4096 + usize::from(first_cell)..][..4].to_vec();
        // The last child is the page itself.
        let mut circular = bytes.clone();
        put(&mut circular, page * 4096 + 8, &no.to_be_bytes());
        let error = error_of(&circular, "circle").expect("a circle is noticed");
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        // All children are the first one.
        let mut repeated = bytes.clone();
        put(&mut repeated, page * 4096 + 8, &first_child);
        for cell in 0..cells {
            let pointer = page * 4096 + 12 + 2 * cell;
            let start = u16::from_be_bytes([bytes[pointer], bytes[pointer + 1]]);
            put(
                &mut repeated,
                page * 4096 + usize::from(start),
                &first_child,
            );
        }
        let error = error_of(&repeated, "repeated child");
        let is_table = bytes[page * 4096] == 5;
        assert!(
            error.is_some() || !is_table,
            "a repeated leaf of a table is noticed"
        );
    }
}

#[test]
fn statements_of_any_bytes_return() {
    let statements: Vec<String> = open(&golden("basic").database)
        .unwrap()
        .schema()
        .objects()
        .iter()
        .filter_map(|object| object.sql.clone())
        .collect();
    for (i, statement) in statements.iter().enumerate() {
        let text = format!("{statement};{}", statements[(i + 1) % statements.len()]);
        for seed in seeds(300) {
            let mut random = Chance::seeded(seed);
            let mut bytes = text.clone().into_bytes();
            for _ in 0..=random.below(4) {
                let at = random.below(bytes.len());
                match random.below(3) {
                    0 => bytes[at] = *random.pick(b"()[]\"'`,-/*x0 \0;.e").unwrap(),
                    1 => drop(bytes.splice(at..at, random.bytes(3))),
                    _ => bytes.truncate(at.max(1)),
                }
            }
            fuzz::statement(&bytes);
        }
    }
}
