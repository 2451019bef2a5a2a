//! What this process has used so far, for programs that measure.

use std::str::FromStr;

/// Processor seconds, and the largest resident set in MiB; zero where the system does not tell.
pub fn usage() -> (f64, u64) {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name of the program, in parentheses, may hold anything.
    let stat = stat.rsplit(')').next().unwrap_or_default();
    let ticks: u64 = word(stat, 11) + word(stat, 12);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    #[expect(clippy::cast_precision_loss, reason = "hundredths of a second")]
    let seconds = ticks as f64 / 100.0;
    (seconds, peak.map_or(0, |peak| word(peak, 0) / 1024))
}

/// Bytes passed to write calls; zero where the system does not tell.
pub fn written() -> u64 {
    let io = std::fs::read_to_string("/proc/self/io").unwrap_or_default();
    let written = io.lines().find_map(|line| line.strip_prefix("wchar:"));
    written.map_or(0, |written| word(written, 0))
}

fn word(text: &str, at: usize) -> u64 {
    let word = text.split_whitespace().nth(at);
    word.and_then(|word| u64::from_str(word).ok()).unwrap_or(0)
}
