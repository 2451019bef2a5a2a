//! The hashes of a grant, over its encoded key and the ids of its sources.
//!
//! ```text
//! bucket hash  = XXH64(principal)
//! content hash = XXH64(partition 00 principal, then for each source ascending: 00 esc(source))
//! ```
//!
//! Seed 0. The bucket is the top 16 bits of the bucket hash. Not covered: the grant's own id, times,
//! annotations, expansion, and what the sources say besides their ids.

use std::collections::BTreeMap;

use xxhash_rust::xxh64::xxh64;

use crate::keyspace::tuple::{self, SEPARATOR};
use crate::keyspace::{GrantKey, HashKey};
use crate::record::grant;
use crate::{Error, Result};

/// A grant with its hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashedGrant<'a> {
    /// The grant.
    pub grant: GrantKey<'a>,
    /// Top 16 bits of the bucket hash.
    pub bucket: u16,
    /// The content hash.
    pub content: u64,
}

impl<'a> HashedGrant<'a> {
    /// Appends the key of the grant's row in the hash index.
    pub fn key_into(&self, out: &mut Vec<u8>) {
        self.grant.hash_into(self.bucket, out);
    }

    /// The value of that row.
    pub fn value(&self) -> [u8; 8] {
        self.content.to_be_bytes()
    }

    /// Reads a row of the hash index.
    ///
    /// # Errors
    /// A key that is none of the index, or a value that is not 8 bytes.
    pub fn from_row(key: &'a [u8], value: &[u8]) -> Result<Self> {
        let row = HashKey::parse(key)?;
        let Ok(content) = value.try_into() else {
            let found = format!("{} bytes", value.len());
            return Err(Error::data_loss(
                "grant hash index row",
                0,
                "8 bytes",
                found,
            ));
        };
        Ok(Self {
            grant: row.grant(),
            bucket: row.bucket,
            content: u64::from_be_bytes(content),
        })
    }
}

/// Hashes grants; holds one buffer that every call uses again.
#[derive(Clone, Debug, Default)]
pub struct GrantHasher {
    hashed: Vec<u8>,
}

impl GrantHasher {
    /// A hasher.
    pub fn new() -> Self {
        Self::default()
    }

    /// Hashes the grant of a primary row. One pass over the key and one over the fields of the value.
    ///
    /// # Errors
    /// A key that is no grant's, or a value that is no record.
    pub fn hash<'k>(&mut self, key: &'k [u8], value: &[u8]) -> Result<HashedGrant<'k>> {
        let grant = GrantKey::parse(key)?;
        // The tail of the key is `partition 00 principal`.
        let identity = key.get(3..).unwrap_or_default();
        Ok(HashedGrant {
            grant,
            bucket: bucket_of(bucket_hash(grant.principal)),
            content: self.content_hash(identity, value)?,
        })
    }

    fn content_hash(&mut self, identity: &[u8], value: &[u8]) -> Result<u64> {
        let mut sources = grant::sources_of(value);
        let Some((first, _)) = sources.next().transpose()? else {
            return Ok(xxh64(identity, 0));
        };
        self.start(identity);
        self.push_source(first);
        let mut last = first;
        for source in sources {
            let (source, _) = source?;
            if source <= last {
                return self.content_hash_unordered(identity, value);
            }
            self.push_source(source);
            last = source;
        }
        Ok(xxh64(&self.hashed, 0))
    }

    /// For records whose sources do not ascend, which no deterministic encoder writes.
    #[cold]
    fn content_hash_unordered(&mut self, identity: &[u8], value: &[u8]) -> Result<u64> {
        let sources: Result<BTreeMap<_, _>> = grant::sources_of(value).collect();
        self.start(identity);
        for source in sources?.keys() {
            self.push_source(source);
        }
        Ok(xxh64(&self.hashed, 0))
    }

    fn start(&mut self, identity: &[u8]) {
        self.hashed.clear();
        self.hashed.extend_from_slice(identity);
    }

    fn push_source(&mut self, source: &str) {
        self.hashed.push(SEPARATOR);
        tuple::escape_into(&mut self.hashed, source.as_bytes());
    }
}

/// The hash of an encoded principal.
pub fn bucket_hash(principal: &[u8]) -> u64 {
    xxh64(principal, 0)
}

/// The bucket of a hash: its top 16 bits.
pub fn bucket_of(bucket_hash: u64) -> u16 {
    (bucket_hash >> 48) as u16
}
