//! Conditions: what must be so in a request for a statement to count.

use super::Facts;
use protocol::attestation::PCRS;
use serde_json::Value;

#[derive(Clone)]
pub(super) struct Condition {
    quantifier: Quantifier,
    operator: Operator,
    /// In lower case: IAM does not tell the cases of names apart.
    key: String,
    values: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Quantifier {
    /// The key has one value.
    One,
    /// Every value, also where there is none.
    All,
    /// At least one value.
    Any,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equals,
    NotEquals,
    EqualsIgnoreCase,
    Like,
    Bool,
    Null,
}

impl Condition {
    /// Reads one; `None` where it would not be enforced.
    pub(super) fn read(operator: &str, key: &str, values: &Value) -> Option<Self> {
        let (quantifier, operator) = match operator.split_once(':') {
            None => (Quantifier::One, operator),
            Some(("ForAllValues", "StringEquals")) => (Quantifier::All, "StringEquals"),
            Some(("ForAnyValue", "StringEquals")) => (Quantifier::Any, "StringEquals"),
            Some(_) => return None,
        };
        let operator = match operator {
            "StringEquals" => Operator::Equals,
            "StringNotEquals" => Operator::NotEquals,
            "StringEqualsIgnoreCase" => Operator::EqualsIgnoreCase,
            "StringLike" => Operator::Like,
            "Bool" => Operator::Bool,
            "Null" => Operator::Null,
            _ => return None,
        };
        let many = known(key)? == Number::Many;
        // one value and many are asked about in different ways; whether there is a value at all, in one
        if operator != Operator::Null && many != (quantifier != Quantifier::One) {
            return None;
        }
        let truths = matches!(operator, Operator::Bool | Operator::Null);
        let values = match values {
            Value::Array(values) => values.iter().map(|value| text(value, truths)).collect(),
            value => text(value, truths).map(|value| vec![value]),
        };
        let values = values.filter(|values: &Vec<String>| !values.is_empty())?;
        Some(Self { quantifier, operator, key: key.to_ascii_lowercase(), values })
    }

    pub(super) fn holds(&self, facts: &Facts) -> bool {
        let found = facts.get(&self.key).map_or(&[][..], Vec::as_slice);
        let same = |found: &String| match self.operator {
            Operator::Equals | Operator::NotEquals => self.values.contains(found),
            Operator::EqualsIgnoreCase | Operator::Bool => {
                self.values.iter().any(|value| value.eq_ignore_ascii_case(found))
            }
            Operator::Like => self.values.iter().any(|value| like(value, found)),
            Operator::Null => false,
        };
        match (self.operator, self.quantifier) {
            (Operator::Null, _) => {
                let absent = if found.is_empty() { "true" } else { "false" };
                self.values.iter().any(|value| value == absent)
            }
            // of what is not there nothing is equal
            (Operator::NotEquals, _) => !found.iter().any(same),
            (_, Quantifier::All) => found.iter().all(same),
            (_, Quantifier::One | Quantifier::Any) => found.iter().any(same),
        }
    }
}

/// A value. IAM would replace a variable in it; here nothing does, so there is none.
fn text(value: &Value, truths: bool) -> Option<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Bool(truth) if truths => truth.to_string(),
        _ => return None,
    };
    let fits =
        if truths { matches!(text.as_str(), "true" | "false") } else { !text.contains("${") };
    fits.then_some(text)
}

#[derive(PartialEq, Eq)]
enum Number {
    One,
    Many,
}

/// The facts that a condition may be about.
fn known(key: &str) -> Option<Number> {
    // no service of AWS asks this KMS for anybody, so there is never a value of the second
    match key {
        "kms:EncryptionContextKeys" => return Some(Number::Many),
        "kms:ViaService" | "kms:RecipientAttestation:ImageSha384" => return Some(Number::One),
        _ => {}
    }
    if let Some(name) = key.strip_prefix("kms:EncryptionContext:") {
        return (!name.is_empty()).then_some(Number::One);
    }
    let number = key.strip_prefix("kms:RecipientAttestation:PCR")?;
    // written in one way alone: `PCR01` would be about nothing
    (0..PCRS).any(|known| known.to_string() == number).then_some(Number::One)
}

/// Whether a text fits a pattern, in which a star is any text and a question mark any one character.
fn like(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (Vec::from_iter(pattern.chars()), Vec::from_iter(text.chars()));
    let (mut pattern, mut text) = (pattern.as_slice(), text.as_slice());
    // behind the last star: the pattern, and the text from where it was tried
    let mut star: Option<(&[char], &[char])> = None;
    loop {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => return true,
            (Some(('*', behind)), _) => {
                star = Some((behind, text));
                pattern = behind;
            }
            (Some((symbol, behind)), Some((found, rest))) if ['?', *found].contains(symbol) => {
                (pattern, text) = (behind, rest);
            }
            _ => {
                let Some((behind, tried)) = star else { return false };
                let Some((_, rest)) = tried.split_first() else { return false };
                star = Some((behind, rest));
                (pattern, text) = (behind, rest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::like;

    #[test]
    fn a_star_is_any_text_and_a_question_mark_any_character() {
        for (pattern, text, fits) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("*", "abc", true),
            ("a*c", "ac", true),
            ("a*c", "abcbc", true),
            ("a*c", "abcb", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("**b*", "aab", true),
            ("a*b*c", "a-b-b-c", true),
            ("A*", "abc", false),
            ("?", "é", true),
        ] {
            assert_eq!(like(pattern, text), fits, "{pattern} {text}");
        }
        // no pattern takes more than the product of both lengths
        assert!(!like(&"*a".repeat(200), &"b".repeat(4000)));
    }
}
