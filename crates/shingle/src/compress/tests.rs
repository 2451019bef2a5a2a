//! Contract of the compression seam: round trips; limits hold before memory is taken; no damaged
//! frame decodes to other bytes than it was made from; the streaming decoder takes exactly its
//! frames. Out of scope: ratios and speed.

use std::io::{Read, Write};

use super::{snappy, zstd};
use crate::ErrorKind;

/// Bytes between text and noise, so that literals and matches both occur.
fn sample(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut out = Vec::with_capacity(len + 64);
    while out.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        if state.is_multiple_of(3) {
            out.extend_from_slice(&state.to_le_bytes());
        } else {
            out.extend_from_slice(format!("user/{:04}/group", state % 97).as_bytes());
        }
    }
    out.truncate(len);
    out
}

fn snappy_block(data: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    snappy::Compressor::new()
        .compress_into(data, &mut out)
        .unwrap();
    out
}

#[test]
fn snappy_round_trips() {
    let mut compressor = snappy::Compressor::new();
    let mut block = Vec::new();
    for len in [0, 1, 15, 16, 17, 4096, 65_536, 65_537, 200_000] {
        let data = sample(len, 7);
        compressor.compress_into(&data, &mut block).unwrap();
        assert_eq!(block, snappy_block(&data), "reuse must not show");
        assert_eq!(snappy::decoded_len(&block, len).unwrap(), len);
        assert_eq!(snappy::decompress(&block, len).unwrap(), data);
    }
}

#[test]
fn snappy_limit_is_checked_before_decoding() {
    let block = snappy_block(&sample(5000, 1));
    let e = snappy::decompress(&block, 4999).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Exhausted);
}

#[test]
fn snappy_impossible_lengths_are_corrupt() {
    // 4 GiB - 1 declared by ten bytes: refused whatever the limit.
    let mut bomb = vec![0xff, 0xff, 0xff, 0xff, 0x0f];
    bomb.extend_from_slice(&[0; 10]);
    let e = snappy::decompress(&bomb, usize::MAX).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Corrupt);
    // More than 32 bits, unterminated, absent.
    for header in [
        &[0x80, 0x80, 0x80, 0x80, 0x80, 0x05][..],
        &[0xff, 0xff, 0xff, 0xff, 0x7f],
        &[0x80],
        &[],
    ] {
        let e = snappy::decompress(header, usize::MAX).unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Corrupt, "{header:x?}");
    }
}

#[test]
fn densest_snappy_is_accepted() {
    let data = vec![b'a'; 1 << 20];
    assert_eq!(
        snappy::decompress(&snappy_block(&data), data.len()).unwrap(),
        data
    );
}

#[test]
fn snappy_damage_never_panics() {
    let data = sample(3000, 2);
    let block = snappy_block(&data);
    for at in 0..block.len() {
        assert!(snappy::decompress(&block[..at], 1 << 20).is_err(), "{at}");
        for bit in 0..8 {
            let mut bad = block.clone();
            bad[at] ^= 1 << bit;
            // No checksum here: wrong bytes are possible, a panic or a wrong length is not.
            if let Ok(out) = snappy::decompress(&bad, 1 << 20) {
                assert_eq!(out.len(), snappy::decoded_len(&bad, 1 << 20).unwrap());
            }
        }
    }
}

#[test]
fn zstd_round_trips_at_every_length_and_level() {
    for level in [1, 3, 9, 19] {
        let mut compressor = zstd::Compressor::new(zstd::EncoderOptions::level(level));
        for len in [0, 1, 100, 4096, 131_072, 131_073, 400_000] {
            let data = sample(len, 3);
            let mut frame = Vec::new();
            compressor.compress_into(&data, &mut frame).unwrap();
            assert_eq!(frame, zstd::compress(&data, level).unwrap());
            assert_eq!(zstd::decompress_frame(&frame, len).unwrap(), data);
            assert_eq!(zstd::decompress(&frame, len).unwrap(), data);
            assert_eq!(zstd::frame_len(&frame).unwrap(), frame.len());
            let zstd::Frame::Data(header) = zstd::Frame::parse(&frame).unwrap() else {
                panic!("a frame with content");
            };
            assert_eq!(header.content_len, Some(len as u64));
            assert!(header.has_checksum && header.header_len <= zstd::HEADER_LEN_MAX);
        }
    }
}

#[test]
fn zstd_streams_of_unknown_length_round_trip() {
    let data = sample(300_000, 4);
    let mut encoder = zstd::Encoder::new(Vec::new(), zstd::EncoderOptions::default()).unwrap();
    for part in data.chunks(777) {
        encoder.write_all(part).unwrap();
    }
    let frame = encoder.finish().unwrap();
    let mut out = Vec::new();
    let mut decoder = zstd::Decoder::new(&frame[..]);
    let mut buf = [0; 1000];
    loop {
        match decoder.read(&mut buf).unwrap() {
            0 => break,
            n => out.extend_from_slice(&buf[..n]),
        }
    }
    assert!(out == data);
    assert_eq!(decoder.consumed(), frame.len() as u64);
    assert_eq!(decoder.produced(), data.len() as u64);
    assert_eq!(decoder.frames(), 1);
}

#[test]
fn a_pledge_that_is_not_met_is_an_error() {
    let options = zstd::EncoderOptions {
        content_len: Some(10),
        ..Default::default()
    };
    let mut encoder = zstd::Encoder::new(Vec::new(), options).unwrap();
    encoder.write_all(b"short").unwrap();
    assert!(encoder.finish().is_err());
}

/// Three frames, skippable ones between them, and a tail that is no frame.
fn concatenation() -> (Vec<u8>, Vec<Vec<u8>>, Vec<usize>) {
    let parts = [sample(70_000, 5), Vec::new(), sample(9, 6)];
    let mut file = Vec::new();
    let mut ends = Vec::new();
    for (i, part) in (0u32..).zip(&parts) {
        if i > 0 {
            file.extend_from_slice(&(0x184d_2a50 + i).to_le_bytes());
            file.extend_from_slice(&5u32.to_le_bytes());
            file.extend_from_slice(b"stuff");
        }
        file.extend_from_slice(&zstd::compress(part, 3).unwrap());
        ends.push(file.len());
    }
    (file, parts.to_vec(), ends)
}

#[test]
fn single_frame_decoders_leave_the_source_after_their_frame() {
    let (mut file, parts, ends) = concatenation();
    file.extend_from_slice(b"not a frame");
    let mut rest = &file[..];
    for (part, end) in parts.iter().zip(&ends) {
        let mut decoder = zstd::Decoder::single(rest);
        let mut out = Vec::new();
        decoder.read_to_end(&mut out).unwrap();
        assert!(out == *part);
        assert_eq!(decoder.frames(), 1);
        let consumed = decoder.consumed();
        let after = decoder.into_inner();
        assert_eq!(consumed, (rest.len() - after.len()) as u64);
        rest = after;
        assert_eq!(file.len() - rest.len(), *end);
    }
    assert_eq!(rest, b"not a frame");
    assert!(!zstd::Frame::starts(rest));
    assert!(zstd::Frame::starts(&file));
}

#[test]
fn all_frames_of_a_concatenation_decode_and_a_bad_tail_is_an_error() {
    let (mut file, parts, _) = concatenation();
    let whole = parts.concat();
    assert_eq!(zstd::decompress(&file, whole.len()).unwrap(), whole);
    let e = zstd::decompress(&file, whole.len() - 1).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Exhausted);
    file.push(0);
    let e = zstd::decompress(&file, 1 << 20).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Corrupt, "{e:?}");
}

#[test]
fn frame_lengths_walk_a_concatenation() {
    let (file, _, ends) = concatenation();
    let mut at = 0;
    let mut found = Vec::new();
    while at < file.len() {
        let is_data = matches!(
            zstd::Frame::parse(&file[at..]).unwrap(),
            zstd::Frame::Data(_)
        );
        at += zstd::frame_len(&file[at..]).unwrap();
        if is_data {
            found.push(at);
        }
    }
    assert_eq!(found, ends);
}

#[test]
fn no_damaged_frame_decodes_to_other_bytes() {
    let data = sample(2500, 8);
    let frame = zstd::compress(&data, 3).unwrap();
    for at in 0..frame.len() {
        assert!(zstd::decompress(&frame[..at], 1 << 20).is_err(), "cut {at}");
        for bit in 0..8 {
            let mut bad = frame.clone();
            bad[at] ^= 1 << bit;
            if let Ok(out) = zstd::decompress_frame(&bad, data.len()) {
                assert!(out == data, "flip {at}.{bit}");
            }
            if let Ok(out) = zstd::decompress(&bad, 1 << 20) {
                assert!(out == data, "flip {at}.{bit} in a stream");
            }
        }
    }
}

#[test]
fn the_last_bytes_of_a_frame_wait_for_its_checksum() {
    // 131,072 bytes end on a block boundary: the last block is empty, the checksum follows it.
    for len in [1000, 131_072] {
        let data = sample(len, 9);
        let mut frame = zstd::compress(&data, 3).unwrap();
        *frame.last_mut().unwrap() ^= 1;
        let mut out = vec![0; len];
        let e = zstd::Decoder::new(&frame[..])
            .read_exact(&mut out)
            .unwrap_err();
        assert_eq!(zstd::into_error(e).kind(), ErrorKind::Corrupt);
    }
}

#[test]
fn bytes_after_a_frame_are_an_error() {
    let mut frame = zstd::compress(b"content", 3).unwrap();
    let end = frame.len() as u64;
    frame.push(0);
    let e = zstd::decompress_frame(&frame, 7).unwrap_err();
    assert_eq!(e.corruption().unwrap().offset, end);
}

#[test]
fn a_window_over_the_limit_is_refused_before_any_block() {
    // Magic, no flags, window descriptor 0xff: 3.75 TiB.
    let frame = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xff, 0x01, 0x00, 0x00];
    let mut out = Vec::new();
    let e = zstd::Decoder::new(&frame[..])
        .read_to_end(&mut out)
        .unwrap_err();
    assert_eq!(zstd::into_error(e).kind(), ErrorKind::Exhausted);

    let small = zstd::compress(&sample(100_000, 1), 3).unwrap();
    let e = zstd::Decoder::new(&small[..])
        .window_limit(50_000)
        .read_to_end(&mut out)
        .unwrap_err();
    assert_eq!(zstd::into_error(e).kind(), ErrorKind::Exhausted);
}

#[test]
fn a_declared_length_over_the_limit_is_refused() {
    // Single segment, 8-byte length of 2^60, one empty block.
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0xe0];
    frame.extend_from_slice(&(1u64 << 60).to_le_bytes());
    frame.extend_from_slice(&[1, 0, 0]);
    let e = zstd::decompress(&frame, 1 << 20).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Exhausted);
    let e = zstd::decompress_frame(&frame, 100).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Corrupt);
}

#[test]
fn run_length_bombs_stop_at_the_limit() {
    // 1,000 blocks of 128 KiB of the same byte in 4 bytes each.
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x50];
    for i in 0..1000 {
        let header: u32 = (128 << 10 << 3) | (1 << 1) | u32::from(i == 999);
        frame.extend_from_slice(&header.to_le_bytes()[..3]);
        frame.push(b'x');
    }
    let e = zstd::decompress(&frame, 1 << 20).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Exhausted);
    let e = zstd::decompress_frame(&frame, 1 << 20).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Corrupt);
}

#[test]
fn a_source_without_a_frame_is_an_error() {
    let e = zstd::decompress(b"", 10).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Corrupt);
}

#[test]
fn failures_of_the_source_are_io_errors() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::ConnectionReset.into())
        }
    }
    let frame = zstd::compress(&sample(1000, 1), 3).unwrap();
    let mut out = Vec::new();
    let e = zstd::Decoder::new((&frame[..100]).chain(Broken))
        .read_to_end(&mut out)
        .unwrap_err();
    assert_eq!(e.kind(), std::io::ErrorKind::ConnectionReset);
    assert_eq!(zstd::into_error(e).kind(), ErrorKind::Io);
}
