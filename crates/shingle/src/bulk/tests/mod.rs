//! Sorting against a map, databases against what went in, the same bytes whatever the means, and
//! nothing left behind when something fails.

mod building;
mod faults;
mod sorting;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::db::{Database, ReadOptions, ScanOptions};
use crate::iter::Bounds;
use crate::vfs::{Fs, Lottery, MemFs};

type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

/// Keys with long common beginnings, zeros, keys that are the beginning of others, and repetitions.
fn odd_key(lottery: &mut Lottery) -> Vec<u8> {
    let mut key = Vec::new();
    for _ in 0..=lottery.below(4) {
        match lottery.below(5) {
            0 => key.extend_from_slice(b"group\0eng\0"),
            1 => key.extend_from_slice(&[0; 9]),
            2 => key.extend_from_slice(&lottery.below(50).to_be_bytes()),
            3 => key.push(lottery.draw().to_le_bytes()[0]),
            _ => key.extend_from_slice(b"user-"),
        }
    }
    key
}

fn odd_rows(seed: u64, count: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut lottery = Lottery::new(seed);
    let row = |n: usize| {
        let len = usize::try_from(lottery.below(120)).unwrap();
        let mut value = n.to_string().into_bytes();
        value.resize(value.len() + len, b'v');
        (odd_key(&mut lottery), value)
    };
    (0..count).map(row).collect()
}

/// All files of a directory.
fn files(fs: &dyn Fs, dir: &str) -> BTreeMap<String, Vec<u8>> {
    let dir = Path::new(dir);
    let names = fs.list(dir).unwrap();
    let read = |name: String| {
        let file = fs.open(&dir.join(&name)).unwrap();
        let mut bytes = vec![0; usize::try_from(file.len()).unwrap()];
        file.read_exact_at(0, &mut bytes).unwrap();
        (name, bytes)
    };
    names.into_iter().map(read).collect()
}

/// Everything that a database holds, after checking its levels.
fn rows_of(fs: Arc<dyn Fs>, dir: &str) -> crate::Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let database = Database::open_sealed(fs, dir, ReadOptions::default())?;
    database.check_levels()?;
    let mut scan = database.scan(Bounds::all(), ScanOptions::default());
    let mut rows = Vec::new();
    while let Some((key, value)) = scan.next()? {
        rows.push((key.to_vec(), value.to_vec()));
    }
    Ok(rows)
}

fn mem() -> (MemFs, Arc<dyn Fs>) {
    let mem = MemFs::new();
    (mem.clone(), Arc::new(mem))
}
