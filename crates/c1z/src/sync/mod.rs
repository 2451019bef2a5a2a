//! What all engines but the model share about syncs: which sync a read is about, and page tokens.

pub(crate) mod resolve;
pub(crate) mod token;
