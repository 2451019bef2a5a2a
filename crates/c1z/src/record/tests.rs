//! Laws of the records.
