//! From margins to probabilities and labels.
//!
//! Everything is computed in f64 on normal numbers: arguments are clamped to the link's domain by
//! integer compares, the exponential is a polynomial, the reciprocal an integer guess and Newton
//! steps. No divide instruction, no float compare. Where the sum is f32 the result is rounded to
//! f32 and within 2 ulp of the true value; where it is f64 it is within 2 ulp of f32 by far (a few
//! ulp of f64).
//!
//! | link | domain, f32 sums | domain, f64 and fixed sums | beyond it |
//! |---|---|---|---|
//! | sigmoid, one-versus-rest | -87 to 87 | -700 to 700 | the value at the bound |
//! | exp | -87 to 88 | -700 to 700 | the value at the bound |
//! | softmax, on `margin - largest margin` | -78 to 0 | -680 to 0 | the value at the bound |

use crate::schema::{LabelRule, Link};
use crate::shape::LinkShape;
use ops::{Backend, Kernel, Lanes, Mask, greater_i64, key_f64, select_i64, select_u64};

/// Where the results of one call go.
pub enum Linked<'a> {
    /// `rows x outputs`: the link's values.
    Values(&'a mut [f64]),
    /// One class per row.
    Labels(&'a mut [u32]),
}

/// Links some rows.
///
/// `margins`: `rows x outputs`; `narrow`: the margins came from an f32 sum, and values are rounded
/// to f32; `scratch`: `outputs` values.
///
/// # Leaks
/// The lengths, the link and the label rule.
pub fn link(
    backend: Backend,
    shape: LinkShape,
    narrow: bool,
    margins: &[f64],
    scratch: &mut [f64],
    linked: Linked<'_>,
) {
    backend.run(LinkKernel { shape, narrow, margins, scratch, linked });
}

struct LinkKernel<'a> {
    shape: LinkShape,
    narrow: bool,
    margins: &'a [f64],
    scratch: &'a mut [f64],
    linked: Linked<'a>,
}

impl Kernel for LinkKernel<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self, _: L) {
        let outputs = self.scratch.len();
        let rows = self.margins.chunks_exact(outputs);
        match self.linked {
            Linked::Values(values) => {
                let accurate = Rounding { last: self.narrow, each: false };
                for (margins, values) in rows.zip(values.chunks_exact_mut(outputs)) {
                    apply(self.shape.link, accurate, margins, values);
                }
            }
            Linked::Labels(labels) => {
                for (margins, label) in rows.zip(labels) {
                    *label = match self.shape.label {
                        LabelRule::None => 0,
                        LabelRule::Flip { flip } => {
                            greater_i64(key_f64(flip), key_f64(margins[0])).not().as_u64() as u32
                                & 1
                        }
                        LabelRule::ArgMaxMargin => first_largest(margins),
                        LabelRule::ArgMaxProbability => {
                            let as_library = Rounding { last: self.narrow, each: self.narrow };
                            apply(self.shape.link, as_library, margins, self.scratch);
                            first_largest(self.scratch)
                        }
                    };
                }
            }
        }
    }
}

/// Where a link rounds to f32.
#[derive(Clone, Copy)]
struct Rounding {
    /// Its values.
    last: bool,
    /// And the parts of a softmax, as XGBoost does: two classes that tie there tie here.
    each: bool,
}

#[inline(always)]
fn apply(link: Link, rounding: Rounding, margins: &[f64], values: &mut [f64]) {
    let narrow = rounding.last;
    let bound = if narrow { 87.0 } else { 700.0 };
    match link {
        Link::Identity | Link::Proportion => values.copy_from_slice(margins),
        Link::Sigmoid { scale } => {
            for (value, &margin) in values.iter_mut().zip(margins) {
                *value = rounded(sigmoid(clamp(margin * scale, -bound, bound)), narrow);
            }
        }
        Link::OneVersusRest => {
            let mut sum = 0.0;
            for (value, &margin) in values.iter_mut().zip(margins) {
                *value = sigmoid(clamp(margin, -bound, bound));
                sum += *value;
            }
            let reciprocal = reciprocal(sum);
            for value in values {
                *value = rounded(*value * reciprocal, narrow);
            }
        }
        Link::Exp => {
            let top = if narrow { 88.0 } else { bound };
            for (value, &margin) in values.iter_mut().zip(margins) {
                *value = rounded(exp(clamp(margin, -bound, top)), narrow);
            }
        }
        Link::Softmax => softmax(rounding, margins, values),
    }
}

/// As the libraries do it: exponentials of the distance to the largest margin, over their sum.
#[inline(always)]
fn softmax(rounding: Rounding, margins: &[f64], values: &mut [f64]) {
    let lowest = if rounding.last { -78.0 } else { -680.0 };
    let largest = largest(margins);
    let mut sum = 0.0;
    for (value, &margin) in values.iter_mut().zip(margins) {
        *value = rounded(exp(clamp(margin - largest, lowest, 0.0)), rounding.each);
        sum += *value;
    }
    let reciprocal = reciprocal(rounded(sum, rounding.each));
    for value in values {
        *value = rounded(*value * reciprocal, rounding.last);
    }
}

/// Rounded to f32, where that is the precision of the sum.
#[inline(always)]
fn rounded(value: f64, narrow: bool) -> f64 {
    if narrow { f64::from(value as f32) } else { value }
}

#[inline(always)]
fn clamp(x: f64, low: f64, high: f64) -> f64 {
    let pick = |mask: Mask, yes: f64, no: f64| {
        f64::from_bits(select_u64(mask, yes.to_bits(), no.to_bits()))
    };
    let key = key_f64(x);
    let x = pick(greater_i64(key_f64(low), key), low, x);
    pick(greater_i64(key, key_f64(high)), high, x)
}

#[inline(always)]
fn largest(values: &[f64]) -> f64 {
    let mut best = values[0].to_bits();
    let mut best_key = key_f64(values[0]);
    for &value in &values[1..] {
        let key = key_f64(value);
        let more = greater_i64(key, best_key);
        best = select_u64(more, value.to_bits(), best);
        best_key = select_i64(more, key, best_key);
    }
    f64::from_bits(best)
}

/// Index of the first largest value.
#[inline(always)]
fn first_largest(values: &[f64]) -> u32 {
    let mut best = 0u64;
    let mut best_key = key_f64(values[0]);
    for (index, &value) in values.iter().enumerate().skip(1) {
        let key = key_f64(value);
        let more = greater_i64(key, best_key);
        best = select_u64(more, index as u64, best);
        best_key = select_i64(more, key, best_key);
    }
    best as u32
}

/// `1 / (1 + exp(-x))` for |x| <= 700.
#[inline(always)]
fn sigmoid(x: f64) -> f64 {
    reciprocal(1.0 + exp(-x))
}

/// `exp(x)` for |x| <= 705.
///
/// `x = k ln 2 + r` with |r| <= 0.35, the integer `k` rounded by adding and subtracting 1.5 * 2^52;
/// `exp(r)` by its Taylor polynomial of degree 13 (next term below 2^-58), then `k` is added to the
/// exponent. `ln 2` in two parts (Cody and Waite, 1980): the high one has 32 trailing zero bits, so
/// that its product with `k` is exact.
#[inline(always)]
fn exp(x: f64) -> f64 {
    const ROUND: f64 = 6_755_399_441_055_744.0;
    const LN2_HIGH: f64 = f64::from_bits(0x3fe6_2e42_fee0_0000);
    const LN2_LOW: f64 = f64::from_bits(0x3dea_39ef_3579_3c76);
    const COEFFICIENTS: [f64; 14] = [
        1.0 / 6_227_020_800.0,
        1.0 / 479_001_600.0,
        1.0 / 39_916_800.0,
        1.0 / 3_628_800.0,
        1.0 / 362_880.0,
        1.0 / 40_320.0,
        1.0 / 5_040.0,
        1.0 / 720.0,
        1.0 / 120.0,
        1.0 / 24.0,
        1.0 / 6.0,
        0.5,
        1.0,
        1.0,
    ];
    let shifted = x * std::f64::consts::LOG2_E + ROUND;
    let k = shifted - ROUND;
    let r = (x - k * LN2_HIGH) - k * LN2_LOW;
    let mut p = COEFFICIENTS[0];
    for c in &COEFFICIENTS[1..] {
        p = p * r + c;
    }
    f64::from_bits(p.to_bits().wrapping_add(shifted.to_bits() << 52))
}

/// `1 / d` for normal `d` between 2^-1000 and 2^1000: a guess from the bits (within 12%), then five
/// Newton steps, each of which squares the relative error.
#[inline(always)]
fn reciprocal(d: f64) -> f64 {
    let mut y = f64::from_bits(0x7fde_6238_22fc_16e6u64.wrapping_sub(d.to_bits()));
    for _ in 0..5 {
        y *= 2.0 - d * y;
    }
    y
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NARROW: Rounding = Rounding { last: true, each: false };
    const WIDE: Rounding = Rounding { last: false, each: false };

    /// Distance in units in the last place of f32.
    fn ulps_f32(found: f64, expected: f64) -> f64 {
        let ulp = (expected.abs().log2().floor() - 23.0).exp2();
        (found - expected).abs() / ulp
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]
        #[test]
        fn exp_is_accurate(x in -700.0f64..700.0) {
            prop_assert!((exp(x) / x.exp() - 1.0).abs() < 1e-15);
        }

        #[test]
        fn reciprocal_is_accurate(d in 1e-300f64..1e300, small in 1.0f64..1e9) {
            prop_assert!((reciprocal(d) * d - 1.0).abs() < 1e-15);
            prop_assert!((reciprocal(small) * small - 1.0).abs() < 1e-15);
        }

        #[test]
        fn sigmoid_is_within_two_ulp(x in -87.0f32..87.0) {
            let mut value = [0.0];
            apply(Link::Sigmoid { scale: 1.0 }, NARROW, &[f64::from(x)], &mut value);
            let true_value = 1.0 / (1.0 + (-f64::from(x)).exp());
            prop_assert!(ulps_f32(value[0], true_value) <= 2.0);
            apply(Link::Sigmoid { scale: 1.0 }, WIDE, &[f64::from(x)], &mut value);
            prop_assert!((value[0] / true_value - 1.0).abs() < 1e-14);
        }

        #[test]
        fn softmax_is_within_two_ulp(x in proptest::collection::vec(-39.0f32..39.0, 2..9)) {
            let margins: Vec<f64> = x.iter().map(|&x| f64::from(x)).collect();
            let sum: f64 = margins.iter().map(|x| x.exp()).sum();
            for rounding in [NARROW, WIDE] {
                let mut values = vec![0.0; margins.len()];
                apply(Link::Softmax, rounding, &margins, &mut values);
                for (value, x) in values.iter().zip(&margins) {
                    prop_assert!(ulps_f32(*value, x.exp() / sum) <= 2.0);
                }
            }
        }
    }

    #[test]
    fn beyond_the_domain_the_value_is_the_one_at_the_bound() {
        let at = |link, x: f64| {
            let mut value = [0.0];
            apply(link, NARROW, &[x], &mut value);
            value[0].to_bits()
        };
        for link in [Link::Sigmoid { scale: 1.0 }, Link::Exp] {
            assert_eq!(at(link, 1e30), at(link, if link == Link::Exp { 88.0 } else { 87.0 }));
            assert_eq!(at(link, -1e30), at(link, -87.0));
        }
    }

    #[test]
    fn ties_go_to_the_first() {
        assert_eq!(first_largest(&[1.0, 3.0, 3.0, -1.0]), 1);
        assert_eq!(first_largest(&[-0.0, 0.0]), 0);
    }
}
