//! Codecs of the index, byte for byte, and what each refuses.

use super::*;
use crate::ErrorKind;

const PAYLOAD: Range<u64> = 22..1000;

fn entry(name: &str) -> IndexEntry {
    IndexEntry {
        name: name.to_owned(),
        frame_offset: 22,
        compressed_len: 23,
        raw_len: 200,
        raw_xxh64: 0x40e8_f808_4d0b_634d,
        raw_sha256: [7; 32],
        seek_table: None,
    }
}

fn index(entries: Vec<IndexEntry>) -> FrameIndex {
    FrameIndex {
        entries,
        manifest_xxh64: 9,
    }
}

fn decode(index: &FrameIndex) -> Result<FrameIndex> {
    FrameIndex::decode(&index.encode(), 0, &PAYLOAD)
}

/// The minimal entry that the specification shows, with its hash bytes.
#[test]
fn an_entry_has_the_bytes_of_the_specification() {
    let bytes = index(vec![entry("000001.sst")]).encode();
    let mut expected = b"\x0a\x3e\x0a\x0a000001.sst\x10\x16\x18\x17\x20\xc8\x01\x29".to_vec();
    expected.extend_from_slice(&0x40e8_f808_4d0b_634d_u64.to_le_bytes());
    expected.extend_from_slice(b"\x32\x20");
    expected.extend_from_slice(&[7; 32]);
    // Totals and the manifest's hash.
    expected.extend_from_slice(b"\x10\xc8\x01\x18\x17\x21\x09\0\0\0\0\0\0\0");
    assert_eq!(bytes, expected);
}

#[test]
fn the_seek_table_is_field_2001() {
    let spans = [(10, 150), (13, 50)];
    let frames = spans.map(|(compressed_len, raw_len)| FrameSpan {
        compressed_len,
        raw_len,
    });
    let table = SeekTable {
        frames: frames.to_vec(),
    };
    let with_table = index(vec![IndexEntry {
        seek_table: Some(table),
        ..entry("a")
    }]);
    let bytes = with_table.encode();
    // (2001 << 3 | 2) as a varint, five bytes: 10, 150, 13, 50.
    let field = [0x8a, 0x7d, 5, 10, 0x96, 1, 13, 50];
    assert!(bytes.windows(field.len()).any(|window| window == field));
    assert_eq!(decode(&with_table).unwrap(), with_table);
}

#[test]
fn unknown_fields_are_passed_over_and_the_last_value_wins() {
    let mut bytes = index(vec![entry("a")]).encode();
    wire::put_uint(&mut bytes, 77, 5);
    wire::put_bytes(&mut bytes, 78, b"later");
    wire::put_fixed64(&mut bytes, 4, 11);
    let decoded = FrameIndex::decode(&bytes, 0, &PAYLOAD).unwrap();
    assert_eq!(decoded.manifest_xxh64, 11);
    assert_eq!(decoded.entries, [entry("a")]);
}

#[test]
fn entries_outside_their_bounds_are_refused() {
    let changed = |change: fn(&mut IndexEntry)| {
        let mut entry = entry("a");
        change(&mut entry);
        index(vec![entry])
    };
    let cases: [(&str, FrameIndex); 10] = [
        ("before the payload", changed(|e| e.frame_offset = 21)),
        ("past the frames", changed(|e| e.compressed_len = 979)),
        ("overflowing", changed(|e| e.frame_offset = u64::MAX - 3)),
        ("without frames", changed(|e| e.compressed_len = 0)),
        ("negative length", changed(|e| e.raw_len = 1 << 63)),
        ("no name", changed(|e| e.name = String::new())),
        ("a long name", changed(|e| e.name = "n".repeat(4097))),
        (
            "a name that leaves",
            changed(|e| e.name = "a/../../b".to_owned()),
        ),
        (
            "the same name twice",
            index(vec![entry("a"), entry("b"), entry("a")]),
        ),
        (
            "sums that differ",
            changed(|e| {
                e.seek_table = Some(SeekTable {
                    frames: vec![FrameSpan {
                        compressed_len: 23,
                        raw_len: 199,
                    }],
                });
            }),
        ),
    ];
    for (what, index) in cases {
        let error = decode(&index).expect_err(what);
        assert_eq!(error.kind(), ErrorKind::DataLoss, "{what}: {error:?}");
    }
    let to_the_end = changed(|e| e.compressed_len = 978);
    decode(&to_the_end).unwrap();
    decode(&changed(|e| e.name = "n".repeat(4096))).unwrap();
    decode(&changed(|e| e.raw_len = (1 << 63) - 1)).unwrap();
}

#[test]
fn wrong_wire_types_and_hashes_are_refused() {
    let good = entry("a").encode();
    let with = |extra: &dyn Fn(&mut Vec<u8>)| {
        let mut message = good.clone();
        extra(&mut message);
        let mut bytes = Vec::new();
        wire::put_bytes(&mut bytes, 1, &message);
        bytes
    };
    let cases = [
        with(&|m| wire::put_uint(m, 1, 5)),
        with(&|m| wire::put_bytes(m, 2, b"x")),
        with(&|m| wire::put_uint(m, 5, 5)),
        with(&|m| wire::put_bytes(m, 6, &[0; 31])),
        with(&|m| wire::put_uint(m, 2001, 5)),
        with(&|m| wire::put_bytes(m, 1, &[0xff, 0xfe])),
        with(&|m| wire::put_bytes(m, 2001, &[5])),
        with(&|m| wire::put_bytes(m, 2001, &[23, 200, 1, 0, 0])),
    ];
    for (i, bytes) in cases.iter().enumerate() {
        let error = FrameIndex::decode(bytes, 0, &PAYLOAD).expect_err(&i.to_string());
        assert_eq!(error.kind(), ErrorKind::DataLoss, "{i}: {error:?}");
    }
    assert!(FrameIndex::decode(&with(&|_| ()), 0, &PAYLOAD).is_ok());
}

#[test]
fn errors_tell_the_byte_of_the_file() {
    let mut bytes = index(vec![entry("a")]).encode();
    let at = 5000 + bytes.len() as u64;
    bytes.push(0x0f);
    let error = FrameIndex::decode(&bytes, 5000, &PAYLOAD).unwrap_err();
    assert!(
        error.to_string().contains(&format!("offset=`{at}`")),
        "{error}"
    );
}

#[test]
fn names_are_clean_relative_paths() {
    for name in ["a", "a/b", "..a", "a..", "...", "é", "a b", "a/.b"] {
        check_name("test", 0, name.as_bytes()).unwrap();
    }
    let dirty = [
        "", "/", "/a", "a/", "a//b", ".", "..", "./a", "a/..", "a/./b", "a\\b", "a\0b",
    ];
    for name in dirty {
        let error = check_name("test", 0, name.as_bytes()).expect_err(name);
        assert_eq!(error.kind(), ErrorKind::DataLoss);
    }
    check_names("test", 0, ["a", "b/c", "b/d", "bb"].into_iter()).unwrap();
    check_names("test", 0, ["a/b", "a"].into_iter()).unwrap_err();
    check_names("test", 0, ["a", "a/b/c"].into_iter()).unwrap_err();
}

/// The footer of a file of the reference's repository, as the specification shows it.
#[test]
fn a_footer_has_the_bytes_of_the_specification() {
    let footer = Footer {
        offset: 0x12_baf8,
        len: 0x4c0,
        xxh64: 0xfc95_2f78_4664_bcf7,
    };
    let mut bytes = [0, 0, 0, 0, 0, 0x12, 0xba, 0xf8, 0, 0, 4, 0xc0].to_vec();
    bytes.extend_from_slice(&[0xfc, 0x95, 0x2f, 0x78, 0x46, 0x64, 0xbc, 0xf7]);
    bytes.extend_from_slice(b"C1ZIDX1\0");
    assert_eq!(footer.encode().as_slice(), bytes);
    let file_len = 1_228_756;
    let decoded = Footer::decode(footer.encode(), file_len, 19_435).unwrap();
    assert_eq!(decoded, footer);
    assert_eq!(decoded.index(), 1_227_512..1_228_728);
    for (file_len, payload_start) in [
        (1_228_757, 19_435),
        (1_228_755, 19_435),
        (file_len, 1_227_513),
    ] {
        Footer::decode(footer.encode(), file_len, payload_start).unwrap_err();
    }
}

#[test]
fn a_footer_with_impossible_numbers_is_refused() {
    let good = Footer {
        offset: 100,
        len: 50,
        xxh64: 0,
    };
    Footer::decode(good.encode(), 178, 50).unwrap();
    let cases = [
        Footer {
            offset: 101,
            ..good
        },
        Footer { len: 51, ..good },
        Footer {
            len: u32::MAX,
            ..good
        },
        Footer {
            offset: u64::MAX - 49,
            ..good
        },
        Footer {
            offset: 40,
            len: 110,
            ..good
        },
    ];
    for footer in cases {
        let error = Footer::decode(footer.encode(), 178, 50).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DataLoss, "{footer:?}");
        assert!(error.to_string().starts_with("corrupt"), "{error}");
    }
    let mut cut = good.encode();
    cut[27] = b'\n';
    let error = Footer::decode(cut, 178, 50).unwrap_err();
    assert!(error.to_string().starts_with("truncated"), "{error}");
    assert!(Footer::of(&vec![0; (64 << 20) + 1], 0).is_none());
}
