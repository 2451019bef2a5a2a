//! Decoders with planted faults: the loop reports each, and none of a decoder without.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::{Found, Limit, Offence, fuzz};

/// What is planted in [`decode`].
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    Nothing,
    /// A certain byte behind the length panics.
    Panics,
    /// The length is believed.
    Believes,
    /// The sum is not compared.
    Accepts,
}

/// A tag, a length of four bytes, as many bytes, and their sum.
fn encode(content: &[u8]) -> Vec<u8> {
    let len = u32::try_from(content.len()).unwrap();
    [
        b"T".as_slice(),
        &len.to_le_bytes(),
        content,
        &[sum(content)],
    ]
    .concat()
}

fn sum(content: &[u8]) -> u8 {
    content
        .iter()
        .fold(7, |sum: u8, byte| sum.rotate_left(1) ^ byte)
}

fn decode(bytes: &[u8], fault: Fault) -> Option<Vec<u8>> {
    let rest = bytes.strip_prefix(b"T")?;
    let (len, rest) = rest.split_first_chunk::<4>()?;
    let len = usize::try_from(u32::from_le_bytes(*len)).ok()?;
    if fault == Fault::Believes {
        let content = vec![0_u8; len];
        std::hint::black_box(&content);
    }
    let (content, last) = rest.split_at_checked(len)?;
    assert!(
        fault != Fault::Panics || content.first() != Some(&0xff),
        "the planted panic"
    );
    let is_sound = *last == [sum(content)];
    (is_sound || (fault == Fault::Accepts && last.len() == 1)).then(|| content.to_vec())
}

/// An entry point as those of the product: what was accepted is what is encoded.
fn target(fault: Fault) -> impl Fn(&[u8]) {
    move |bytes| {
        if let Some(content) = decode(bytes, fault) {
            assert_eq!(encode(&content), bytes, "accepted damage");
        }
    }
}

/// One at a time: the memory that is looked at is that of the process.
static ALONE: Mutex<()> = Mutex::new(());

fn run(fault: Fault) -> Result<u64, Found> {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let inputs = [encode(b"a"), encode(&[3; 40]), encode(b"some more of it")];
    let limit = Limit {
        time: Duration::from_secs(20),
        rounds: 20_000,
    };
    let found = fuzz(
        &target(fault),
        inputs.len(),
        &|i| inputs[i].clone(),
        1,
        limit,
    );
    if let Err(found) = &found {
        println!("{found}");
    }
    found
}

#[test]
fn a_sound_decoder_passes() {
    assert_eq!(run(Fault::Nothing), Ok(20_000));
}

#[test]
fn a_panic_is_reported_with_its_input() {
    let found = run(Fault::Panics).unwrap_err();
    assert_eq!(
        found.offence,
        Offence::Panic("the planted panic".to_owned())
    );
    let again = std::panic::catch_unwind(|| target(Fault::Panics)(&found.bytes));
    assert!(again.is_err(), "the bytes make it panic again");
}

#[test]
fn an_allocation_without_bound_is_reported() {
    let found = run(Fault::Believes).unwrap_err();
    assert!(
        matches!(found.offence, Offence::Memory(taken) if taken > 1 << 30),
        "{found}"
    );
}

#[test]
fn accepted_damage_is_reported() {
    let found = run(Fault::Accepts).unwrap_err();
    let Offence::Panic(words) = &found.offence else {
        panic!("{found}");
    };
    assert!(words.contains("accepted damage"), "{words}");
}
