//! From scores to what is released: checked against the agreement, rounded, in planes of 8 bytes.

use engine::{Scores, Secret};
use ops::{Mask, greater_i64, key_f32, key_f64, to_decimals, widen_f32};
use protocol::agreement::{Digits, OutputTerms};

/// Outputs, 8 bytes each, and whether all of them are in the agreed range.
pub struct Checked {
    /// 8 bytes each.
    pub planes: Secret<Vec<u8>>,
    /// All of them in range?
    pub inside: Mask,
}

/// Scores, wiped on drop, however often they are released.
pub(crate) enum Held {
    F32(Secret<Vec<f32>>),
    F64(Secret<Vec<f64>>),
    Labels(Secret<Vec<u32>>),
    /// How many.
    LeafIds(usize),
}

impl Held {
    pub(crate) fn new(scores: Scores) -> Self {
        match scores {
            Scores::F32 { values, .. } => Self::F32(Secret::new(values)),
            Scores::F64 { values, .. } => Self::F64(Secret::new(values)),
            Scores::Labels(values) => Self::Labels(Secret::new(values)),
            Scores::LeafIds { ids, .. } => Self::LeafIds(ids.len()),
        }
    }
}

/// Checks and rounds scores. With decimals, a value is an `i64` in units of the last one; with full
/// precision the bits of an f64; a label is its number.
///
/// # Leaks
/// The number of scores and the agreement's terms.
pub fn check(scores: Scores, terms: &OutputTerms, digits: Digits) -> Checked {
    Held::new(scores).check(terms, digits)
}

impl Held {
    pub(crate) fn check(&self, terms: &OutputTerms, digits: Digits) -> Checked {
        let (low, high) = (key_f64(terms.min), key_f64(terms.max));
        let within = |key: i64| greater_i64(low, key).or(greater_i64(key, high)).not();
        let release = |x: f64| match digits {
            Digits::Decimals(decimals) => to_decimals(x, decimals).cast_unsigned(),
            Digits::Full => x.to_bits(),
        };
        match self {
            Held::F32(values) => {
                planes(values.expose(), |&x| {
                    // infinities and NaN have keys beyond every finite bound, and no other meaning here
                    let finite =
                        greater_i64(i64::from(key_f32(f32::INFINITY)), i64::from(key_f32(x)).abs());
                    let wide = widen_f32(x);
                    (release(wide), within(key_f64(wide)).and(finite))
                })
            }
            Held::F64(values) => planes(values.expose(), |&x| (release(x), within(key_f64(x)))),
            Held::Labels(values) => {
                // the range of labels is whole numbers from 0: see the agreement's check
                let high = terms.max as i64;
                planes(values.expose(), |&x| (u64::from(x), greater_i64(i64::from(x), high).not()))
            }
            // no agreement releases them
            Held::LeafIds(count) => planes(&vec![(); *count], |_| (0, Mask::no())),
        }
    }
}

fn planes<T>(values: &[T], look: impl Fn(&T) -> (u64, Mask)) -> Checked {
    let mut planes = Secret::new(Vec::with_capacity(values.len() * 8));
    let mut inside = Mask::yes();
    for value in values {
        let (word, valid) = look(value);
        inside = inside.and(valid);
        planes.expose_mut().extend_from_slice(&word.to_le_bytes());
    }
    Checked { planes, inside }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::Output;
    use proptest::prelude::*;

    fn terms(output: Output, min: f64, max: f64) -> OutputTerms {
        OutputTerms { output, count: 1, min, max }
    }

    fn words(checked: &Checked) -> Vec<u64> {
        let words = checked.planes.expose().chunks_exact(8);
        words.map(|word| u64::from_le_bytes(word.try_into().unwrap())).collect()
    }

    proptest! {
        #[test]
        fn full_values_are_the_scores_and_the_range_is_kept(bits: u32, other: u64) {
            let (x, y) = (f32::from_bits(bits), f64::from_bits(other));
            let terms = terms(Output::Margin, -2.5, 1e30);
            let checked = check(Scores::F32 { columns: 1, values: vec![x] }, &terms, Digits::Full);
            prop_assert_eq!(checked.inside.declassify(), (-2.5..=1e30).contains(&f64::from(x)));
            if x.is_finite() {
                prop_assert_eq!(words(&checked), [f64::from(x).to_bits()]);
            }
            let checked = check(Scores::F64 { columns: 1, values: vec![y] }, &terms, Digits::Full);
            prop_assert_eq!(words(&checked), [other]);
            prop_assert_eq!(checked.inside.declassify(), (-2.5..=1e30).contains(&y));
        }
    }

    #[test]
    fn decimals_and_labels_are_whole_numbers() {
        let unit = terms(Output::Probability, 0.0, 1.0);
        let scores = Scores::F32 { columns: 1, values: vec![0.12345, 1.0, 0.0] };
        let checked = check(scores, &unit, Digits::Decimals(3));
        assert_eq!(words(&checked), [123, 1000, 0]);
        assert!(checked.inside.declassify());
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1.5, -1e-40] {
            let scores = Scores::F32 { columns: 1, values: vec![0.5, bad] };
            assert!(!check(scores, &unit, Digits::Decimals(3)).inside.declassify(), "{bad}");
        }
        let classes = terms(Output::Label, 0.0, 2.0);
        let checked = check(Scores::Labels(vec![2, 0]), &classes, Digits::Full);
        assert_eq!((words(&checked), checked.inside.declassify()), (vec![2, 0], true));
        assert!(!check(Scores::Labels(vec![3]), &classes, Digits::Full).inside.declassify());
        let leaves = Scores::LeafIds { trees: 1, ids: vec![0] };
        assert!(!check(leaves, &classes, Digits::Full).inside.declassify());
    }
}
