//! Our zstd codec next to the one in C: each decodes what the other encodes, at every level.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::io::{Read as _, Write as _};

use shingle::compress::zstd::{Decoder, Encoder, EncoderOptions, compress, decompress};
use testkit::chance::Chance;
use testkit::golden::{Format, packed_files};

const LIMIT: usize = 64 << 20;

/// Data of several kinds: empty, tiny, noise, text that repeats near and far, golden files.
fn samples() -> Vec<Vec<u8>> {
    let mut chance = Chance::seeded(17);
    let mut samples = vec![Vec::new(), b"a".to_vec(), vec![7; 300_000]];
    samples.push(chance.bytes(200_000));
    let words = [
        "grant",
        "entitlement",
        "user:",
        "group:",
        "\0",
        "ünïcode",
        "0123456789",
    ];
    let mut text = Vec::new();
    while text.len() < 1_500_000 {
        text.extend_from_slice(chance.pick(&words).unwrap().as_bytes());
        if chance.percent(3) {
            text.extend(chance.bytes(12));
        }
    }
    samples.push(text);
    for file in packed_files().unwrap() {
        if file.format == Format::V3 && file.case.name == "realistic" {
            samples.push(file.case.bytes(file.file).unwrap());
        }
    }
    samples
}

#[test]
fn what_c_encodes_we_decode() {
    let mut frames = 0;
    for data in samples() {
        for level in [-5, 1, 3, 7, 12, 19] {
            let frame = zstd::bulk::compress(&data, level).unwrap();
            assert_eq!(decompress(&frame, LIMIT).unwrap(), data, "level {level}");
            frames += 1;
        }
        // As a stream: no declared length, a checksum, flushed in the middle, a long window.
        let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
        encoder.include_checksum(true).unwrap();
        encoder.window_log(23).unwrap();
        let half = data.len() / 2;
        encoder.write_all(&data[..half]).unwrap();
        encoder.flush().unwrap();
        encoder.write_all(&data[half..]).unwrap();
        let stream = encoder.finish().unwrap();
        // Two streams after each other are one content.
        let twice = [stream.clone(), stream].concat();
        let mut content = Vec::new();
        Decoder::new(twice.as_slice())
            .read_to_end(&mut content)
            .unwrap();
        assert_eq!(content, [data.clone(), data].concat());
        frames += 2;
    }
    println!("{frames} frames");
}

#[test]
fn what_we_encode_c_decodes() {
    let mut frames = 0;
    for data in samples() {
        for level in 1..=22 {
            let frame = compress(&data, level).unwrap();
            assert_eq!(
                zstd::bulk::decompress(&frame, LIMIT).unwrap(),
                data,
                "level {level}"
            );
            frames += 1;
        }
        let mut encoder = Encoder::new(Vec::new(), EncoderOptions::level(3)).unwrap();
        for part in data.chunks(100_003) {
            encoder.write_all(part).unwrap();
        }
        let stream = encoder.finish().unwrap();
        assert_eq!(zstd::stream::decode_all(stream.as_slice()).unwrap(), data);
        frames += 1;
    }
    println!("{frames} frames");
}

#[test]
fn what_c_refuses_we_refuse() {
    let mut chance = Chance::seeded(23);
    let data = samples().remove(4);
    let frame = zstd::stream::encode_all(&data[..200_000], 3).unwrap();
    let (mut both, mut ours_only) = (0, 0);
    for _ in 0..2_000 {
        let mut damaged = frame.clone();
        let at = chance.below(damaged.len());
        damaged[at] ^= 1 << chance.below(8);
        let theirs = zstd::stream::decode_all(damaged.as_slice());
        match (decompress(&damaged, LIMIT), theirs) {
            (Ok(ours), Ok(theirs)) => assert_eq!(ours, theirs, "byte {at}"),
            (Err(_), Err(_)) => both += 1,
            (Err(_), Ok(_)) => ours_only += 1,
            (Ok(_), Err(error)) => panic!("byte {at}: accepted here, refused by C: {error}"),
        }
    }
    println!("both refuse {both}, only we do {ours_only}");
    assert!(both > 1_000);
}
