//! One CSV cell as a number.

use super::error::clip;
use super::fault::Fault;

/// The number in a cell; NaN where it is missing.
///
/// Missing is exactly: empty, `NA`, `NaN`, `nan`. Spaces and tabs around a number are allowed.
pub(super) fn number(bytes: &[u8]) -> Result<f64, Fault> {
    if matches!(bytes, b"" | b"NA" | b"NaN" | b"nan") {
        return Ok(f64::NAN);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| Fault::Utf8)?;
    if text.contains('\0') {
        return Err(Fault::Nul);
    }
    let trimmed = text.trim_matches([' ', '\t']);
    match trimmed {
        "inf" | "+inf" | "Infinity" | "+Infinity" => return Ok(f64::INFINITY),
        "-inf" | "-Infinity" => return Ok(f64::NEG_INFINITY),
        _ => {}
    }
    // Rust would also take "nan", "INF" and the like: only digits, signs, point and exponent here
    let decimal =
        trimmed.bytes().all(|b| matches!(b, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
    match trimmed.parse::<f64>() {
        Ok(value) if decimal && value.is_finite() => Ok(value),
        Ok(_) if decimal => Err(Fault::Overflow(clip(text))),
        _ => Err(Fault::NotANumber(clip(text))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn missing_is_exactly_four_spellings() {
        for cell in ["", "NA", "NaN", "nan"] {
            assert!(number(cell.as_bytes()).unwrap().is_nan(), "{cell:?}");
        }
        for cell in [" ", "na", "N/A", "NAN", "Nan", "null", "None", "-nan", " NA", "?", "."] {
            assert!(matches!(number(cell.as_bytes()), Err(Fault::NotANumber(_))), "{cell:?}");
        }
    }

    #[test]
    fn numbers_and_infinities() {
        let cases: [(&str, f64); 12] = [
            ("1", 1.0),
            ("+1.", 1.0),
            (".5", 0.5),
            ("-0", -0.0),
            (" 1e3\t", 1000.0),
            ("1E-400", 0.0),
            ("4.9e-324", 5e-324),
            ("1.7976931348623157e308", f64::MAX),
            ("inf", f64::INFINITY),
            ("-inf", f64::NEG_INFINITY),
            ("Infinity", f64::INFINITY),
            ("-Infinity", f64::NEG_INFINITY),
        ];
        for (cell, value) in cases {
            assert_eq!(number(cell.as_bytes()).unwrap().to_bits(), value.to_bits(), "{cell:?}");
        }
    }

    #[test]
    fn refuses_what_would_be_guessed() {
        for cell in ["0x10", "1_000", "1,5", "1 000", "1e", "e5", "--1", "INF", "infinity", "1.5f"]
        {
            assert!(matches!(number(cell.as_bytes()), Err(Fault::NotANumber(_))), "{cell:?}");
        }
        assert!(matches!(number(b"1e999"), Err(Fault::Overflow(_))));
        assert!(matches!(number(b"-1e309"), Err(Fault::Overflow(_))));
        assert!(matches!(number(b"1\0"), Err(Fault::Nul)));
        assert!(matches!(number(b"\xff"), Err(Fault::Utf8)));
    }

    #[test]
    fn shows_only_the_start_of_a_cell() {
        let secret = "x".repeat(500);
        let Err(Fault::NotANumber(shown)) = number(secret.as_bytes()) else { panic!("accepted") };
        assert!(shown.chars().count() <= super::super::error::CLIP + 1);
    }

    proptest! {
        #[test]
        fn shortest_text_reads_back_to_the_same_bits(bits in any::<u64>()) {
            let value = f64::from_bits(bits);
            let back = number(format!("{value:?}").as_bytes()).unwrap();
            prop_assert!(back.to_bits() == bits || value.is_nan() && back.is_nan());
        }
    }
}
