//! Splits the text of a `CREATE` statement into tokens. Comments and white space are dropped.

use std::borrow::Cow;

/// One token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// A word without quotes: a keyword or a name.
    Word(&'a str),
    /// A name in double quotes, back quotes or brackets, without them.
    Quoted(Cow<'a, str>),
    /// A string in single quotes, without them.
    Text(Cow<'a, str>),
    /// A blob literal: its hexadecimal digits.
    Blob(&'a str),
    /// A number without sign.
    Number(&'a str),
    /// One character of punctuation. Operators of two characters are two tokens.
    Symbol(char),
}

/// A token and where it ends in the text.
#[derive(Clone, Debug)]
pub(super) struct Spanned<'a> {
    pub(super) token: Token<'a>,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// Splits `text`; the error says what is wrong and where.
pub(super) fn split(text: &str) -> Result<Vec<Spanned<'_>>, String> {
    let mut tokens = Vec::new();
    let mut rest = skip_blank(text)?;
    while !rest.is_empty() {
        let start = text.len() - rest.len();
        let (token, after) = next(rest).map_err(|what| format!("{what} at byte {start}"))?;
        let end = text.len() - after.len();
        tokens.push(Spanned { token, start, end });
        rest = skip_blank(after)?;
    }
    Ok(tokens)
}

fn skip_blank(text: &str) -> Result<&str, String> {
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([' ', '\t', '\n', '\r', '\x0c']);
        if let Some(comment) = rest.strip_prefix("--") {
            rest = comment.split_once('\n').map_or("", |(_, after)| after);
        } else if let Some(comment) = rest.strip_prefix("/*") {
            let (_, after) = comment
                .split_once("*/")
                .ok_or_else(|| "comment without end".to_owned())?;
            rest = after;
        } else {
            return Ok(rest);
        }
    }
}

fn next(text: &str) -> Result<(Token<'_>, &str), String> {
    let mut chars = text.chars();
    let Some(first) = chars.next() else {
        return Err("end of text".to_owned());
    };
    match first {
        '\'' => quoted(text, '\'').map(|(name, rest)| (Token::Text(name), rest)),
        '"' | '`' => quoted(text, first).map(|(name, rest)| (Token::Quoted(name), rest)),
        '[' => {
            let (name, rest) = chars
                .as_str()
                .split_once(']')
                .ok_or_else(|| "bracket without end".to_owned())?;
            Ok((Token::Quoted(Cow::Borrowed(name)), rest))
        }
        'x' | 'X' if chars.as_str().starts_with('\'') => {
            let (digits, rest) = quoted(chars.as_str(), '\'')?;
            match digits {
                Cow::Borrowed(digits) => Ok((Token::Blob(digits), rest)),
                Cow::Owned(_) => Err("quote in a blob literal".to_owned()),
            }
        }
        '0'..='9' => Ok(number(text)),
        '.' if chars.as_str().starts_with(|c: char| c.is_ascii_digit()) => Ok(number(text)),
        _ if is_word(first) => {
            let len = text.find(|c| !is_word(c)).unwrap_or(text.len());
            let (word, rest) = text.split_at(len);
            Ok((Token::Word(word), rest))
        }
        _ => Ok((Token::Symbol(first), chars.as_str())),
    }
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '$' || !c.is_ascii()
}

/// A text in `quote`s, doubled inside.
fn quoted(text: &str, quote: char) -> Result<(Cow<'_, str>, &str), String> {
    let body = text.get(1..).unwrap_or_default();
    let mut owned = String::new();
    let mut rest = body;
    loop {
        let (piece, after) = rest
            .split_once(quote)
            .ok_or_else(|| format!("{quote} without end"))?;
        let Some(more) = after.strip_prefix(quote) else {
            if owned.is_empty() && rest.len() == body.len() {
                return Ok((Cow::Borrowed(piece), after));
            }
            owned.push_str(piece);
            return Ok((Cow::Owned(owned), after));
        };
        owned.push_str(piece);
        owned.push(quote);
        rest = more;
    }
}

/// A number: decimal with fraction and exponent, or hexadecimal.
fn number(text: &str) -> (Token<'_>, &str) {
    let mut previous = ' ';
    let hexadecimal = text.starts_with("0x") || text.starts_with("0X");
    let len = text
        .find(|c: char| {
            let sign = matches!(c, '+' | '-') && matches!(previous, 'e' | 'E') && !hexadecimal;
            previous = c;
            !(c.is_ascii_alphanumeric() || c == '.' || sign)
        })
        .unwrap_or(text.len());
    let (digits, rest) = text.split_at(len);
    (Token::Number(digits), rest)
}
