//! Tests of what is watched.
