//! The user key at a cursor's position, put together from the parts that a block stores.

/// A key as prefix ‖ suffix; moving inside a bundle replaces the suffix only.
#[derive(Clone, Debug, Default)]
pub(super) struct KeyBuf {
    bytes: Vec<u8>,
    prefix_len: usize,
}

impl KeyBuf {
    /// The whole key.
    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Starts a key with a new prefix of two parts.
    pub(super) fn set_prefix(&mut self, first: &[u8], second: &[u8]) {
        self.bytes.clear();
        self.bytes.extend_from_slice(first);
        self.bytes.extend_from_slice(second);
        self.prefix_len = self.bytes.len();
    }

    /// Replaces what follows the prefix.
    #[inline]
    pub(super) fn set_suffix(&mut self, suffix: &[u8]) {
        self.bytes.truncate(self.prefix_len);
        self.bytes.extend_from_slice(suffix);
    }
}
