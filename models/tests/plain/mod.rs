//! A plain, branchy reading of an ensemble, as the libraries do it. Test code only.

use engine::ensemble::{Child, Compare, Missing, Split, ZERO_THRESHOLD};
use engine::{EnsembleParts, LabelRule, LinearParts, Link, Precision};

pub(crate) struct Evaluation {
    pub(crate) leaves: Vec<u32>,
    pub(crate) margins: Vec<f64>,
}

pub(crate) fn evaluate(parts: &EnsembleParts, row: &[f64]) -> Evaluation {
    let round = |v: f64| match parts.sum_at {
        Precision::F32 => f64::from(v as f32),
        Precision::F64 => v,
    };
    let mut margins = parts.base.clone();
    let mut leaves = Vec::new();
    for tree in &parts.trees {
        let mut at = tree.root;
        let leaf = loop {
            match at {
                Child::Leaf(leaf) => break leaf as usize,
                Child::Split(split) => {
                    let split = &tree.splits[split as usize];
                    at = if goes_left(parts, split, row[split.feature as usize]) {
                        split.left
                    } else {
                        split.right
                    };
                }
            }
        };
        leaves.push(tree.leaf_ids[leaf]);
        let width = parts.leaf_width as usize;
        for (k, value) in tree.leaf_values[leaf * width..][..width].iter().enumerate() {
            let output = tree.output as usize + k;
            // adding two f32 in f64 and rounding once is the f32 sum
            margins[output] = round(margins[output] + value);
        }
    }
    if let Some(n) = parts.average {
        margins.iter_mut().for_each(|m| *m = round(*m / f64::from(n)));
    }
    Evaluation { leaves, margins }
}

fn goes_left(parts: &EnsembleParts, split: &Split, value: f64) -> bool {
    let mut value = match parts.compare_at {
        Precision::F32 => f64::from(value as f32),
        Precision::F64 => value,
    };
    let nan = value.is_nan() || parts.missing_value == Some(value);
    let zero = nan || value.abs() <= f64::from(ZERO_THRESHOLD);
    match split.missing {
        Missing::NanLeft if nan => return true,
        Missing::NanRight if nan => return false,
        Missing::ZeroLeft if zero => return true,
        Missing::ZeroRight if zero => return false,
        Missing::NanIsZero if nan => value = 0.0,
        _ => {}
    }
    match split.compare {
        Compare::Less => value < split.threshold,
        Compare::LessOrEqual => value <= split.threshold,
    }
}

pub(crate) fn linear(parts: &LinearParts, row: &[f64]) -> Vec<f64> {
    let features = parts.schema.features as usize;
    let one = |(weights, intercept): (&[f64], &f64)| {
        weights.iter().zip(row).map(|(w, x)| w * x).sum::<f64>() + intercept
    };
    parts.coefficients.chunks(features).zip(&parts.intercepts).map(one).collect()
}

/// Probabilities per class as scikit-learn returns them; one output of two classes gives two.
pub(crate) fn probabilities(link: Link, margins: &[f64]) -> Vec<f64> {
    let sigmoid = |scale: f64, m: f64| 1.0 / (1.0 + (-scale * m).exp());
    let normalised = |values: Vec<f64>| {
        let sum: f64 = values.iter().sum();
        values.into_iter().map(|v| v / sum).collect()
    };
    match (link, margins) {
        (Link::Sigmoid { scale }, &[m]) => vec![1.0 - sigmoid(scale, m), sigmoid(scale, m)],
        (Link::Sigmoid { scale }, _) => margins.iter().map(|&m| sigmoid(scale, m)).collect(),
        (Link::Softmax, _) => normalised(margins.iter().map(|m| m.exp()).collect()),
        (Link::OneVersusRest, _) => normalised(margins.iter().map(|&m| sigmoid(1.0, m)).collect()),
        (Link::Exp, _) => margins.iter().map(|m| m.exp()).collect(),
        (Link::Identity | Link::Proportion, _) => margins.to_vec(),
    }
}

pub(crate) fn choose(rule: LabelRule, link: Link, margins: &[f64]) -> Option<usize> {
    let first_largest = |values: &[f64]| {
        let mut best = 0;
        for (k, value) in values.iter().enumerate() {
            if *value > values[best] {
                best = k;
            }
        }
        best
    };
    match rule {
        LabelRule::None => None,
        LabelRule::Flip { flip } => Some(usize::from(margins[0] >= flip)),
        LabelRule::ArgMaxMargin => Some(first_largest(margins)),
        // softmax keeps the order but for ties by rounding, which no golden row has
        LabelRule::ArgMaxProbability if link == Link::Softmax => Some(first_largest(margins)),
        LabelRule::ArgMaxProbability => Some(first_largest(&probabilities(link, margins))),
    }
}
