//! The text form over its whole range, and what is refused.

use proptest::prelude::*;

use super::*;
use crate::ErrorKind;

#[test]
fn the_example_of_the_specification() {
    let id = Ksuid::parse("2qVyMyUb4B6tF8S1zv0KqZ3xQ1w").unwrap();
    assert_eq!(id.as_bytes()[..4], [0x13, 0xf4, 0x10, 0x08]);
    assert_eq!(id.as_bytes()[16..], [0xc9, 0xbe, 0xf2, 0xd8]);
    assert_eq!(id.unix_seconds(), 1_734_761_992);
    assert_eq!(id.to_string(), "2qVyMyUb4B6tF8S1zv0KqZ3xQ1w");
}

#[test]
fn both_ends_of_the_range() {
    let (least, greatest) = (Ksuid::from_bytes([0; 20]), Ksuid::from_bytes([0xff; 20]));
    assert_eq!(least.to_string(), "000000000000000000000000000");
    assert_eq!(greatest.to_string(), "aWgEPTl1tmebfsQzFP4bxwgy80V");
    assert_eq!(Ksuid::parse(&greatest.to_string()).unwrap(), greatest);
}

#[test]
fn text_that_is_not_canonical_is_refused() {
    for text in [
        "",
        "2qVyMyUb4B6tF8S1zv0KqZ3xQ1",
        "2qVyMyUb4B6tF8S1zv0KqZ3xQ1ww",
        "0!Vy-yUb4B6tF8S1zv0KqZ3xQ1w",
        "aWgEPTl1tmebfsQzFP4bxwgy80W",
        "zzzzzzzzzzzzzzzzzzzzzzzzzzz",
        "2qVyMyUb4B6tF8S1zv0KqZ3xQé",
    ] {
        let error = Ksuid::parse(text).expect_err(text);
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    }
}

#[test]
fn a_moment_outside_the_range_is_refused() {
    let entropy = [7; 16];
    assert!(Ksuid::new(1_399_999_999, entropy).is_err());
    assert!(Ksuid::new(1_400_000_000 + (1 << 32), entropy).is_err());
    let first = Ksuid::new(1_400_000_000, entropy).unwrap();
    assert_eq!(first.unix_seconds(), 1_400_000_000);
    assert_eq!(first.as_bytes()[4..], entropy);
}

proptest! {
    #[test]
    fn text_reads_back_and_sorts_like_bytes(a in any::<[u8; 20]>(), b in any::<[u8; 20]>()) {
        let (a, b) = (Ksuid::from_bytes(a), Ksuid::from_bytes(b));
        prop_assert_eq!(a.to_string().parse::<Ksuid>().unwrap(), a);
        prop_assert_eq!(a.to_string().cmp(&b.to_string()), a.cmp(&b));
    }

    #[test]
    fn any_accepted_text_prints_as_itself(text in "[0-9A-Za-z]{27}") {
        if let Ok(id) = Ksuid::parse(&text) {
            prop_assert_eq!(id.to_string(), text);
        }
    }
}
