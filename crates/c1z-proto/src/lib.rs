//! c1z-proto
