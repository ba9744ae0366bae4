//! Rows that look for a leak: each threshold and one ulp aside, zeros, ones, NaN, subnormals.

use crate::numbers::Numbers;

/// How rows are made. The order is that of the secrets.
pub(crate) const KINDS: [&str; 10] = [
    "all zero",
    "all ones",
    "random",
    "at thresholds",
    "one ulp above",
    "one ulp below",
    "NaN",
    "subnormal",
    "random bits",
    "infinite",
];

/// Values of a kind, as f64; the second answer says whether they are raw bits.
fn value(kind: &str, thresholds: &[f64], at: usize, numbers: &mut Numbers) -> f64 {
    let threshold = thresholds[at % thresholds.len()];
    match kind {
        "all zero" => 0.0,
        "random" => numbers.unit() * 4.0,
        "NaN" => f64::NAN,
        "infinite" => [f64::INFINITY, f64::NEG_INFINITY, -0.0][at % 3],
        _ => threshold,
    }
}

/// `count` f32 values of a kind.
pub(crate) fn values_f32(kind: &str, thresholds: &[f64], count: usize, seed: u64) -> Vec<f32> {
    let mut numbers = Numbers::new(seed);
    (0..count)
        .map(|at| {
            let value = value(kind, thresholds, at, &mut numbers) as f32;
            match kind {
                "all ones" => f32::from_bits(u32::MAX),
                "one ulp above" => value.next_up(),
                "one ulp below" => value.next_down(),
                "subnormal" => f32::from_bits((1 + at as u32) | ((at as u32 & 1) << 31)),
                "random bits" => f32::from_bits((numbers.word() >> 32) as u32),
                _ => value,
            }
        })
        .collect()
}

/// `count` f64 values of a kind.
pub(crate) fn values_f64(kind: &str, thresholds: &[f64], count: usize, seed: u64) -> Vec<f64> {
    let mut numbers = Numbers::new(seed);
    (0..count)
        .map(|at| {
            let value = value(kind, thresholds, at, &mut numbers);
            match kind {
                "all ones" => f64::from_bits(u64::MAX),
                "one ulp above" => value.next_up(),
                "one ulp below" => value.next_down(),
                "subnormal" => f64::from_bits((1 + at as u64) | ((at as u64 & 1) << 63)),
                "random bits" => f64::from_bits(numbers.word()),
                _ => value,
            }
        })
        .collect()
}
