//! Errors: where in the text, what is wrong, and how to mend it.

/// A place in a rule's text, counted from 1. Values built in Rust have none: line 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
pub struct At {
    /// Line.
    pub line: u32,
    /// Column, in characters.
    pub column: u32,
}

/// Why a rule was refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("line {}, column {}: {what}: {mend}", at.line, at.column)]
pub struct RuleError {
    /// Where.
    pub at: At,
    /// What is wrong.
    pub what: String,
    /// How to mend it.
    pub mend: String,
}

impl RuleError {
    pub(crate) fn new(at: At, what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { at, what: what.into(), mend: mend.into() }
    }
}

/// A result with a place.
pub(crate) type Checked<T> = Result<T, RuleError>;

/// Most characters of a name or number that a message shows.
const CLIP: usize = 32;

/// The start of a text, on one line.
pub(crate) fn clip(text: &str) -> String {
    let mut out: String =
        text.chars().take(CLIP).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(CLIP).is_some() {
        out.push('…');
    }
    out
}

/// The known name that is nearest to an unknown one, if one is near.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if name.len() > CLIP {
        return None;
    }
    let distance = |other: &str| {
        let mut row: Vec<usize> = (0..=name.len()).collect();
        for (i, b) in other.bytes().enumerate() {
            let mut corner = std::mem::replace(&mut row[0], i + 1);
            for (j, a) in name.bytes().enumerate() {
                let change = corner + usize::from(!a.eq_ignore_ascii_case(&b));
                corner = row[j + 1];
                row[j + 1] = change.min(corner + 1).min(row[j] + 1);
            }
        }
        row[name.len()]
    };
    known
        .filter(|other| other.len() <= CLIP)
        .map(|other| (distance(other), other))
        .filter(|(far, other)| {
            let length = other.len().min(name.len());
            *far <= 1 + length / 3 && *far < length
        })
        .min()
        .map(|(_, other)| other)
}
