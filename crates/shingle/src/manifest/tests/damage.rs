//! A MANIFEST with any byte changed is an error; cut anywhere it is an error or an earlier state.

use super::*;
use crate::ErrorKind;
use crate::testing::golden_tar;
use crate::version::Version;
use crate::vfs::Lottery;

/// Small MANIFESTs that use most of what there is.
fn samples() -> Vec<Vec<u8>> {
    ["db-virtual", "db-tombstones", "db-manifest-rotated"]
        .map(|case| {
            let fs = golden_tar(&format!("pebble/{case}/db.tar.gz"));
            let name = match case {
                "db-manifest-rotated" => "MANIFEST-000048",
                _ => PATH,
            };
            fs.read(name).unwrap()
        })
        .to_vec()
}

fn read(bytes: &[u8]) -> Result<Replayed> {
    let fs = MemFs::new();
    fs.install(PATH, bytes).unwrap();
    replay(&fs, Path::new(PATH))
}

/// The versions after every edit that leaves one.
fn states(bytes: &[u8]) -> Vec<Version> {
    let fs = MemFs::new();
    fs.install(PATH, bytes).unwrap();
    let mut edits = Vec::new();
    visit_edits(&fs, Path::new(PATH), |_, edit| {
        edits.push(edit);
        Ok(())
    })
    .unwrap();
    let after = |count: usize| {
        let mut replay = Replay::new();
        for edit in &edits[..count] {
            replay.apply(edit.clone(), 0).unwrap();
        }
        replay.finish().ok()
    };
    (0..=edits.len()).filter_map(after).collect()
}

#[test]
fn every_flipped_bit_is_an_error_with_its_place() {
    for bytes in samples() {
        for offset in 0..bytes.len() {
            for bit in 0..8 {
                let mut damaged = bytes.clone();
                damaged[offset] ^= 1 << bit;
                let Err(error) = read(&damaged) else {
                    panic!("bit {bit} of byte {offset} went unseen");
                };
                let place = error.corruption().unwrap_or_else(|| panic!("{error:?}"));
                assert!(place.offset <= offset as u64, "{error:?}");
                assert_eq!(error.file(), Some(Path::new(PATH)));
            }
        }
    }
}

#[test]
fn cut_anywhere_it_is_an_error_or_an_earlier_state() {
    for bytes in samples() {
        let states = states(&bytes);
        for len in 0..bytes.len() {
            match read(&bytes[..len]) {
                Ok(read) => assert!(states.contains(&read.version), "cut at {len}"),
                // Before the counters are known.
                Err(error) => assert_eq!(error.kind(), ErrorKind::Corrupt, "{error:?}"),
            }
        }
    }
}

#[test]
fn mutated_records_never_panic_and_survive_their_own_encoding() {
    let mut lottery = Lottery::new(0x5eed);
    let mut accepted = 0;
    for bytes in samples() {
        let fs = MemFs::new();
        fs.install(PATH, &bytes[..]).unwrap();
        let mut records = Vec::new();
        let mut reader = record::strict::Reader::new(fs.open(Path::new(PATH)).unwrap());
        while let Some((_, record)) = reader.next_record().unwrap() {
            records.push(record.to_vec());
        }
        for _ in 0..3000 {
            let mut mutated = records.clone();
            for _ in 0..=lottery.below(3) {
                let count = mutated.len() as u64;
                let record = &mut mutated[usize::try_from(lottery.below(count)).unwrap()];
                mutate(record, &mut lottery);
            }
            for record in &mutated {
                fuzz::edit(record);
            }
            let file = file_of(&mutated).read(PATH).unwrap();
            fuzz::file(&file);
            accepted += u32::from(read(&file).is_ok());
        }
    }
    assert!(
        accepted > 100,
        "mutations reach behind the checks: {accepted}"
    );
}

fn mutate(bytes: &mut Vec<u8>, lottery: &mut Lottery) {
    let at = usize::try_from(lottery.below(bytes.len() as u64 + 1)).unwrap();
    let byte = lottery.draw().to_le_bytes()[0];
    match lottery.below(4) {
        0 => bytes.insert(at, byte),
        1 if at < bytes.len() => drop(bytes.remove(at)),
        2 => bytes.truncate(at),
        _ if at < bytes.len() => bytes[at] = byte,
        _ => bytes.push(byte),
    }
}
