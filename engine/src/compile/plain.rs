//! One integer rule for every split: a row goes right when `key(x) >= right_from`.
//!
//! `x < t` fails from the smallest float at or above `t`; `x <= t` fails from the key after the
//! largest float at or below `t`. Rounding an f64 threshold to f32 rows in that direction is exact:
//! no f32 lies between the threshold and its rounded neighbour.

use crate::ensemble::{Compare, EnsembleParts, Missing, Split, ZERO_THRESHOLD};
use crate::schema::Precision;
use ops::{key_f32, key_f64};

/// A feature with one way to treat missing values: what a slot ranks.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Source {
    pub(crate) feature: u32,
    missing: u8,
}

/// Keys that steer missing values: keys in `low..=high` and NaN become `becomes`.
pub(crate) struct MissingKeys {
    pub(crate) low: i64,
    pub(crate) high: i64,
    pub(crate) becomes: i64,
}

/// The splits of a model, seen at the precision of the rows.
pub(crate) struct Splits<'a> {
    parts: &'a EnsembleParts,
    precision: Precision,
}

impl<'a> Splits<'a> {
    pub(crate) fn new(parts: &'a EnsembleParts, precision: Precision) -> Self {
        Self { parts, precision }
    }

    pub(crate) fn split(&self, tree: usize, node: u32) -> &Split {
        &self.parts.trees[tree].splits[node as usize]
    }

    /// What the split ranks, and the first key that goes right.
    pub(crate) fn rule(&self, tree: usize, node: u32) -> (Source, i64) {
        let split = self.split(tree, node);
        let right_from = match self.precision {
            Precision::F32 => right_from_f32(split),
            Precision::F64 => right_from_f64(split),
        };
        (Source { feature: split.feature, missing: split.missing as u8 }, right_from)
    }

    /// The keys that steer missing values of a source.
    pub(crate) fn missing_keys(&self, source: Source) -> MissingKeys {
        let (lowest, nan, zero, tiny) = match self.precision {
            Precision::F32 => (
                i32::MIN.into(),
                i32::MAX.into(),
                key_f32(0.0).into(),
                key_f32(ZERO_THRESHOLD).into(),
            ),
            Precision::F64 => {
                (i64::MIN, i64::MAX, key_f64(0.0), key_f64(f64::from(ZERO_THRESHOLD)))
            }
        };
        // an empty range, unless a value stands for missing
        let (low, high) = match self.parts.missing_value {
            None => (nan, lowest),
            Some(value) => {
                let key = match self.precision {
                    Precision::F32 => key_f32(value as f32).into(),
                    Precision::F64 => key_f64(value),
                };
                (key, key)
            }
        };
        let zeros = (-tiny, tiny);
        let ((low, high), becomes) = match source.missing {
            m if m == Missing::NanLeft as u8 => ((low, high), lowest),
            m if m == Missing::NanRight as u8 => ((low, high), nan),
            m if m == Missing::ZeroLeft as u8 => (zeros, lowest),
            m if m == Missing::ZeroRight as u8 => (zeros, nan),
            _ => ((low, high), zero),
        };
        MissingKeys { low, high, becomes }
    }
}

fn right_from_f64(split: &Split) -> i64 {
    match split.compare {
        Compare::Less => key_f64(split.threshold),
        Compare::LessOrEqual => key_f64(split.threshold) + 1,
    }
}

fn right_from_f32(split: &Split) -> i64 {
    let nearest = split.threshold as f32;
    let key = i64::from(key_f32(nearest));
    let rounded = f64::from(nearest);
    match split.compare {
        // the smallest f32 at or above the threshold
        Compare::Less if rounded < split.threshold => key + 1,
        Compare::Less => key,
        // one past the largest f32 at or below the threshold
        Compare::LessOrEqual if rounded > split.threshold => key,
        Compare::LessOrEqual => key + 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ensemble::Child;
    use proptest::prelude::*;

    fn split(threshold: f64, compare: Compare) -> Split {
        let leaf = Child::Leaf(0);
        Split { feature: 0, threshold, compare, missing: Missing::NanLeft, left: leaf, right: leaf }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]
        #[test]
        fn the_key_rule_is_the_float_rule(bits: u64, row: u32, near: bool, step in -2i32..3) {
            let threshold = f64::from_bits(bits);
            let x = if near {
                let close = (threshold as f32).to_bits().wrapping_add_signed(step);
                f32::from_bits(close)
            } else {
                f32::from_bits(row)
            };
            if threshold.is_nan() || x.is_nan() {
                return Ok(());
            }
            let less = split(threshold, Compare::Less);
            let at_most = split(threshold, Compare::LessOrEqual);
            let wide = f64::from(x);
            let key = i64::from(key_f32(x));
            prop_assert_eq!(key >= right_from_f32(&less), wide >= threshold);
            prop_assert_eq!(key >= right_from_f32(&at_most), wide > threshold);
            prop_assert_eq!(key_f64(wide) >= right_from_f64(&less), wide >= threshold);
            prop_assert_eq!(key_f64(wide) >= right_from_f64(&at_most), wide > threshold);
        }
    }
}
