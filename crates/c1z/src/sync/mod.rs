//! What all engines but the model share about syncs: their life, which one a read is about, page tokens, retention, stamps.

pub(crate) mod lifecycle;
pub(crate) mod resolve;
pub(crate) mod retention;
pub(crate) mod stamps;
pub(crate) mod token;
