//! The `c1z` program.
fn main() {}
