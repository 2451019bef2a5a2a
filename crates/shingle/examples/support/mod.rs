//! What the measuring programs share: rows as those of `interop/run bench-load`, and what a process
//! used.

#![allow(
    dead_code,
    reason = "each program that includes this uses a part of it"
)]

pub(crate) mod indexes;

use std::fmt::Write as _;

/// Makes rows from a seed.
pub(crate) struct Maker {
    state: u64,
    rows: u64,
    /// The primary key, and four of indexes.
    pub(crate) keys: [Vec<u8>; 5],
    /// The value of the primary key.
    pub(crate) value: Vec<u8>,
}

impl Maker {
    /// Of a load of so many rows.
    pub(crate) fn new(rows: u64) -> Self {
        Self {
            state: 1,
            rows,
            keys: Default::default(),
            value: Vec::new(),
        }
    }

    fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Makes row `i`.
    pub(crate) fn row(&mut self, i: u64) {
        let (group, user) = (i / 500, self.draw() % (self.rows / 10).max(10));
        let entitlement = format!("group\0group-{group:08}\x001\0member");
        let principal = format!("user\0user-{user:08}-{i:08x}");
        let tail = format!("{entitlement}\0{principal}");
        let hash = self.draw().to_be_bytes();
        let parts: [&[&[u8]]; 5] = [
            &[&[3, 4, 0], tail.as_bytes()],
            &[
                &[3, 7, 4, 0],
                principal.as_bytes(),
                &[0],
                entitlement.as_bytes(),
            ],
            &[&[3, 7, 5, 0], tail.as_bytes()],
            &[&[3, 7, 6, 0], b"user\0", tail.as_bytes()],
            &[
                &[3, 7, 8, 0],
                entitlement.as_bytes(),
                &hash,
                principal.as_bytes(),
            ],
        ];
        for (key, parts) in self.keys.iter_mut().zip(parts) {
            *key = parts.concat();
        }
        let mut value = String::new();
        let _ = write!(
            value,
            "group:group-{group:08}:member:user:user-{user:08}-{i:08x}{tail}\
             type.googleapis.com/c1.connector.v2.GrantMetadata ticket T-{:07} granted_by admin-{:03} ",
            self.draw() % 10_000_000,
            self.draw() % 1000
        );
        while value.len() < 300 {
            value.push_str("type.googleapis.com/c1.connector.v2.GrantImmutable ");
        }
        value.truncate(300);
        self.value = value.into_bytes();
    }
}

/// Processor seconds of this process, and its largest resident set in bytes.
pub(crate) fn usage() -> (f64, u64) {
    let field = |text: &str, at: usize| -> u64 {
        text.split_whitespace()
            .nth(at)
            .and_then(|n| n.parse().ok())
            .unwrap_or(0)
    };
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let stat = stat.rsplit(')').next().unwrap_or_default();
    let ticks = field(stat, 11) + field(stat, 12);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    #[expect(clippy::cast_precision_loss, reason = "hundredths of a second")]
    let seconds = ticks as f64 / 100.0;
    (seconds, peak.map_or(0, |peak| field(peak, 0)) * 1024)
}
