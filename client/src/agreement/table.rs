//! One TOML table, read field by field. What is left unread at the end is refused.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::AgreementFileError;
use crate::hex;

pub(super) type Result<T> = std::result::Result<T, AgreementFileError>;

/// Where every field of a text stands, by its path (`party[0].name`), and how people would call it.
pub(super) struct Places {
    /// First byte of each line.
    starts: Vec<usize>,
    known: RefCell<BTreeMap<String, (usize, String)>>,
}

impl Places {
    pub(super) fn new(text: &str) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let starts = std::iter::once(0).chain(ends.map(|(end, _)| end + 1)).collect();
        Self { starts, known: RefCell::default() }
    }

    fn line(&self, byte: usize) -> usize {
        self.starts.partition_point(|&start| start <= byte)
    }

    /// An error at a byte of the text.
    pub(super) fn refuse_at(
        &self,
        byte: usize,
        place: &str,
        what: impl Display,
    ) -> AgreementFileError {
        AgreementFileError::Refused {
            line: self.line(byte),
            place: place.to_owned(),
            what: what.to_string(),
        }
    }

    /// An error at a path: at its own line, or at the line of the table that lacks it.
    pub(super) fn refuse(&self, path: &str, what: impl Display) -> AgreementFileError {
        let known = self.known.borrow();
        let mut table = path;
        loop {
            if let Some((line, place)) = known.get(table) {
                let rest = path[table.len()..].trim_start_matches('.');
                let place = match (place.is_empty(), rest.is_empty()) {
                    (_, true) => place.clone(),
                    (true, false) => rest.to_owned(),
                    (false, false) => format!("{place}, {rest}"),
                };
                return AgreementFileError::Refused { line: *line, place, what: what.to_string() };
            }
            table = table.rsplit_once(['.', '[']).map_or("", |(head, _)| head);
            if table.is_empty() && !known.contains_key("") {
                let (line, place) = (1, path.to_owned());
                return AgreementFileError::Refused { line, place, what: what.to_string() };
            }
        }
    }

    fn learn(&self, path: &str, byte: usize, place: String) {
        self.known.borrow_mut().insert(path.to_owned(), (self.line(byte), place));
    }
}

/// A table, its path, and which fields were asked for.
pub(super) struct Table<'a> {
    places: &'a Places,
    /// `party[0]`; empty for the whole text.
    path: String,
    /// `party 1 ("alice")`.
    place: String,
    fields: &'a DeTable<'a>,
    asked: RefCell<BTreeSet<&'static str>>,
}

/// A value and where it is.
pub(super) struct Value<'a> {
    places: &'a Places,
    place: String,
    value: &'a Spanned<DeValue<'a>>,
}

impl<'a> Table<'a> {
    pub(super) fn root(places: &'a Places, fields: &'a DeTable<'a>) -> Self {
        places.learn("", 0, String::new());
        Self {
            places,
            path: String::new(),
            place: String::new(),
            fields,
            asked: RefCell::default(),
        }
    }

    fn path_of(&self, field: &str) -> String {
        if self.path.is_empty() { field.to_owned() } else { format!("{}.{field}", self.path) }
    }

    fn place_of(&self, field: &str) -> String {
        if self.place.is_empty() { field.to_owned() } else { format!("{}, {field}", self.place) }
    }

    /// A field that may be left out.
    pub(super) fn maybe(&self, field: &'static str) -> Option<Value<'a>> {
        self.asked.borrow_mut().insert(field);
        let (key, value) = self.fields.get_key_value(field)?;
        let place = self.place_of(field);
        self.places.learn(&self.path_of(field), key.span().start, place.clone());
        Some(Value { places: self.places, place, value })
    }

    /// A field that must be there.
    pub(super) fn must(&self, field: &'static str, example: &str) -> Result<Value<'a>> {
        self.maybe(field).ok_or_else(|| self.missing(field, example))
    }

    /// An error at another path of the text.
    pub(super) fn refuse(&self, path: &str, what: impl Display) -> AgreementFileError {
        self.places.refuse(path, what)
    }

    /// The error for a field that is not there.
    pub(super) fn missing(&self, field: &str, example: &str) -> AgreementFileError {
        let place = if self.place.is_empty() { "the agreement" } else { &self.place };
        let error = format!("`{field}` is missing: add a line like  {example}");
        match self.places.refuse(&self.path, &error) {
            AgreementFileError::Refused { line, what, .. } => {
                AgreementFileError::Refused { line, place: place.to_owned(), what }
            }
            other => other,
        }
    }

    /// A table that must be there.
    pub(super) fn table(&self, field: &'static str) -> Result<Table<'a>> {
        let value = self.must(field, &format!("[{}]", self.path_of(field)))?;
        let DeValue::Table(fields) = value.value.get_ref() else {
            return Err(value.refuse(format!("must be a table: write [{}]", self.path_of(field))));
        };
        let path = self.path_of(field);
        Ok(Table {
            places: self.places,
            place: path.clone(),
            path,
            fields,
            asked: RefCell::default(),
        })
    }

    /// The tables of an array, which may be empty. `named` is the field that tells them apart.
    pub(super) fn tables(&self, field: &'static str, named: &str) -> Result<Vec<Table<'a>>> {
        let Some(value) = self.maybe(field) else { return Ok(Vec::new()) };
        let path = self.path_of(field);
        let header = format!("[[{path}]]");
        let DeValue::Array(items) = value.value.get_ref() else {
            return Err(value.refuse(format!("there can be several of these: write {header}")));
        };
        let mut tables = Vec::new();
        for (number, item) in items.iter().enumerate() {
            let DeValue::Table(fields) = item.get_ref() else {
                return Err(value.refuse(format!("must be tables: write {header}")));
            };
            let name = match fields.get(named).map(Spanned::get_ref) {
                Some(DeValue::String(name)) => format!(" ({:?})", short(name)),
                _ => String::new(),
            };
            let (path, place) =
                (format!("{path}[{number}]"), format!("{path} {}{name}", number + 1));
            self.places.learn(&path, item.span().start, place.clone());
            tables.push(Table {
                places: self.places,
                path,
                place,
                fields,
                asked: RefCell::default(),
            });
        }
        Ok(tables)
    }

    /// Refuses what nobody asked for.
    pub(super) fn finish(self) -> Result<()> {
        let asked = self.asked.borrow();
        for key in self.fields.keys() {
            let name: &str = key.get_ref();
            if !asked.contains(name) {
                let known: Vec<&str> = asked.iter().copied().collect();
                return Err(self.places.refuse_at(
                    key.span().start,
                    &self.place_of(&short(name)),
                    format!("no such field here: the fields here are {}", known.join(", ")),
                ));
            }
        }
        Ok(())
    }
}

impl<'a> Value<'a> {
    pub(super) fn refuse(&self, what: impl Display) -> AgreementFileError {
        self.places.refuse_at(self.span().start, &self.place, what)
    }

    fn span(&self) -> Range<usize> {
        self.value.span()
    }

    pub(super) fn text(&self) -> Result<&'a str> {
        match self.value.get_ref() {
            DeValue::String(text) if text.starts_with("FILL IN") => {
                Err(self.refuse("is still blank: fill it in"))
            }
            DeValue::String(text) => Ok(text),
            _ => Err(self.refuse("must be a text: put it in \"quotes\"")),
        }
    }

    pub(super) fn texts(&self) -> Result<Vec<&'a str>> {
        let wrong = || self.refuse("must be a list of texts: write it like [\"one\", \"two\"]");
        let DeValue::Array(items) = self.value.get_ref() else { return Err(wrong()) };
        items
            .iter()
            .map(|item| match item.get_ref() {
                DeValue::String(text) => Ok(&**text),
                _ => Err(wrong()),
            })
            .collect()
    }

    /// A whole number that fits its type.
    pub(super) fn integer<T: TryFrom<i64>>(&self) -> Result<T> {
        let DeValue::Integer(digits) = self.value.get_ref() else {
            return Err(self.refuse("must be a whole number: write it without quotes or a point"));
        };
        i64::from_str_radix(digits.as_str(), digits.radix())
            .ok()
            .and_then(|number| T::try_from(number).ok())
            .ok_or_else(|| self.refuse("the number is too large, or negative: choose another one"))
    }

    /// A number, with or without a point. There is one zero.
    pub(super) fn number(&self) -> Result<f64> {
        let number = match self.value.get_ref() {
            DeValue::Float(digits) => digits.as_str().parse().ok(),
            DeValue::Integer(digits) => i64::from_str_radix(digits.as_str(), digits.radix())
                .ok()
                .map(|number| number as f64)
                .filter(|number| number.abs() <= (1u64 << 53) as f64),
            DeValue::String(text) if text.starts_with("FILL IN") => {
                return self.text().map(|_| 0.0);
            }
            _ => None,
        };
        match number {
            Some(number) if f64::is_finite(number) => Ok(number + 0.0),
            _ => Err(self.refuse("must be a finite number: write it without quotes, like 0.5")),
        }
    }

    pub(super) fn boolean(&self) -> Result<bool> {
        match self.value.get_ref() {
            DeValue::Boolean(value) => Ok(*value),
            _ => Err(self.refuse("must be true or false: write it without quotes")),
        }
    }

    /// Bytes as hex digits.
    pub(super) fn hex<const N: usize>(&self, what: &str) -> Result<[u8; N]> {
        self.hex_of(self.text()?, what)
    }

    /// Bytes as the hex digits of a text, which is a part of this value.
    pub(super) fn hex_of<const N: usize>(&self, text: &str, what: &str) -> Result<[u8; N]> {
        let expected = 2 * N;
        if let Some(bytes) = hex::decode(text).and_then(|bytes| bytes.try_into().ok()) {
            return Ok(bytes);
        }
        let found = if text.chars().all(|c| c.is_ascii_hexdigit()) {
            format!("{} digits", text.len())
        } else {
            format!("{:?}", short(text))
        };
        Err(self.refuse(format!(
            "must be {what}, {expected} hex digits, found {found}: copy the whole digest"
        )))
    }

    /// One of some words.
    pub(super) fn choice<T: Copy>(&self, choices: &[(&str, T)]) -> Result<T> {
        let text = self.text()?;
        choices.iter().find(|(word, _)| *word == text).map(|(_, value)| *value).ok_or_else(|| {
            let words: Vec<String> = choices.iter().map(|(word, _)| format!("{word:?}")).collect();
            self.refuse(format!(
                "{:?} is no choice here: write {}",
                short(text),
                words.join(" or ")
            ))
        })
    }

    /// An instant in UTC, as seconds since 1970.
    pub(super) fn instant(&self) -> Result<u64> {
        let wrong = || {
            self.refuse("must be a date and time in UTC, from 1970 to 9999: write it like 2027-01-31T00:00:00Z, without quotes")
        };
        let DeValue::Datetime(instant) = self.value.get_ref() else { return Err(wrong()) };
        let (Some(date), Some(time), Some(toml::value::Offset::Z)) =
            (instant.date, instant.time, instant.offset)
        else {
            return Err(wrong());
        };
        let second = time.second.unwrap_or(0);
        if date.year < 1970 || second > 59 || time.nanosecond.unwrap_or(0) != 0 {
            return Err(wrong());
        }
        let days = days_since_1970(date.year.into(), date.month.into(), date.day.into());
        Ok(days * 86_400
            + u64::from(time.hour) * 3600
            + u64::from(time.minute) * 60
            + u64::from(second))
    }
}

/// Days of the Gregorian calendar before a date, counted from 1970-01-01.
fn days_since_1970(year: u64, month: u64, day: u64) -> u64 {
    // years that begin in March put the leap day at their end
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    days - 719_468
}

/// The start of a text on one line, for a message.
pub(super) fn short(text: &str) -> String {
    text.chars().take(40).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::days_since_1970;

    #[test]
    fn days_agree_with_known_dates() {
        // `date -u -d 2000-03-01 +%s`, and so on
        for (date, seconds) in [
            ((1970, 1, 1), 0),
            ((2000, 2, 29), 951_782_400),
            ((2000, 3, 1), 951_868_800),
            ((2026, 11, 25), 1_795_564_800),
            ((2100, 3, 1), 4_107_542_400u64),
        ] {
            let (year, month, day) = date;
            assert_eq!(days_since_1970(year, month, day) * 86_400, seconds, "{date:?}");
        }
    }
}
