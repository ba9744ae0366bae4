//! Text to tokens, one at a time: hostile text is read no further than its first error.

use crate::error::{At, Checked, RuleError, clip};

/// A token.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Token {
    /// A name or keyword.
    Word(String),
    /// A number, without underscores.
    Number(String),
    /// Text in single quotes.
    Text(String),
    /// Punctuation.
    Mark(&'static str),
    /// The end.
    End,
}

impl Token {
    /// For a message.
    pub(crate) fn text(&self) -> String {
        match self {
            Token::Word(word) => format!("`{}`", clip(word)),
            Token::Number(number) => format!("the number {}", clip(number)),
            Token::Text(_) => "a quoted text".into(),
            Token::Mark(mark) => format!("`{mark}`"),
            Token::End => "the end of the file".into(),
        }
    }
}

/// Longest name, number or quoted text.
const MAX_TOKEN: usize = 4096;

const MARKS: [&str; 22] = [
    "<=", ">=", "<>", "!=", "==", "..", "(", ")", "[", "]", ",", ";", "+", "-", "*", "/", "<", ">",
    "=", "%", ".", "!",
];

pub(crate) struct Lexer<'a> {
    rest: &'a str,
    at: At,
}

impl<'a> Lexer<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        // a byte order mark, which some editors write
        let rest = text.strip_prefix('\u{feff}').unwrap_or(text);
        Self { rest, at: At { line: 1, column: 1 } }
    }

    fn eat(&mut self, bytes: usize) -> &'a str {
        let (eaten, rest) = self.rest.split_at(bytes);
        for c in eaten.chars() {
            if c == '\n' {
                self.at = At { line: self.at.line.saturating_add(1), column: 1 };
            } else {
                self.at.column = self.at.column.saturating_add(1);
            }
        }
        self.rest = rest;
        eaten
    }

    fn eat_while(&mut self, wanted: impl Fn(char) -> bool) -> Checked<&'a str> {
        let at = self.at;
        let bytes = self.rest.find(|c| !wanted(c)).unwrap_or(self.rest.len());
        if bytes > MAX_TOKEN {
            let what = format!("a name or number of {bytes} bytes");
            return Err(RuleError::new(at, what, "write one of at most 4,096"));
        }
        Ok(self.eat(bytes))
    }

    fn skip_space(&mut self) {
        loop {
            let space = self.rest.find(|c: char| !c.is_ascii_whitespace());
            self.eat(space.unwrap_or(self.rest.len()));
            if !self.rest.starts_with("--") {
                return;
            }
            self.eat(self.rest.find('\n').unwrap_or(self.rest.len()));
        }
    }

    /// The next token and where it starts.
    pub(crate) fn next(&mut self) -> Checked<(At, Token)> {
        self.skip_space();
        let at = self.at;
        let Some(first) = self.rest.chars().next() else { return Ok((at, Token::End)) };
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if first.is_ascii_alphabetic() || first == '_' {
            return Ok((at, Token::Word(self.eat_while(word)?.to_owned())));
        }
        if first.is_ascii_digit() {
            let mut number = self.eat_while(word)?.to_owned();
            // a point belongs to the number where a digit follows it
            let mut after = self.rest.chars();
            if after.next() == Some('.') && after.next().is_some_and(|c| c.is_ascii_digit()) {
                self.eat(1);
                number.push('.');
                number.push_str(self.eat_while(word)?);
            }
            number.retain(|c| c != '_');
            let hex = number.strip_prefix("0x").or(number.strip_prefix("0X"));
            let fine = match hex {
                Some(digits) => !digits.is_empty() && digits.chars().all(|c| c.is_ascii_hexdigit()),
                None => number.chars().all(|c| c.is_ascii_digit() || c == '.'),
            };
            if !fine {
                let what = format!("`{}` is not a number", clip(&number));
                return Err(RuleError::new(at, what, "write digits, with a point or after 0x"));
            }
            return Ok((at, Token::Number(number)));
        }
        if first == '\'' {
            self.eat(1);
            let end = self.rest.find(['\'', '\n']).unwrap_or(self.rest.len());
            if end > MAX_TOKEN || !self.rest[end..].starts_with('\'') {
                return Err(RuleError::new(at, "a quote that is never closed", "close it with '"));
            }
            let text = self.eat(end).to_owned();
            self.eat(1);
            return Ok((at, Token::Text(text)));
        }
        for mark in MARKS {
            if self.rest.starts_with(mark) {
                self.eat(mark.len());
                return Ok((at, Token::Mark(mark)));
            }
        }
        let what = format!("`{}` has no meaning here", clip(&first.to_string()));
        let mend = match first {
            '"' => "names stand without quotes, file names in single quotes",
            '#' => "a comment starts with two dashes",
            '&' | '|' | '^' => "write AND, OR or XOR",
            '{' | '}' => "write round brackets",
            _ => "remove it",
        };
        Err(RuleError::new(at, what, mend))
    }
}
