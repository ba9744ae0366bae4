//! `sum = fixed` against integers: margins equal, bit for bit, an integer sum of rounded leaves, and
//! lie within the bound of the shape card from the exact sum, also where every rounding goes the
//! same way.

use engine::ensemble::{Child, Tree};
use engine::{
    CompileOptions, Ensemble, EnsembleParts, Evaluation, Model, Output, Precision, RowValues, Rows,
    Scores, SumMode, compile, evaluate, fixed_error_bound,
    shape::{Shape, StepShape, Sum},
};
use model::{RandomForest, answer, random_forest, rows_around};
use ops::Backend;
use proptest::prelude::*;
use std::num::NonZeroUsize;

/// Exact sums are integers in units of 2^-100.
const EXACT_BITS: i32 = 100;

/// Margins of every backend, row by row, with the shape.
fn margins(parts: EnsembleParts, values: RowValues) -> (Vec<Vec<f64>>, Shape) {
    let rows = Rows::try_new(parts.schema.features as usize, values).expect("whole rows");
    let model = Model::Ensemble(Ensemble::try_new(parts).expect("valid"));
    let options = CompileOptions { sum: SumMode::Fixed, ..CompileOptions::default() };
    let program = compile(&model, &options).expect("compiles");
    let of = |backend| {
        let threads = NonZeroUsize::MIN;
        let evaluation = Evaluation { output: Output::Margin, backend, threads, kernel: None };
        match evaluate(&program, &rows, &evaluation, &|_| ()).expect("rows fit") {
            Scores::F64 { values, .. } => values,
            _ => panic!("fixed sums are handed out as f64"),
        }
    };
    (Backend::available().into_iter().map(of).collect(), program.shape().clone())
}

fn fraction_bits(shape: &Shape) -> u8 {
    let bits = shape.steps.iter().find_map(|step| match step {
        StepShape::Forest(forest) => match forest.sum {
            Sum::Fixed { fraction_bits } => Some(fraction_bits),
            _ => None,
        },
        _ => None,
    });
    bits.expect("a fixed sum")
}

/// `value * 2^bits`, exactly. Panics where it is no integer.
fn exact(value: f64, bits: i32) -> i128 {
    let raw = value.to_bits();
    let exponent = (raw >> 52 & 0x7ff) as i32;
    let significand = i128::from(raw & ((1 << 52) - 1) | (u64::from(exponent > 0) << 52));
    let shift = exponent.max(1) - 1075 + bits;
    let size = if shift >= 0 {
        significand << shift
    } else {
        let down = (-shift).min(127);
        assert_eq!(significand >> down << down, significand, "{value:e} is not exact");
        significand >> down
    };
    if value.is_sign_negative() { -size } else { size }
}

/// The nearest integer to `value * 2^bits`, ties to even, by integers.
fn rounded(value: f64, bits: u8) -> i64 {
    let unit = 1i128 << (EXACT_BITS - i32::from(bits));
    let value = exact(value, EXACT_BITS);
    let (down, rest) = (value.div_euclid(unit), value.rem_euclid(unit));
    let up = rest * 2 > unit || (rest * 2 == unit && down % 2 != 0);
    (down + i128::from(up)) as i64
}

/// How far a margin is from an exact sum over `n`, in units of 2^-bits.
fn units_off(margin: f64, sum: i128, n: f64, bits: u8) -> f64 {
    // a quotient has places below 2^-100: what is cut off is far below a unit
    let raw = (margin * 2f64.powi(EXACT_BITS)).trunc() * 2f64.powi(-EXACT_BITS);
    let off = exact(raw, EXACT_BITS) * n as i128 - sum;
    off.abs() as f64 / n * 2f64.powi(i32::from(bits) - EXACT_BITS)
}

fn check(forest: &RandomForest) -> Result<(), TestCaseError> {
    let parts = forest.build();
    let values = rows_around(&parts, 70, forest.seed);
    let leaves = answer(&parts, &values).leaves;
    let trees = parts.trees.len();
    let n = parts.average.map_or(1.0, f64::from);
    let (all, shape) = margins(forest.build(), values);
    let bits = fraction_bits(&shape);
    let bound = fixed_error_bound(&shape).expect("a fixed sum has a bound");

    for (row, leaves) in leaves.chunks_exact(trees).enumerate() {
        for output in 0..parts.outputs as usize {
            let mut terms = vec![parts.base[output]];
            for (tree, id) in parts.trees.iter().zip(leaves) {
                let leaf = tree.leaf_ids.iter().position(|leaf| leaf == id).expect("a leaf");
                if parts.leaf_width > 1 {
                    terms.push(tree.leaf_values[leaf * parts.leaf_width as usize + output]);
                } else if tree.output as usize == output {
                    terms.push(tree.leaf_values[leaf]);
                }
            }
            let sum: i64 = terms.iter().map(|&term| rounded(term, bits)).sum();
            let want = sum as f64 * 2f64.powi(-i32::from(bits)) / n;
            let exact_sum: i128 = terms.iter().map(|&term| exact(term, EXACT_BITS)).sum();
            for margins in &all {
                let margin = margins[row * parts.outputs as usize + output];
                prop_assert_eq!(margin.to_bits(), want.to_bits());
                let off = units_off(margin, exact_sum, n, bits) * 2f64.powi(-i32::from(bits));
                prop_assert!(off <= bound);
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]
    #[test]
    fn margins_are_integer_sums_of_rounded_leaves(forest in random_forest()) {
        check(&forest)?;
    }
}

/// A forest of single leaves: whatever the row, the margin is the base and the sum of them all.
fn single_leaves(values: &[f64], base: f64, average: bool) -> EnsembleParts {
    let mut parts = RandomForest {
        features: 1,
        outputs: 1,
        vector_leaves: false,
        splits: vec![0],
        chain: 0.0,
        thresholds: 3,
        precision: Precision::F64,
        average: false,
        missing_value: None,
        seed: [1; 32],
    }
    .build();
    let leaf = |&value: &f64| Tree {
        output: 0,
        root: Child::Leaf(0),
        splits: Vec::new(),
        leaf_ids: vec![0],
        leaf_values: vec![value],
    };
    parts.trees = values.iter().map(leaf).collect();
    parts.base = vec![base];
    parts.average = average.then_some(values.len() as u32);
    parts
}

/// Every leaf a hair below half a unit: the roundings add up to nearly all that the bound grants
/// to leaves.
#[test]
fn roundings_that_all_go_one_way_stay_within_the_bound() {
    for trees in [1usize, 16, 1024] {
        for average in [false, true] {
            // the first leaf sets the size: fraction bits are what is left of 61 bits
            let leaf = 1.0 + 0.499 * 2f64.powi(-40);
            let mut values = vec![leaf; trees];
            values[0] = 2f64.powi(20) - 2f64.powi(12) + leaf;
            let (all, shape) =
                margins(single_leaves(&values, leaf, average), RowValues::F64(vec![0.0]));
            assert_eq!(fraction_bits(&shape), 40);
            let n = if average { trees as f64 } else { 1.0 };
            let sum = values.iter().chain([&leaf]).map(|&v| exact(v, EXACT_BITS)).sum();
            for margins in all {
                let off = units_off(margins[0], sum, n, 40);
                let bound = fixed_error_bound(&shape).expect("fixed") * 2f64.powi(40);
                assert!(off <= bound, "{off} units, the bound is {bound}");
                // all of it but the part of f64
                let leaves = (trees + 1) as f64 * 0.49;
                assert!(off * n >= leaves - 256.0 - 512.0, "{off} units for {trees} trees");
                if trees == 1024 && !average {
                    assert!(off >= 0.6 * bound, "{off} units, the bound is {bound}");
                }
            }
        }
    }
}

/// A sum in the highest bit that it may have, halfway between two f64.
#[test]
fn the_conversion_to_f64_stays_within_the_bound() {
    // 2^60 + 2^7 units of 2^-40, which no f64 holds
    let values = [2f64.powi(20), 2f64.powi(7 - 40)];
    let (all, shape) = margins(single_leaves(&values, 0.0, false), RowValues::F64(vec![0.0]));
    let bits = fraction_bits(&shape);
    assert_eq!(bits, 40);
    let sum = values.iter().map(|&v| exact(v, EXACT_BITS)).sum();
    for margins in all {
        let off = units_off(margins[0], sum, 1.0, bits);
        assert_eq!(off, 128.0);
        assert!(off * 2f64.powi(-40) <= fixed_error_bound(&shape).expect("fixed"));
    }
}
