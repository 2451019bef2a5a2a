//! What all engines but the model share about syncs: their life, which one a read is about, page tokens, retention, stamps,
//! the moments of their ends.

pub(crate) mod lifecycle;
pub(crate) mod resolve;
pub(crate) mod retention;
pub(crate) mod seals;
pub(crate) mod stamps;
pub(crate) mod token;
