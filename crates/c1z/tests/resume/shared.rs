//! A directory that is written, or was left behind, read by others.
