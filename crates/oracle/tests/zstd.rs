//! Our zstd codec next to the one in C: each decodes what the other encodes, at every level.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a panic is how a test fails"
)]

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
    // Without a checksum, damaged content may decode: to the same on both sides.
    for checksum in [false, true] {
        let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
        encoder.include_checksum(checksum).unwrap();
        encoder.write_all(&data[..200_000]).unwrap();
        let frame = encoder.finish().unwrap();
        let (refused, accepted) = damage(&frame, &mut chance);
        println!(
            "checksum {checksum}: refused {refused}, accepted with the same content {accepted}"
        );
        // A bit of the header that asks for another window changes no content.
        let header_bits = 16;
        assert!(refused > 300 && (accepted <= header_bits) == checksum);
    }
}

/// Flips bits of a frame; how many results both sides refuse, and how many they take.
fn damage(frame: &[u8], chance: &mut Chance) -> (u32, u32) {
    let (mut both, mut accepted) = (0, 0);
    for _ in 0..1_000 {
        let mut damaged = frame.to_vec();
        let at = chance.below(damaged.len());
        damaged[at] ^= 1 << chance.below(8);
        let theirs = zstd::stream::decode_all(damaged.as_slice());
        match (decompress(&damaged, LIMIT), theirs) {
            (Ok(ours), Ok(theirs)) => {
                assert!(ours == theirs, "byte {at}");
                accepted += 1;
            }
            (Err(_), Err(_)) => both += 1,
            (Err(error), Ok(_)) => panic!("byte {at}: refused here, accepted by C: {error}"),
            (Ok(_), Err(error)) => panic!("byte {at}: accepted here, refused by C: {error}"),
        }
    }
    (both, accepted)
}
