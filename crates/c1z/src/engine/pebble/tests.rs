//! Parts of the engine that a caller cannot reach.
