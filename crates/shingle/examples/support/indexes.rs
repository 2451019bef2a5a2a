//! The index keys of the measured rows, derived from the primary ones.

use shingle::iter::Bounds;
use shingle::live::{DerivedOrder, Deriver, Emit, Family};

/// Where the families of keys begin.
pub(crate) fn sections() -> Vec<Vec<u8>> {
    let headers = [&[3, 4][..], &[3, 7, 4], &[3, 7, 5], &[3, 7, 6], &[3, 7, 8]];
    headers.into_iter().map(<[u8]>::to_vec).collect()
}

/// Derives the index keys from a primary key, as `bench-load` makes them; the hash in the last one is
/// of the key.
#[derive(Debug)]
pub(crate) struct Indexes {
    families: Vec<Family>,
    sources: Vec<Bounds>,
}

impl Indexes {
    /// All four families, deferred.
    pub(crate) fn new() -> Self {
        let orders = [
            DerivedOrder::Any,
            DerivedOrder::AsPrimaries,
            DerivedOrder::AsPrimaries,
            DerivedOrder::Any,
        ];
        let families = [4, 5, 6, 8].into_iter().zip(orders);
        Self {
            families: families
                .map(|(n, order)| Family {
                    bounds: Bounds::prefix(&[3, 7, n]),
                    order,
                    kept: false,
                })
                .collect(),
            sources: vec![Bounds::prefix(&[3, 4])],
        }
    }
}

impl Deriver for Indexes {
    fn families(&self) -> &[Family] {
        &self.families
    }

    fn sources(&self) -> &[Bounds] {
        &self.sources
    }

    fn derive(&self, key: &[u8], _value: &[u8], emit: &mut Emit<'_>) -> shingle::Result<()> {
        let tail = key.get(3..).unwrap_or_default();
        let cuts = tail.iter().enumerate().filter(|(_, byte)| **byte == 0);
        let cut = cuts.map(|(at, _)| at).nth(3).unwrap_or_default();
        let (entitlement, principal) = tail.split_at(cut);
        let principal = principal.get(1..).unwrap_or_default();
        let hash = hash_of(tail).to_be_bytes();
        emit(
            0,
            &[&[3, 7, 4, 0], principal, &[0], entitlement].concat(),
            &[],
        )?;
        emit(1, &[&[3, 7, 5, 0], tail].concat(), &[])?;
        emit(2, &[&[3, 7, 6, 0], &b"user\0"[..], tail].concat(), &[])?;
        emit(
            3,
            &[&[3, 7, 8, 0], entitlement, &hash, principal].concat(),
            &[],
        )
    }
}

/// FNV-1a, mixed so that its high bytes vary.
fn hash_of(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325, step);
    (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}
