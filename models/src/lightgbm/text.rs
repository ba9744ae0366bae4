//! The text form: lines of `key=value`, first the header, then one section a tree.

use crate::error::{ImportError, quote};
use std::collections::HashMap;
use std::str::{FromStr, Lines};

/// Starts reading a file.
pub(super) fn sections(bytes: &[u8]) -> Result<Sections<'_>, ImportError> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let line = bytes[..error.valid_up_to()].iter().filter(|&&b| b == b'\n').count() + 1;
        ImportError::malformed(format!("line {line}"), "it is not UTF-8 text")
    })?;
    Ok(Sections { lines: text.lines(), line: 0, next_tree: None, ended: false })
}

/// A file, read section by section.
pub(super) struct Sections<'a> {
    lines: Lines<'a>,
    line: usize,
    /// The `Tree=` line that closed the section before: its line number and its value.
    next_tree: Option<(usize, &'a str)>,
    ended: bool,
}

impl<'a> Sections<'a> {
    /// The header: everything before the first tree.
    pub(super) fn header(&mut self) -> Result<Section<'a>, ImportError> {
        self.section("the header".to_owned(), 1)
    }

    /// The next tree, which must have this number; none after `end of trees`.
    pub(super) fn tree(&mut self, number: usize) -> Result<Option<Section<'a>>, ImportError> {
        let Some((line, value)) = self.next_tree.take() else {
            if self.ended {
                return Ok(None);
            }
            return Err(ImportError::malformed(
                format!("line {}", self.line),
                "the file stops before \"end of trees\"",
            ));
        };
        if value.trim() != number.to_string() {
            return Err(ImportError::malformed(
                format!("line {line}, Tree"),
                format!("it is {} where tree {number} was due", quote(value)),
            ));
        }
        self.section(format!("tree {number}"), line).map(Some)
    }

    fn section(&mut self, name: String, first_line: usize) -> Result<Section<'a>, ImportError> {
        let mut entries = HashMap::new();
        for text in self.lines.by_ref() {
            self.line += 1;
            let text = text.trim_end();
            if text == "end of trees" {
                self.ended = true;
                break;
            }
            let (key, value) = text.split_once('=').unwrap_or((text, ""));
            if key == "Tree" {
                self.next_tree = Some((self.line, value));
                break;
            }
            if entries.len() == MOST_KEYS {
                return Err(ImportError::malformed(
                    format!("line {}, {name}", self.line),
                    format!("it has more than {MOST_KEYS} keys"),
                ));
            }
            if !text.is_empty() && entries.insert(key, (self.line, value)).is_some() {
                return Err(ImportError::malformed(
                    format!("line {}, {name}", self.line),
                    format!("the key {} appears twice", quote(key)),
                ));
            }
        }
        Ok(Section { name, first_line, entries })
    }
}

/// Most keys of one section, of which the library writes some 25.
const MOST_KEYS: usize = 1 << 10;

/// The lines of the header or of one tree.
pub(super) struct Section<'a> {
    name: String,
    first_line: usize,
    entries: HashMap<&'a str, (usize, &'a str)>,
}

impl<'a> Section<'a> {
    /// The value of a key, if it is there.
    pub(super) fn get(&self, key: &str) -> Option<&'a str> {
        self.entries.get(key).map(|&(_, value)| value)
    }

    /// The value of a key.
    pub(super) fn require(&self, key: &str) -> Result<&'a str, ImportError> {
        self.get(key).ok_or_else(|| {
            ImportError::malformed(
                format!("line {}, {}", self.first_line, self.name),
                format!("the key {key} is missing"),
            )
        })
    }

    /// The value of a key, as one number.
    pub(super) fn number<T: FromStr>(&self, key: &str) -> Result<T, ImportError> {
        let text = self.require(key)?.trim();
        text.parse().map_err(|_| self.not_a_number(key, text))
    }

    /// The value of a key, as exactly `count` numbers. Memory follows the text, not the count.
    pub(super) fn numbers<T: FromStr>(
        &self,
        key: &str,
        count: usize,
    ) -> Result<Vec<T>, ImportError> {
        let mut numbers = Vec::new();
        for text in self.require(key)?.split_ascii_whitespace() {
            numbers.push(text.parse().map_err(|_| self.not_a_number(key, text))?);
        }
        if numbers.len() != count {
            let what = format!("it has {} entries where {count} were due", numbers.len());
            return Err(self.malformed(key, &what));
        }
        Ok(numbers)
    }

    /// The value of a key, as exactly `count` floats; see [`Float`].
    pub(super) fn floats(&self, key: &str, count: usize) -> Result<Vec<f64>, ImportError> {
        Ok(self.numbers::<Float>(key, count)?.into_iter().map(|Float(value)| value).collect())
    }

    /// The error that a key's value is wrong.
    pub(super) fn malformed(&self, key: &str, what: &str) -> ImportError {
        ImportError::malformed(self.place(key), what)
    }

    /// Where a key stands, for an error.
    pub(super) fn place(&self, key: &str) -> String {
        let line = self.entries.get(key).map_or(self.first_line, |&(line, _)| line);
        format!("line {line}, {}, {key}", self.name)
    }

    fn not_a_number(&self, key: &str, text: &str) -> ImportError {
        self.malformed(key, &format!("{} is not a number that fits it", quote(text)))
    }
}

/// A float as LightGBM writes it: digits, `inf`, `-inf` or `nan`. Digits that overflow (`1e999`) are
/// none: the library would warn and read infinity, which is not what the text says.
pub(super) struct Float(pub(super) f64);

impl FromStr for Float {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let value: f64 = text.parse().map_err(|_| ())?;
        let spelled = matches!(text, "inf" | "-inf" | "nan" | "-nan");
        if value.is_finite() || spelled { Ok(Self(value)) } else { Err(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn infinity_is_what_the_library_writes_and_no_overflow() {
        let read = |text: &str| text.parse::<Float>().map(|Float(value)| value);
        assert_eq!(read("inf"), Ok(f64::INFINITY));
        assert_eq!(read("-inf"), Ok(f64::NEG_INFINITY));
        assert_eq!(read("1.7976931348623157e+308"), Ok(f64::MAX));
        assert_eq!(read("1e-400"), Ok(0.0));
        assert!(read("nan").unwrap().is_nan());
        for text in ["1e999", "-1e309", "1.8e308", "INF", "infinity", "+inf", "NaN", "", "0x1p3"] {
            assert_eq!(read(text), Err(()), "{text}");
        }
    }
}
