//! Every framing case of a v1 body (`c1z-envelope` §2.2).

use shingle::compress::zstd::{Encoder, EncoderOptions, compress};
use std::io::Write;

use super::*;
use crate::{ErrorKind, MemoryBudget};

fn v1(parts: &[&[u8]]) -> Vec<u8> {
    [&MAGIC_V1[..], &parts.concat()].concat()
}

fn frame(content: &[u8], options: EncoderOptions) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::new(), options).unwrap();
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn decode_with(bytes: &[u8], options: &OpenOptions) -> Result<(Vec<u8>, V1Decoded)> {
    let EnvelopeFile::V1(file) = open_bytes(bytes, options)? else {
        panic!("not v1")
    };
    let mut database = Vec::new();
    let decoded = file.decode_into(&mut database)?;
    Ok((database, decoded))
}

fn decode(bytes: &[u8]) -> Result<(Vec<u8>, V1Decoded)> {
    decode_with(bytes, &OpenOptions::default())
}

fn limited(decoded_max: Option<u64>, window_max: Option<u64>, variables: Variables) -> OpenOptions {
    let limits = LimitOptions {
        decoded_max,
        window_max,
    };
    OpenOptions {
        limits,
        variables,
        ..OpenOptions::default()
    }
}

fn skippable(len: u32) -> Vec<u8> {
    let mut frame = 0x184d_2a53_u32.to_le_bytes().to_vec();
    frame.extend_from_slice(&len.to_le_bytes());
    frame.extend(vec![0xaa; len as usize]);
    frame
}

#[test]
fn accepted_forms_give_their_content() {
    let (a, b) = (noise(1, 300_000), noise(2, 5000));
    let (fa, fb) = (compress(&a, 3).unwrap(), compress(&b, 3).unwrap());
    let bare = EncoderOptions {
        checksum: false,
        content_len: None,
        ..EncoderOptions::default()
    };
    let unsized_frame = frame(&a, EncoderOptions::default());
    let no_checksum = frame(&a, bare);
    let both = [a.as_slice(), &b].concat();
    let cases: [(&str, Vec<u8>, &[u8], u64); 9] = [
        ("only the magic", v1(&[]), b"", 0),
        ("one frame", v1(&[&fa]), &a, 1),
        ("two frames", v1(&[&fa, &fb]), &both, 2),
        (
            "skippable frames around",
            v1(&[&skippable(3), &fa, &skippable(0), &fb]),
            &both,
            2,
        ),
        (
            "a skippable frame at the end",
            v1(&[&fa, &skippable(70_000)]),
            &a,
            1,
        ),
        ("no declared length", v1(&[&unsized_frame]), &a, 1),
        ("no checksum", v1(&[&no_checksum]), &a, 1),
        ("an empty frame", v1(&[&compress(b"", 3).unwrap()]), b"", 1),
        (
            "an empty frame between",
            v1(&[&fa, &compress(b"", 3).unwrap(), &fb]),
            &both,
            3,
        ),
    ];
    for (what, bytes, expected, frames) in cases {
        let (database, decoded) = decode(&bytes).unwrap_or_else(|e| panic!("{what}: {e:?}"));
        assert!(database == expected, "{what}");
        assert_eq!(
            (decoded.bytes, decoded.frames),
            (expected.len() as u64, frames),
            "{what}"
        );
    }
}

#[test]
fn everything_else_is_damage() {
    let a = noise(1, 300_000);
    let good = compress(&a, 3).unwrap();
    let len = good.len();
    let mut wrong_checksum = good.clone();
    wrong_checksum[len - 1] ^= 1;
    let mut wrong_len = good.clone();
    wrong_len[6] ^= 1;
    let cases: [(&str, Vec<u8>); 10] = [
        ("a zero byte behind", v1(&[&good, b"\0"])),
        ("three bytes behind", v1(&[&good, b"\x28\xb5\x2f"])),
        ("garbage behind", v1(&[&good, b"garbage!"])),
        ("zero padding behind", v1(&[&good, &[0; 512]])),
        ("no checksum where one is due", v1(&[&good[..len - 4]])),
        ("half a checksum", v1(&[&good[..len - 2]])),
        ("cut in the middle", v1(&[&good[..len / 2]])),
        ("a wrong checksum", v1(&[&wrong_checksum])),
        ("a wrong declared length", v1(&[&wrong_len])),
        ("no zstd at all", v1(&[b"SQLite format 3\0"])),
    ];
    for (what, bytes) in cases {
        let error = decode(&bytes).expect_err(what);
        assert_eq!(error.kind(), ErrorKind::DataLoss, "{what}: {error:?}");
        assert!(
            error.hint().is_some() && error.file().is_some(),
            "{what}: {error:?}"
        );
    }
    let skipped = v1(&[&skippable(9)[..12]]);
    assert_eq!(decode(&skipped).unwrap_err().kind(), ErrorKind::DataLoss);
}

#[test]
fn the_cap_on_decoded_bytes_counts_all_frames() {
    let a = noise(1, 4000);
    let two = v1(&[&compress(&a, 3).unwrap(), &compress(&a, 3).unwrap()]);
    let none = Variables::default;
    assert_eq!(
        decode_with(&two, &limited(Some(8000), None, none()))
            .unwrap()
            .1
            .bytes,
        8000
    );
    let error = decode_with(&two, &limited(Some(7999), None, none())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResourceExhausted);
    assert!(error.to_string().contains(VAR_DECODED_MAX), "{error:?}");
}

#[test]
fn a_declared_length_over_the_cap_is_refused_before_decoding() {
    // A damaged checksum shows whether anything was decoded.
    let mut bytes = v1(&[&compress(&noise(1, 300_000), 3).unwrap()]);
    *bytes.last_mut().unwrap() ^= 1;
    let error = decode_with(&bytes, &limited(Some(10), None, Variables::default())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResourceExhausted);
    assert!(error.to_string().contains("declared"), "{error:?}");
    let off = Variables::from_lookup(|name| (name == VAR_FAIL_FAST_OFF).then(|| "1".to_owned()));
    let error = decode_with(&bytes, &limited(Some(10), None, off)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResourceExhausted);
    assert!(!error.to_string().contains("declared"), "{error:?}");
}

/// A frame without content whose header asks for a window of `1 << (10 + exponent)` bytes.
fn window_frame(exponent: u8) -> Vec<u8> {
    let mut frame = compress(b"", 3).unwrap();
    frame.truncate(4);
    frame.extend_from_slice(&[0x00, exponent << 3, 0x01, 0x00, 0x00]);
    frame
}

#[test]
fn windows_up_to_the_cap_are_accepted() {
    let none = Variables::default;
    assert_eq!(decode(&v1(&[&window_frame(17)])).unwrap().0, b"");
    let error = decode(&v1(&[&window_frame(18)])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResourceExhausted);
    assert!(error.to_string().contains(VAR_WINDOW_MAX), "{error:?}");
    let wide = limited(None, Some(256 << 20), none());
    decode_with(&v1(&[&window_frame(18)]), &wide).unwrap();
    let narrow = limited(None, Some(1 << 20), none());
    let error = decode_with(&v1(&[&window_frame(11)]), &narrow).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResourceExhausted);
    // The second frame is looked at too.
    let second = v1(&[&compress(b"x", 3).unwrap(), &window_frame(18)]);
    assert_eq!(
        decode(&second).unwrap_err().kind(),
        ErrorKind::ResourceExhausted
    );
}

#[test]
fn a_variable_that_is_zero_is_an_error_at_open() {
    let zero = Variables::from_lookup(|name| (name == VAR_DECODED_MAX).then(|| "0".to_owned()));
    let error = open_bytes(&v1(&[]), &limited(None, None, zero)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
}

#[test]
fn databases_in_memory_stay_within_the_budget() {
    let content = noise(3, 3 << 20);
    let declared = v1(&[&compress(&content, 3).unwrap()]);
    let undeclared = v1(&[&frame(&content, EncoderOptions::default())]);
    for bytes in [&declared, &undeclared] {
        let EnvelopeFile::V1(file) = open_bytes(bytes, &OpenOptions::default()).unwrap() else {
            panic!("not v1")
        };
        let small = MemoryBudget::new(2 << 20);
        let error = file.decode_to_memory(&small).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ResourceExhausted, "{error:?}");
        assert_eq!(small.used(), 0, "nothing stays reserved");
        assert!(small.peak() <= small.limit());
        let enough = MemoryBudget::new(4 << 20);
        let database = file.decode_to_memory(&enough).unwrap();
        assert!(read_file(&database) == content);
        let mut middle = vec![0; 1000];
        database
            .read_exact_at((1 << 20) - 500, &mut middle)
            .unwrap();
        assert!(middle == content[(1 << 20) - 500..(1 << 20) + 500]);
        assert_eq!(
            database.read_at(content.len() as u64, &mut middle).unwrap(),
            0
        );
        drop(database);
        assert_eq!(enough.used(), 0);
    }
}
