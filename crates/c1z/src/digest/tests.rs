//! Laws of the digests.
