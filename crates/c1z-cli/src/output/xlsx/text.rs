//! The text of a cell as XML.
//!
//! XML has no way to write most control characters. Spreadsheets write them as `_xHHHH_`, and a
//! text that happens to look like that with its first `_` as `_x005F_` (ECMA-376, `ST_Xstring`).

/// Most UTF-16 code units that a cell may hold (a limit of the format).
pub(super) const CELL_UNITS_MAX: usize = 32_767;

/// Appends the text of a cell; false if it was longer than a cell may be, and was cut.
pub(super) fn write_text(text: &str, out: &mut Vec<u8>) -> bool {
    let kept = cut(text);
    let mut plain_from = 0;
    for (at, c) in kept.char_indices() {
        let escape: &[u8] = match c {
            '&' => b"&amp;",
            '<' => b"&lt;",
            '>' => b"&gt;",
            '_' if looks_escaped(kept.get(at..).unwrap_or_default()) => b"_x005F_",
            '\t' | '\n' => continue,
            '\0'..='\u{1f}' | '\u{7f}' | '\u{fffe}' | '\u{ffff}' => b"",
            _ => continue,
        };
        out.extend_from_slice(kept.get(plain_from..at).unwrap_or_default().as_bytes());
        if escape.is_empty() {
            out.extend_from_slice(format!("_x{:04X}_", u32::from(c)).as_bytes());
        } else {
            out.extend_from_slice(escape);
        }
        plain_from = at + c.len_utf8();
    }
    out.extend_from_slice(kept.get(plain_from..).unwrap_or_default().as_bytes());
    kept.len() == text.len()
}

/// The longest beginning that a cell may hold.
fn cut(text: &str) -> &str {
    // A code unit takes at most three bytes, and no fewer than one unit in three bytes.
    if text.len() <= CELL_UNITS_MAX {
        return text;
    }
    let mut units = 0;
    for (at, c) in text.char_indices() {
        units += c.len_utf16();
        if units > CELL_UNITS_MAX {
            return text.get(..at).unwrap_or_default();
        }
    }
    text
}

/// Whether the text begins as an escape does.
fn looks_escaped(text: &str) -> bool {
    match text.as_bytes() {
        [b'_', b'x' | b'X', hex @ ..] => {
            matches!(hex.get(..5), Some([digits @ .., b'_']) if digits.iter().all(u8::is_ascii_hexdigit))
        }
        _ => false,
    }
}
