//! Standard output: buffered, and harmless on a terminal.

use super::progress;
use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};

/// Buffer in front of standard output, in bytes.
const BUFFER: usize = 128 << 10;

/// Standard output for text that this program made or has made safe. Whoever takes it flushes it.
pub(crate) fn stdout() -> BufWriter<StdoutLock<'static>> {
    progress::give_way();
    BufWriter::with_capacity(BUFFER, io::stdout().lock())
}

/// Standard output for JSON and CSV, which carry texts of the file as they are: what goes to a
/// terminal is guarded.
pub(crate) fn data() -> Guard<BufWriter<StdoutLock<'static>>> {
    Guard::new(stdout(), io::stdout().is_terminal())
}

/// Replaces control characters except line feeds and tabs by `\u00XX`, which in JSON means the
/// same; passes everything on as it is where nobody looks.
#[derive(Debug)]
pub(crate) struct Guard<W> {
    out: W,
    on: bool,
    /// The last byte was 0xC2, which begins the two-byte form of U+0080 to U+00BF; it is held back.
    held: bool,
}

impl<W: Write> Guard<W> {
    pub(crate) fn new(out: W, on: bool) -> Self {
        Self {
            out,
            on,
            held: false,
        }
    }

    fn byte(&mut self, byte: u8) -> io::Result<()> {
        let held = std::mem::take(&mut self.held);
        match (held, byte) {
            (true, 0x80..=0x9f) => return write!(self.out, "\\u00{byte:02x}"),
            (true, _) => self.out.write_all(&[0xc2])?,
            (false, _) => {}
        }
        match byte {
            b'\n' | b'\t' => self.out.write_all(&[byte]),
            0xc2 => {
                self.held = true;
                Ok(())
            }
            0..=0x1f | 0x7f => write!(self.out, "\\u00{byte:02x}"),
            _ => self.out.write_all(&[byte]),
        }
    }
}

impl<W: Write> Write for Guard<W> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        if !self.on {
            return self.out.write(buf);
        }
        buf.iter().try_for_each(|byte| self.byte(*byte))?;
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn through(on: bool, text: &str) -> String {
        let mut out = Vec::new();
        let mut guard = Guard::new(&mut out, on);
        for byte in text.bytes() {
            guard.write_all(&[byte]).unwrap();
        }
        guard.flush().unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_terminal_gets_no_control_characters() {
        let text = "a\u{1b}[2J\r\n\tÂ£\u{9b}31m\u{7f}é\0";
        let shown = "a\\u001b[2J\\u000d\n\tÂ£\\u009b31m\\u007fé\\u0000";
        assert_eq!(through(true, text), shown);
        assert_eq!(through(false, text), text);
    }

    #[test]
    fn json_means_the_same_behind_the_guard() {
        let value = serde_json::Value::from("x\u{9b}y\u{7f}£");
        let shown = through(true, &value.to_string());
        assert!(shown.is_ascii() || !shown.contains('\u{9b}'));
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&shown).unwrap(),
            value
        );
    }
}
