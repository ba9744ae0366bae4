//! One LightGBM tree.
//!
//! `decision_type` is a bit field: 1 categorical, 2 default left, 4 missing type Zero, 8 missing type
//! NaN. A negative child c is leaf `-(c + 1)`.
//!
//! Before a row reaches a tree, `predict` copies only values with `|x| > kZeroThreshold` and NaN
//! (`src/c_api.cpp`, `RowPairFunctionFromDenseMatric`); all others count as 0.0, whatever the missing
//! type. A threshold inside that band is moved to its edge, which gives the same decisions without
//! touching the row (checked with 4.7.0 on both edges, one ulp around them and subnormals).

use super::text::Section;
use crate::error::ImportError;
use engine::ensemble::{Child, Compare, Missing, Split, Tree, ZERO_THRESHOLD};

/// Converts a tree that adds to `output`.
pub(super) fn convert(section: &Section<'_>, output: u32) -> Result<Tree, ImportError> {
    let leaves: usize = section.number("num_leaves")?;
    if leaves == 0 || leaves > u32::MAX as usize {
        return Err(section.malformed("num_leaves", "it is no count of leaves"));
    }
    if section.get("is_linear").is_some_and(|value| value.trim() != "0") {
        return Err(ImportError::unsupported(
            section.place("is_linear"),
            "a tree with linear models in its leaves",
            "train with linear_tree=false",
        ));
    }
    let leaf_values = section.floats("leaf_value", leaves)?;
    if !leaf_values.iter().all(|value| value.is_finite()) {
        return Err(section.malformed("leaf_value", "a value is infinite or NaN"));
    }
    let splits = if leaves == 1 { Vec::new() } else { splits(section, leaves - 1)? };
    Ok(Tree {
        output,
        root: if splits.is_empty() { Child::Leaf(0) } else { Child::Split(0) },
        splits,
        // leaf_value was as long as claimed, so this is bounded by the file
        leaf_ids: (0..leaves as u32).collect(),
        leaf_values,
    })
}

fn splits(section: &Section<'_>, count: usize) -> Result<Vec<Split>, ImportError> {
    let types: Vec<u32> = section.numbers("decision_type", count)?;
    if types.iter().any(|kind| kind & CATEGORICAL != 0) {
        return Err(ImportError::unsupported(
            section.place("decision_type"),
            "a categorical split",
            "encode the categories as numbers (one-hot) and train without categorical_feature",
        ));
    }
    let features: Vec<u32> = section.numbers("split_feature", count)?;
    // infinite where a split parts what is missing from what is not
    let thresholds = section.floats("threshold", count)?;
    if thresholds.iter().any(|threshold| threshold.is_nan()) {
        return Err(section.malformed("threshold", "a value is NaN"));
    }
    let left: Vec<i32> = section.numbers("left_child", count)?;
    let right: Vec<i32> = section.numbers("right_child", count)?;
    let split = |i: usize| {
        let missing = missing(types[i]).ok_or_else(|| {
            section.malformed("decision_type", &format!("{} is no decision type", types[i]))
        })?;
        Ok(Split {
            feature: features[i],
            threshold: out_of_zero_band(thresholds[i]),
            compare: Compare::LessOrEqual,
            missing,
            left: child(left[i]),
            right: child(right[i]),
        })
    };
    (0..count).map(split).collect()
}

const CATEGORICAL: u32 = 1;
const DEFAULT_LEFT: u32 = 2;
const MISSING_ZERO: u32 = 4;
const MISSING_NAN: u32 = 8;

fn missing(kind: u32) -> Option<Missing> {
    let left = kind & DEFAULT_LEFT != 0;
    match kind & !DEFAULT_LEFT {
        0 => Some(Missing::NanIsZero),
        MISSING_ZERO if left => Some(Missing::ZeroLeft),
        MISSING_ZERO => Some(Missing::ZeroRight),
        MISSING_NAN if left => Some(Missing::NanLeft),
        MISSING_NAN => Some(Missing::NanRight),
        _ => None,
    }
}

/// `!c` is `-(c + 1)` without overflow. Whether the child exists is checked by the engine.
fn child(link: i32) -> Child {
    match u32::try_from(link) {
        Ok(split) => Child::Split(split),
        Err(_) => Child::Leaf(!link as u32),
    }
}

/// All of `|x| <= ZERO_THRESHOLD` goes where 0.0 goes.
fn out_of_zero_band(threshold: f64) -> f64 {
    let edge = f64::from(ZERO_THRESHOLD);
    if (0.0..=edge).contains(&threshold) {
        edge
    } else if (-edge..0.0).contains(&threshold) {
        (-edge).next_down()
    } else {
        threshold
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_zero_band_keeps_its_decisions() {
        let edge = f64::from(ZERO_THRESHOLD);
        let values = [
            -1.0,
            (-edge).next_down(),
            -edge,
            (-edge).next_up(),
            -5e-324,
            -0.0,
            0.0,
            5e-324,
            edge.next_down(),
            edge,
            edge.next_up(),
            1.0,
        ];
        for threshold in values {
            for x in values {
                let copied = if x.abs() > edge { x } else { 0.0 };
                assert_eq!(x <= out_of_zero_band(threshold), copied <= threshold);
            }
        }
    }
}
