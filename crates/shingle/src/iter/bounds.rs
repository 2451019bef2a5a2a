//! Which keys a read is about.

/// A range of user keys: `lower` is inclusive, `upper` exclusive; `None` is unbounded. A range that
/// does not ascend is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// First key of the range.
    pub lower: Option<Vec<u8>>,
    /// First key behind the range.
    pub upper: Option<Vec<u8>>,
}

impl Bounds {
    /// All keys.
    pub fn all() -> Self {
        Self::default()
    }

    /// The keys of `[lower, upper)`.
    pub fn range(lower: impl Into<Vec<u8>>, upper: impl Into<Vec<u8>>) -> Self {
        Self {
            lower: Some(lower.into()),
            upper: Some(upper.into()),
        }
    }

    /// The keys that begin with `prefix`.
    pub fn prefix(prefix: &[u8]) -> Self {
        // Behind them comes the prefix with its last byte that can grow grown.
        let grown = prefix.iter().rposition(|&byte| byte != 0xff);
        let upper = grown.map(|at| {
            let mut upper: Vec<u8> = prefix.iter().take(at + 1).copied().collect();
            if let Some(last) = upper.last_mut() {
                *last += 1;
            }
            upper
        });
        Self {
            lower: Some(prefix.to_vec()),
            upper,
        }
    }

    /// The lower bound as a slice.
    pub fn lower(&self) -> Option<&[u8]> {
        self.lower.as_deref()
    }

    /// The upper bound as a slice.
    pub fn upper(&self) -> Option<&[u8]> {
        self.upper.as_deref()
    }

    /// Whether `key` is in the range.
    pub fn contains(&self, key: &[u8]) -> bool {
        self.lower().is_none_or(|lower| lower <= key)
            && self.upper().is_none_or(|upper| key < upper)
    }
}
