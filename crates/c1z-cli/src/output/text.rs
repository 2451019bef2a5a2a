//! Texts from files, made safe to show.

use std::borrow::Cow;

/// A text in which nothing can drive a terminal or leave its line: control characters, line
/// separators and the marks that reorder text are shown escaped.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_unsafe(c) {
            safe.extend(c.escape_default());
        } else {
            safe.push(c);
        }
    }
    Cow::Owned(safe)
}

/// Controls (C0, DEL, C1), line and paragraph separators, and the embeddings, overrides and
/// isolates by which a name could reorder what stands around it. Marks that only say which way a
/// letter runs are left alone.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_drive_a_terminal_is_shown() {
        for (text, shown) in [
            ("plain Zoë 日本", "plain Zoë 日本"),
            ("a\u{1b}[2Jb", "a\\u{1b}[2Jb"),
            ("x\ny\tz\r", "x\\ny\\tz\\r"),
            ("\0\u{7f}\u{9b}31m", "\\u{0}\\u{7f}\\u{9b}31m"),
            ("a\u{202e}gpj.exe", "a\\u{202e}gpj.exe"),
            ("محمد\u{200f}", "محمد\u{200f}"),
        ] {
            assert_eq!(printable(text), shown);
        }
    }
}
