//! Written numbers to cells: the same for literals of a rule, for parameters and for row files.

use engine::{key_f32, key_f64, rule::Kind};

/// Most digits after the point.
const MAX_FRACTION: usize = 18;

/// Why a text is no value of a type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NumberFault {
    /// Not a number (or truth value) at all.
    Form,
    /// A fraction where a whole number is wanted.
    Fraction,
    /// More digits after the point than are read.
    Digits,
    /// It does not fit the type.
    Size,
}

impl NumberFault {
    /// For a message, after "... is".
    pub fn text(self) -> &'static str {
        match self {
            Self::Form => "not a value of its type",
            Self::Fraction => "not a whole number",
            Self::Digits => "written with more than 18 digits after the point",
            Self::Size => "too large for its type",
        }
    }
}

/// The cells of one value of a type: one, or four for u256, lowest first. A fixed-point number is
/// rounded to the nearest, ties to even. Floats become order keys.
///
/// # Errors
/// Why the text is no value of the type.
pub fn cells(kind: Kind, text: &str) -> Result<Vec<i64>, NumberFault> {
    Ok(match kind {
        Kind::Bool => match text {
            "0" | "false" | "False" | "FALSE" => vec![0],
            "1" | "true" | "True" | "TRUE" => vec![1],
            _ => return Err(NumberFault::Form),
        },
        Kind::I64 => vec![scaled(text, 0)?],
        Kind::Fixed(bits) => vec![scaled(text, bits)?],
        Kind::U256 => wide(text)?.map(u64::cast_signed).to_vec(),
        Kind::F32 => vec![i64::from(key_f32(float(text)? as f32))],
        Kind::F64 => vec![key_f64(float(text)?)],
    })
}

/// A cell of a type as text: what an output file holds. Fixed-point numbers are exact decimals.
pub fn text(kind: Kind, cells: &[i64]) -> String {
    let first = cells.first().copied().unwrap_or_default();
    match kind {
        Kind::Bool => if first == 0 { "false" } else { "true" }.into(),
        Kind::I64 => first.to_string(),
        Kind::Fixed(bits) => fixed_text(first, bits),
        Kind::U256 => wide_text(cells),
        Kind::F32 => engine::value_f32(first as i32).to_string(),
        Kind::F64 => engine::value_f64(first).to_string(),
    }
}

fn fixed_text(cell: i64, bits: u8) -> String {
    let magnitude = cell.unsigned_abs();
    let mut out = format!("{}{}", if cell < 0 { "-" } else { "" }, magnitude >> bits);
    let mask = (1u64 << bits) - 1;
    let mut rest = magnitude & mask;
    if rest > 0 {
        out.push('.');
    }
    while rest > 0 {
        let next = u128::from(rest) * 10;
        out.push(char::from(b'0' + (next >> bits) as u8));
        rest = next as u64 & mask;
    }
    out
}

fn wide_text(cells: &[i64]) -> String {
    let hex: String =
        cells.iter().rev().map(|word| format!("{:016x}", word.cast_unsigned())).collect();
    format!("0x{hex}")
}

fn float(text: &str) -> Result<f64, NumberFault> {
    let decimal = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
    match text.parse::<f64>() {
        Ok(value) if decimal && value.is_finite() => Ok(value),
        Ok(_) if decimal => Err(NumberFault::Size),
        _ => Err(NumberFault::Form),
    }
}

/// `text * 2^bits`, rounded to nearest, ties to even.
fn scaled(text: &str, bits: u8) -> Result<i64, NumberFault> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !plain(whole) || !plain(fraction) {
        return Err(NumberFault::Form);
    }
    let fraction = fraction.trim_end_matches('0');
    if bits == 0 && !fraction.is_empty() {
        return Err(NumberFault::Fraction);
    }
    if fraction.len() > MAX_FRACTION {
        return Err(NumberFault::Digits);
    }
    let whole = whole.trim_start_matches('0');
    if whole.len() > 19 {
        return Err(NumberFault::Size);
    }
    let number = |part: &str| part.bytes().fold(0i128, |n, b| n * 10 + i128::from(b - b'0'));
    let ten = 10i128.pow(fraction.len() as u32);
    let (part, rest) = {
        let scaled = number(fraction) << bits;
        (scaled / ten, scaled % ten)
    };
    let up = 2 * rest > ten || (2 * rest == ten && part & 1 == 1);
    let value = (number(whole) << bits) + part + i128::from(up);
    i64::try_from(if negative { -value } else { value }).map_err(|_| NumberFault::Size)
}

fn wide(text: &str) -> Result<[u64; 4], NumberFault> {
    let hex = text.strip_prefix("0x").or(text.strip_prefix("0X"));
    let (digits, radix) = hex.map_or((text, 10), |digits| (digits, 16));
    if digits.is_empty() {
        return Err(NumberFault::Form);
    }
    let mut words = [0u64; 4];
    for digit in digits.chars() {
        let mut carry = u128::from(digit.to_digit(radix).ok_or(NumberFault::Form)?);
        for word in &mut words {
            let next = u128::from(*word) * u128::from(radix) + carry;
            (*word, carry) = (next as u64, next >> 64);
        }
        if carry > 0 {
            return Err(NumberFault::Size);
        }
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rounds_to_nearest_and_names_what_is_wrong() {
        assert_eq!(cells(Kind::Fixed(8), "0.1"), Ok(vec![26]));
        assert_eq!(cells(Kind::Fixed(1), "0.25"), Ok(vec![0]));
        assert_eq!(cells(Kind::Fixed(1), "0.75"), Ok(vec![2]));
        assert_eq!(cells(Kind::Fixed(1), "-1.5"), Ok(vec![-3]));
        assert_eq!(cells(Kind::I64, "-9223372036854775808"), Ok(vec![i64::MIN]));
        assert_eq!(cells(Kind::I64, "9223372036854775808"), Err(NumberFault::Size));
        assert_eq!(cells(Kind::I64, "1.5"), Err(NumberFault::Fraction));
        assert_eq!(cells(Kind::I64, "1.0"), Ok(vec![1]));
        assert_eq!(cells(Kind::U256, &format!("0x{}", "f".repeat(64))), Ok(vec![-1; 4]));
        assert_eq!(cells(Kind::U256, &format!("0x1{}", "0".repeat(64))), Err(NumberFault::Size));
        for bad in ["", "-", ".5", "1e3", "x", "0x", "1_0"] {
            assert!(cells(Kind::I64, bad).is_err() && cells(Kind::U256, bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn text_reads_back(cell: i64, bits in 1u8..19, words: [i64; 4], x: f64) {
            let back = cells(Kind::Fixed(bits), &text(Kind::Fixed(bits), &[cell]));
            prop_assert_eq!(back, Ok(vec![cell]));
            prop_assert_eq!(cells(Kind::I64, &text(Kind::I64, &[cell])), Ok(vec![cell]));
            prop_assert_eq!(cells(Kind::U256, &text(Kind::U256, &words)), Ok(words.to_vec()));
            if x.is_finite() {
                let key = vec![engine::key_f64(x)];
                prop_assert_eq!(cells(Kind::F64, &text(Kind::F64, &key)), Ok(key));
            }
        }
    }
}
