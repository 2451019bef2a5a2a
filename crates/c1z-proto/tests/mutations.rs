//! Damaged messages and texts, many of them, from seeds.
//!
//! The promises are those of the fuzz entry points: no panic, and decoder, check, printer and
//! parser agree. A failure names sample and seed.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "a test that cannot go on fails"
)]

mod support;

use std::panic::{AssertUnwindSafe, catch_unwind};

use c1z_proto::fuzz;
use c1z_proto::json::{PrintOptions, Printer};
use c1z_proto::schema;
use support::generate::{self, Content, Random};
use support::{Sample, dump_samples, record_samples};

/// Every so manyeth sample of the golden files is used.
const STRIDE: usize = 97;
const SEEDS: u64 = 25;

fn damage(bytes: &mut Vec<u8>, random: &mut Random, alphabet: &[u8]) {
    for _ in 0..=random.below(3) {
        if bytes.is_empty() {
            return;
        }
        let at = random.below(bytes.len() as u64) as usize;
        let other = random.below(bytes.len() as u64) as usize;
        match random.below(7) {
            0 => bytes[at] = random.next() as u8,
            1 => bytes[at] ^= 1 << random.below(8),
            2 => drop(bytes.remove(at)),
            3 => bytes.insert(at, random.pick(alphabet)),
            4 => bytes.truncate(at),
            5 => {
                let piece = bytes[at.min(other)..at.max(other)].to_vec();
                bytes.splice(at..at, piece);
            }
            _ => bytes[at] = random.pick(alphabet),
        }
    }
}

fn samples() -> Vec<Sample> {
    let mut samples: Vec<_> = dump_samples().into_iter().step_by(STRIDE).collect();
    samples.extend(record_samples().into_iter().step_by(STRIDE));
    for message in schema::messages() {
        for seed in 0..3 {
            let mut bytes = Vec::new();
            let content = Content { unknown: seed == 2 };
            generate::message(message, content, &mut Random::new(seed), &mut bytes);
            let origin = format!("generated:{seed}");
            samples.push(Sample {
                origin,
                message,
                bytes,
                json: None,
            });
        }
    }
    samples
}

fn each(alphabet: &[u8], from: impl Fn(&Sample) -> Vec<u8>, run: impl Fn(&Sample, &[u8])) {
    let mut count = 0;
    for sample in samples() {
        let whole = from(&sample);
        for seed in 0..SEEDS {
            let mut damaged = whole.clone();
            damage(&mut damaged, &mut Random::new(seed), alphabet);
            let result = catch_unwind(AssertUnwindSafe(|| run(&sample, &damaged)));
            let name = sample.message.name();
            assert!(
                result.is_ok(),
                "{} {name} seed {seed}: {damaged:02x?}",
                sample.origin
            );
            count += 1;
        }
    }
    assert!(count > 20_000, "{count}");
}

#[test]
fn damaged_bytes_are_handled() {
    let alphabet: Vec<u8> = (0..=255).step_by(3).collect();
    each(
        &alphabet,
        |sample| sample.bytes.clone(),
        |sample, bytes| {
            fuzz::message_bytes(sample.message, bytes);
        },
    );
}

#[test]
fn damaged_texts_are_handled() {
    let print = |sample: &Sample| {
        let mut text = Vec::new();
        let _ =
            Printer::new(PrintOptions::default()).print(sample.message, &sample.bytes, &mut text);
        text
    };
    each(b"{}[]\",:\\u09-+.eEtfn@ /", print, |sample, text| {
        fuzz::message_text(sample.message, text);
    });
}

#[test]
fn damaged_descriptor_sets_are_handled() {
    let whole = c1z_proto::descriptors::records();
    for seed in 0..300 {
        let mut damaged = whole.to_vec();
        damage(
            &mut damaged,
            &mut Random::new(seed),
            b"\x00\x0a\x12\x1a\xff",
        );
        fuzz::descriptor_set(&damaged);
    }
}

#[test]
fn noise_is_handled() {
    for seed in 0..20_000 {
        let mut random = Random::new(seed);
        let length = random.below(120);
        let noise: Vec<u8> = (0..length).map(|_| random.next() as u8 & 0x7f).collect();
        fuzz::bytes(&noise);
        fuzz::text(&noise);
        fuzz::descriptor_set(&noise);
    }
}
