//! From margins to probabilities and labels.
//!
//! Everything is computed in f64 on normal numbers: arguments are clamped to the link's domain by
//! integer compares, the exponential is a polynomial ([`exponential`](super::exponential)), divisions
//! are exact to the last bit without a divide instruction ([`divide_f64`]). No float compare. Where
//! the sum is f32 the result is rounded to f32 and within 2 ulp of the true value; where it is f64 it
//! is within 2 ulp of f32 by far (a few ulp of f64).
//!
//! | link | domain, f32 sums | domain, f64 and fixed sums | beyond it |
//! |---|---|---|---|
//! | sigmoid | -87 to 87 | -700 to 700 | the value at the bound |
//! | exp | -87 to 88 | -700 to 700 | the value at the bound |
//! | one-versus-rest | -78 to 78 | -680 to 680 | the value at the bound |
//! | softmax, on `margin - largest margin` | -78 to 0 | -680 to 0 | the value at the bound |
//!
//! The bounds keep results normal: exp(-87) is above 2^-126, and exp(-78) is above 2^-113, which may
//! still be divided by the sum of 4,096 probabilities.

use super::exponential::exp;
use crate::schema::{LabelRule, Link};
use crate::shape::LinkShape;
use ops::{Backend, Kernel, Lanes, Mask, divide_f64, greater_i64, key_f64, select_i64, select_u64};

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
    // two kernels: one that chose by a flag was compiled to rounding in any case and choosing after
    // it, and rounding a tiny f64 to a subnormal f32 takes a time of its own
    if narrow {
        backend.run(LinkKernel::<true> { shape, margins, scratch, linked });
    } else {
        backend.run(LinkKernel::<false> { shape, margins, scratch, linked });
    }
}

struct LinkKernel<'a, const NARROW: bool> {
    shape: LinkShape,
    margins: &'a [f64],
    scratch: &'a mut [f64],
    linked: Linked<'a>,
}

impl<const NARROW: bool> Kernel for LinkKernel<'_, NARROW> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self, _: L) {
        let outputs = self.scratch.len();
        let rows = self.margins.chunks_exact(outputs);
        match self.linked {
            Linked::Values(values) => {
                let accurate = Rounding { last: NARROW, each: false };
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
                            let as_library = Rounding { last: NARROW, each: NARROW };
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
    /// And the parts of a softmax, where XGBoost does: two classes that tie there tie here.
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
            let bound = furthest(narrow);
            let mut sum = 0.0;
            for (value, &margin) in values.iter_mut().zip(margins) {
                *value = sigmoid(clamp(margin, -bound, bound));
                sum += *value;
            }
            for value in values {
                *value = rounded(divide_f64(*value, sum), narrow);
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
    let lowest = -furthest(rounding.last);
    let largest = largest(margins);
    let mut sum = 0.0;
    for (value, &margin) in values.iter_mut().zip(margins) {
        let distance = rounded(margin - largest, rounding.each);
        *value = rounded(exp(clamp(distance, lowest, 0.0)), rounding.each);
        sum += *value;
    }
    let sum = rounded(sum, rounding.each);
    for value in values {
        // rounded to f64 and then to f32 it is the f32 division: 53 bits are more than twice 24
        *value = rounded(divide_f64(*value, sum), rounding.last);
    }
}

/// How far out an exponential that a sum divides may be.
#[inline(always)]
fn furthest(narrow: bool) -> f64 {
    if narrow { 78.0 } else { 680.0 }
}

/// `1 / (1 + exp(-x))` for |x| <= 700.
#[inline(always)]
fn sigmoid(x: f64) -> f64 {
    divide_f64(1.0, 1.0 + exp(-x))
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

    /// Distance in units in the last place of f64.
    fn ulps_f64(found: f64, expected: f64) -> f64 {
        (found - expected).abs() / (expected - expected.next_down())
    }

    fn applied(link: Link, rounding: Rounding, margins: &[f64]) -> Vec<f64> {
        let mut values = vec![0.0; margins.len()];
        apply(link, rounding, margins, &mut values);
        values
    }

    /// Largest margins and others anywhere below them: near, over the domain, and beyond it.
    fn margins(domain: f64) -> impl Strategy<Value = Vec<f64>> {
        let down = prop_oneof![0.0..1.0, 0.0..domain, 0.0..4.0 * domain];
        (-domain..domain, proptest::collection::vec(down, 1..9), 0usize..9).prop_map(
            |(top, down, place)| {
                let mut margins: Vec<f64> =
                    down.iter().map(|down| f64::from((top - down) as f32)).collect();
                margins.insert(place % (down.len() + 1), f64::from(top as f32));
                margins
            },
        )
    }

    /// The softmax of margins that are clamped as the table says. The reference is the platform's
    /// exp in f64, within an ulp of f64: nine digits more than what is asked of f32.
    fn true_softmax(margins: &[f64], lowest: f64) -> Vec<f64> {
        let top = margins.iter().copied().fold(f64::MIN, f64::max);
        let each: Vec<f64> = margins.iter().map(|m| (m - top).max(lowest).exp()).collect();
        let sum: f64 = each.iter().sum();
        each.iter().map(|e| e / sum).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn sigmoid_is_within_two_ulp(x in -87.0f32..87.0, wide in -700.0f64..700.0) {
            let of = |x: f64| 1.0 / (1.0 + (-x).exp());
            let link = Link::Sigmoid { scale: 1.0 };
            let narrow = applied(link, NARROW, &[f64::from(x)]);
            prop_assert!(ulps_f32(narrow[0], of(f64::from(x))) <= 2.0);
            prop_assert!(ulps_f64(applied(link, WIDE, &[wide])[0], of(wide)) <= 4.0);
        }

        #[test]
        fn exp_is_within_two_ulp(x in -87.0f32..88.0, wide in -700.0f64..700.0) {
            let narrow = applied(Link::Exp, NARROW, &[f64::from(x)]);
            prop_assert!(ulps_f32(narrow[0], f64::from(x).exp()) <= 2.0);
            prop_assert!(ulps_f64(applied(Link::Exp, WIDE, &[wide])[0], wide.exp()) <= 2.0);
        }

        /// On the whole domain and beyond it.
        #[test]
        fn softmax_is_within_two_ulp(narrow in margins(78.0), wide in margins(680.0)) {
            let values = applied(Link::Softmax, NARROW, &narrow);
            for (value, expected) in values.iter().zip(true_softmax(&narrow, -78.0)) {
                prop_assert!(ulps_f32(*value, expected) <= 2.0, "{} for {}", value, expected);
            }
            let values = applied(Link::Softmax, WIDE, &wide);
            for (value, expected) in values.iter().zip(true_softmax(&wide, -680.0)) {
                prop_assert!(ulps_f64(*value, expected) <= 8.0, "{} for {}", value, expected);
            }
        }

        #[test]
        fn one_versus_rest_is_within_two_ulp(narrow in margins(78.0), wide in margins(680.0)) {
            for (margins, bound, rounding) in [(narrow, 78.0, NARROW), (wide, 680.0, WIDE)] {
                let of = |m: &f64| 1.0 / (1.0 + (-m.clamp(-bound, bound)).exp());
                let sum: f64 = margins.iter().map(of).sum();
                let values = applied(Link::OneVersusRest, rounding, &margins);
                for (value, margin) in values.iter().zip(&margins) {
                    let expected = of(margin) / sum;
                    prop_assert!(ulps_f32(*value, expected) <= 2.0, "{} {}", value, expected);
                }
            }
        }
    }

    /// Labels of classes that nearly tie, against the libraries' formulas with the platform's exp.
    /// Only a sum that another last bit of some exp moves can tell them apart, and only where an
    /// earlier class lies below the largest margin by half a unit to one and a half of the last
    /// place of 1: seldom, and then the library's own two probabilities are neighbours.
    #[test]
    fn labels_of_near_ties_are_the_librarys() {
        const ROWS: usize = 200_000;
        let mut state = 0x9e37_79b9_7f4a_7c15u64;
        let mut random = move |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % below
        };
        for (narrow, softmax) in [(false, true), (true, true), (false, false)] {
            let mut different = 0;
            for row in 0..ROWS {
                let centre = [0.0, 2f64.powi(-6), 0.7, 3.0, 40.0][row % 5];
                let near = |steps: i64| match (centre == 0.0, narrow) {
                    (true, false) => steps as f64 * 2f64.powi(-54),
                    (true, true) => steps as f64 * 2f64.powi(-25),
                    (false, false) => {
                        f64::from_bits(f64::to_bits(centre).wrapping_add_signed(steps))
                    }
                    (false, true) => {
                        let bits = (centre as f32).to_bits().wrapping_add_signed(steps as i32);
                        f64::from(f32::from_bits(bits))
                    }
                };
                let classes = 2 + random(4) as usize;
                let margins: Vec<f64> = (0..classes)
                    .map(|class| match class {
                        2.. if row % 2 == 0 => {
                            f64::from((centre - random(1 << 20) as f64 * 5e-6) as f32)
                        }
                        _ => near(random(9) as i64 - 4),
                    })
                    .collect();
                let (link, library) = if softmax {
                    (Link::Softmax, library_softmax(&margins, narrow))
                } else {
                    let of = |m: &f64| 1.0 / (1.0 + (-m).exp());
                    (Link::Sigmoid { scale: 1.0 }, margins.iter().map(of).collect())
                };
                let own = applied(link, Rounding { last: narrow, each: narrow }, &margins);
                let (own, label) = (first_largest(&own), first_largest(&library));
                if own != label {
                    different += 1;
                    let (own, label) = (own as usize, label as usize);
                    let unit = if narrow { 2f64.powi(-24) } else { 2f64.powi(-53) };
                    let gap = (margins[own] - margins[label]).abs() / unit;
                    assert!((0.5..=1.5).contains(&gap), "{margins:?}");
                    assert!(library[label] - library[own] <= 2.0 * unit * library[label]);
                }
            }
            assert!(different <= ROWS / 10_000, "{different} labels of {ROWS} differ");
        }
    }

    /// What LightGBM computes in f64, and XGBoost in f32 with a sum in f64.
    fn library_softmax(margins: &[f64], narrow: bool) -> Vec<f64> {
        let top = margins.iter().copied().fold(f64::MIN, f64::max);
        if narrow {
            let each: Vec<f32> = margins.iter().map(|&m| (m as f32 - top as f32).exp()).collect();
            let sum: f64 = each.iter().map(|&e| f64::from(e)).sum();
            return each.iter().map(|e| f64::from(e / sum as f32)).collect();
        }
        let each: Vec<f64> = margins.iter().map(|m| (m - top).exp()).collect();
        let sum: f64 = each.iter().sum();
        each.iter().map(|e| e / sum).collect()
    }

    /// The smallest value that each link can have is a normal number of the sum's precision.
    #[test]
    fn no_link_leaves_the_normal_numbers() {
        let mut margins = vec![1e30; 4096];
        margins[17] = -1e30;
        for link in [Link::Sigmoid { scale: 1.0 }, Link::OneVersusRest, Link::Softmax, Link::Exp] {
            for each in [false, true] {
                let narrow = applied(link, Rounding { last: true, each }, &margins);
                assert!(narrow.iter().all(|&v| (v as f32).is_normal()), "{link:?}");
                let wide = applied(link, WIDE, &margins);
                assert!(wide.iter().all(|v| v.is_normal()), "{link:?}");
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
