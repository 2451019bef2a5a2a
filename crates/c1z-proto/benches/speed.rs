//! How fast messages go through, over the objects and records of the golden files.
//!
//! `cargo bench -p c1z-proto`. Prints nanoseconds per message and megabytes per second, of encoded
//! bytes or, where JSON is involved, of JSON. Read the ratios; seconds depend on the machine.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a benchmark measures and prints"
)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::hint::black_box;
use std::time::{Duration, Instant};

use c1z_proto::connector::v2::Grant;
use c1z_proto::json::{self, ParseOptions, PrintOptions, Printer};
use c1z_proto::storage::v3::GrantRecord;
use c1z_proto::{decode, encode_canonical_into, scan};
use support::{Sample, dump_samples, record_samples};

fn main() {
    let grants = of_type(dump_samples(), "c1.connector.v2.Grant");
    let records = of_type(record_samples(), "c1.storage.v3.GrantRecord");
    // Few enough that a pass is over before something else wants the processor.
    let objects: Vec<_> = dump_samples().into_iter().step_by(23).collect();
    codec::<Grant>("grant", &grants);
    codec::<GrantRecord>("grant record", &records);
    walks("grant", &grants);
    walks("grant record", &records);
    text("objects of all kinds", &objects);
    text("grant records", &records);
}

fn of_type(samples: Vec<Sample>, name: &str) -> Vec<Sample> {
    samples
        .into_iter()
        .filter(|sample| sample.message.name() == name)
        .collect()
}

/// Repeats a pass over all samples for a while and prints the best.
fn measure(what: &str, messages: usize, bytes: usize, mut pass: impl FnMut()) {
    let mut best = Duration::MAX;
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(1) {
        let start = Instant::now();
        pass();
        best = best.min(start.elapsed());
    }
    let nanos = best.as_secs_f64() * 1e9 / messages as f64;
    let rate = bytes as f64 / 1e6 / best.as_secs_f64();
    let size = bytes / messages;
    println!("{what:<40} {nanos:>8.0} ns {rate:>8.0} MB/s {size:>6} B each");
}

fn size(samples: &[Sample]) -> usize {
    samples.iter().map(|sample| sample.bytes.len()).sum()
}

fn codec<M: c1z_proto::schema::Described>(what: &str, samples: &[Sample]) {
    measure(
        &format!("{what}: decode"),
        samples.len(),
        size(samples),
        || {
            for sample in samples {
                black_box(decode::<M>(&sample.bytes).unwrap());
            }
        },
    );
    let messages: Vec<M> = samples
        .iter()
        .map(|sample| decode(&sample.bytes).unwrap())
        .collect();
    let mut out = Vec::new();
    measure(
        &format!("{what}: encode"),
        samples.len(),
        size(samples),
        || {
            for message in &messages {
                out.clear();
                encode_canonical_into(message, &mut out).unwrap();
                black_box(&out);
            }
        },
    );
}

fn walks(what: &str, samples: &[Sample]) {
    measure(
        &format!("{what}: scan"),
        samples.len(),
        size(samples),
        || {
            for sample in samples {
                for field in scan::fields(&sample.bytes) {
                    black_box(field.unwrap());
                }
            }
        },
    );
    measure(
        &format!("{what}: scan for one field"),
        samples.len(),
        size(samples),
        || {
            for sample in samples {
                black_box(scan::only(&sample.bytes, 3).unwrap());
            }
        },
    );
    measure(
        &format!("{what}: check"),
        samples.len(),
        size(samples),
        || {
            for sample in samples {
                c1z_proto::check(sample.message, &sample.bytes).unwrap();
            }
        },
    );
}

fn text(what: &str, samples: &[Sample]) {
    let mut printer = Printer::new(PrintOptions::default());
    let texts: Vec<Vec<u8>> = samples
        .iter()
        .map(|sample| {
            let mut out = Vec::new();
            printer
                .print(sample.message, &sample.bytes, &mut out)
                .unwrap();
            out
        })
        .collect();
    let bytes = texts.iter().map(Vec::len).sum();
    let mut out = Vec::new();
    measure(&format!("{what}: print"), samples.len(), bytes, || {
        for sample in samples {
            out.clear();
            printer
                .print(sample.message, &sample.bytes, &mut out)
                .unwrap();
            black_box(&out);
        }
    });
    measure(&format!("{what}: parse"), samples.len(), bytes, || {
        for (sample, text) in samples.iter().zip(&texts) {
            out.clear();
            json::parse_into(sample.message, text, ParseOptions::default(), &mut out).unwrap();
            black_box(&out);
        }
    });
}
