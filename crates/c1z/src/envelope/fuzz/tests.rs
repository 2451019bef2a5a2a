//! Seeded mutations of good inputs through every entry point. A failure prints seed and round.

use shingle::vfs::OsFs;
use testkit::chance::Chance;

use super::super::tests::{golden, read_all, small_files_of_every_kind};
use super::*;

/// Changes `bytes` in one to four places: flipped bits, overwritten, removed, repeated or foreign
/// runs, numbers at their edges.
fn mutate(chance: &mut Chance, bytes: &[u8]) -> Vec<u8> {
    let mut mutated = bytes.to_vec();
    for _ in 0..=chance.below(4) {
        let at = chance.below(mutated.len().max(1));
        let len = chance.below(16).min(mutated.len() - at.min(mutated.len()));
        match chance.below(6) {
            0 if !mutated.is_empty() => mutated[at] ^= 1 << chance.below(8),
            1 if !mutated.is_empty() => mutated[at] = [0, 1, 0x7f, 0x80, 0xff][chance.below(5)],
            2 => drop(mutated.drain(at..at + len)),
            3 => {
                let run = mutated[at..at + len].to_vec();
                let to = chance.below(mutated.len().max(1)).min(mutated.len());
                mutated.splice(to..to, run);
            }
            4 => {
                let run = chance.bytes(len);
                mutated[at..at + len].copy_from_slice(&run);
            }
            _ => mutated.truncate(at),
        }
    }
    mutated
}

fn sweep(seed: u64, rounds: u32, seeds: &[Vec<u8>], target: fn(&[u8])) {
    let mut chance = Chance::seeded(seed);
    for good in seeds {
        target(good);
    }
    for round in 0..rounds {
        let good = chance.pick(seeds).unwrap();
        let input = mutate(&mut chance.clone(), good);
        chance.number();
        let caught = std::panic::catch_unwind(|| target(&input));
        assert!(
            caught.is_ok(),
            "seed {seed} round {round}: {} bytes",
            input.len()
        );
    }
}

fn golden_files(names: &[&str]) -> Vec<Vec<u8>> {
    names
        .iter()
        .map(|name| read_all(&OsFs, golden().join(name)))
        .collect()
}

#[test]
fn headers() {
    let mut seeds = golden_files(&["basic/v3.tar.c1z", "unfinished/v3.indexed_zstd.c1z"]);
    for bytes in &mut seeds {
        bytes.truncate(24_000);
    }
    seeds.push(seeds[0][9..].to_vec());
    sweep(1, 400, &seeds, header);
}

#[test]
fn indexes_and_footers() {
    let seeds = golden_files(&["basic/v3.indexed_zstd.c1z", "many-ssts/v3.indexed_zstd.c1z"]);
    let index_of = |bytes: &Vec<u8>| {
        let footer = bytes.last_chunk::<FOOTER_LEN>().unwrap();
        let footer = Footer::decode(*footer, bytes.len() as u64, 9).unwrap();
        let start = usize::try_from(footer.index().start).unwrap();
        [
            bytes[start..bytes.len() - FOOTER_LEN].to_vec(),
            bytes[start..].to_vec(),
        ]
    };
    let seeds: Vec<_> = seeds.iter().flat_map(index_of).collect();
    sweep(2, 4000, &seeds, index);
}

#[test]
fn seek_tables() {
    let table = [12, 0, 0, 0, 44, 1, 0, 0, 5, 150, 1, 7, 150, 1].to_vec();
    sweep(3, 20_000, &[table, vec![0; 8]], seek_table);
}

#[test]
fn tar_archives() {
    let seeds = golden_files(&["basic/pebble-dir.tar", "empty-sync/pebble-dir.tar"]);
    sweep(4, 2000, &seeds, tar);
}

#[test]
fn v1_streams() {
    let mut seeds = golden_files(&["basic/v1.c1z", "no-syncs/v1.c1z"]);
    for bytes in &mut seeds {
        bytes.drain(..5);
    }
    seeds.push([seeds[1].clone(), seeds[1].clone()].concat());
    sweep(5, 400, &seeds, v1_stream);
}

#[test]
fn whole_files() {
    sweep(6, 3000, &small_files_of_every_kind(), file);
    sweep(
        7,
        100,
        &golden_files(&["basic/v3.indexed_zstd.c1z", "basic/v3.tar_zstd.c1z"]),
        file,
    );
}
