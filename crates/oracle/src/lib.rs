//! Judges that need C: `tests/` compares our codecs and files with zstd and SQLite in C.
