//! A walk over tokens, with the few moves that both statements need.

use super::TEXT_LEN_MAX;
use super::token::{Spanned, Token, split};

/// What a parser returns: the error is a message without place.
pub(super) type Parsed<T> = Result<T, String>;

/// Tokens and a position in them.
pub(super) struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Spanned<'a>>,
    at: usize,
}

impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a str) -> Parsed<Self> {
        if text.len() > TEXT_LEN_MAX {
            return Err(format!("statement of {} bytes", text.len()));
        }
        Ok(Self {
            text,
            tokens: split(text)?,
            at: 0,
        })
    }

    pub(super) fn peek(&self) -> Option<&Token<'a>> {
        self.tokens.get(self.at).map(|spanned| &spanned.token)
    }

    pub(super) fn advance(&mut self) -> Option<Token<'a>> {
        let token = self.peek().cloned();
        self.at += usize::from(token.is_some());
        token
    }

    /// Whether the next token is the given keyword.
    pub(super) fn at_word(&self, word: &str) -> bool {
        matches!(self.peek(), Some(Token::Word(found)) if found.eq_ignore_ascii_case(word))
    }

    /// Whether the next token is one of the given keywords.
    pub(super) fn at_any(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.at_word(word))
    }

    /// Takes the given keyword if it is next.
    pub(super) fn take_word(&mut self, word: &str) -> bool {
        let found = self.at_word(word);
        self.at += usize::from(found);
        found
    }

    /// Takes the keyword or says that it is missing.
    pub(super) fn expect_word(&mut self, word: &str) -> Parsed<()> {
        if self.take_word(word) {
            return Ok(());
        }
        Err(self.missing(word))
    }

    pub(super) fn at_symbol(&self, symbol: char) -> bool {
        self.peek() == Some(&Token::Symbol(symbol))
    }

    pub(super) fn take_symbol(&mut self, symbol: char) -> bool {
        let found = self.at_symbol(symbol);
        self.at += usize::from(found);
        found
    }

    pub(super) fn expect_symbol(&mut self, symbol: char) -> Parsed<()> {
        if self.take_symbol(symbol) {
            return Ok(());
        }
        Err(self.missing(&symbol.to_string()))
    }

    /// A name in any of its spellings.
    pub(super) fn name(&mut self) -> Parsed<String> {
        let name = match self.peek() {
            Some(Token::Word(word)) => (*word).to_owned(),
            Some(Token::Quoted(name) | Token::Text(name)) => name.to_string(),
            _ => return Err(self.missing("a name")),
        };
        self.at += 1;
        Ok(name)
    }

    /// A name, perhaps with the name of a database before it.
    pub(super) fn qualified_name(&mut self) -> Parsed<String> {
        let name = self.name()?;
        if self.take_symbol('.') {
            return self.name();
        }
        Ok(name)
    }

    /// Takes `IF NOT EXISTS`.
    pub(super) fn take_if_not_exists(&mut self) {
        let _ = self.take_word("if") && self.take_word("not") && self.take_word("exists");
    }

    /// Takes the tokens up to a comma or a closing parenthesis of this level, and returns their
    /// text and number.
    pub(super) fn skip_element(&mut self) -> Parsed<(&'a str, usize)> {
        let first = self.at;
        let mut depth = 0_usize;
        loop {
            match self.peek() {
                Some(Token::Symbol('(')) => depth += 1,
                Some(Token::Symbol(')' | ',')) if depth == 0 => {
                    return Ok((self.text_since(first), self.at - first));
                }
                Some(Token::Symbol(')')) => depth -= 1,
                Some(_) => {}
                None => return Err(self.missing("a closing parenthesis")),
            }
            self.at += 1;
        }
    }

    /// Takes a group in parentheses and returns the text between them.
    pub(super) fn group(&mut self) -> Parsed<&'a str> {
        self.expect_symbol('(')?;
        let first = self.at;
        loop {
            self.skip_element()?;
            if self.at_symbol(')') {
                let text = self.text_since(first);
                self.at += 1;
                return Ok(text);
            }
            self.at += 1;
        }
    }

    /// The text of the rest.
    pub(super) fn rest(&mut self) -> &'a str {
        let first = self.at;
        self.at = self.tokens.len();
        self.text_since(first)
    }

    /// The text from token `first` to the last one taken.
    fn text_since(&self, first: usize) -> &'a str {
        let start = self.tokens.get(first).map_or(0, |token| token.start);
        let end = self
            .at
            .checked_sub(1)
            .and_then(|last| self.tokens.get(last));
        let end = end.map_or(0, |token| token.end);
        self.text.get(start..end).unwrap_or_default()
    }

    pub(super) fn at_end(&self) -> bool {
        self.at >= self.tokens.len()
    }

    pub(super) fn missing(&self, what: &str) -> String {
        match self.tokens.get(self.at) {
            Some(token) => format!("{what} expected at byte {}", token.start),
            None => format!("{what} expected at the end"),
        }
    }
}
