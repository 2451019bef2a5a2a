//! Readable forms of long values.

/// Longest text shown of one value, in characters.
const LEN_MAX: usize = 300;

/// Two texts cut to a window that begins shortly before the place where they part.
pub(super) fn around_difference(left: &str, right: &str) -> (String, String) {
    let same = left
        .chars()
        .zip(right.chars())
        .take_while(|(a, b)| a == b)
        .count();
    let start = same.saturating_sub(80);
    (window(left, start), window(right, start))
}

/// The beginning of a text.
pub(super) fn short(text: &str) -> String {
    window(text, 0)
}

fn window(text: &str, start: usize) -> String {
    let mut shown: String = text.chars().skip(start).take(LEN_MAX).collect();
    if start > 0 {
        shown.insert_str(0, "...");
    }
    if text.chars().nth(start + LEN_MAX).is_some() {
        shown.push_str("...");
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_difference_is_in_the_window() {
        let left = format!("{}a{}", "x".repeat(1_000), "y".repeat(1_000));
        let right = format!("{}b{}", "x".repeat(1_000), "y".repeat(1_000));
        let (left, right) = around_difference(&left, &right);
        assert!(left.contains("xay") && right.contains("xby"));
        assert!(left.len() < 320);
        assert_eq!(short("abc"), "abc");
    }
}
