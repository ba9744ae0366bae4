//! Trees, forests and gradient boosting.
//!
//! - Rows are rounded to f32, thresholds stay f64; a node sends `x <= threshold` left, NaN by
//!   `missing_go_to_left` (right where there is none). A threshold may be infinite: such a split parts
//!   what is missing from what is not.
//! - A classifier's leaf holds a fraction for each class. A forest adds them in f64 in tree order and
//!   divides by the number of trees. (With `n_jobs` above 1 the library adds in any order.)
//! - Gradient boosting adds `learning_rate * value` in f64 to a constant start. The library's loop is
//!   compiled without fused multiply-add on x86-64, and may use it on aarch64.
//! - `apply` returns node numbers, and so do leaf ids.

use super::array::Array;
use super::{Estimator, absent, classes, features, schema};
use crate::error::{ImportError, quote};
use crate::json::{Count, Strict, fields};
use crate::nodes::{Layout, layout};
use engine::ensemble::{Child, Compare, Missing, Split, Tree};
use engine::{Ensemble, EnsembleParts, LabelRule, Link, Model, Precision};

/// The arrays of one tree, as the file has them.
#[derive(Default)]
pub(super) struct RawTree {
    output: Option<Count>,
    left: Strict<Array>,
    right: Strict<Array>,
    feature: Strict<Array>,
    threshold: Strict<Array>,
    value: Strict<Array>,
    missing_left: Option<Strict<Array>>,
}
fields!(RawTree {
    "output" => output,
    "left" => left,
    "right" => right,
    "feature" => feature,
    "threshold" => threshold,
    "value" => value,
    "missing_left" => missing_left,
} required ["left", "right", "feature", "threshold", "value"]);

/// A tree or forest whose leaves hold class fractions; `average` is the number of trees of a forest.
pub(super) fn classifier(
    estimator: &Estimator,
    average: Option<usize>,
) -> Result<Model, ImportError> {
    let classes = classes(estimator)?;
    let trees = convert(estimator, 1, classes.len(), 1.0)?;
    let label = match average {
        None => LabelRule::ArgMaxMargin,
        // two sums may round to the same average, and then the first class wins
        Some(_) => LabelRule::ArgMaxProbability,
    };
    let base = vec![0.0; classes.len()];
    build(estimator, trees, base, average, Link::Proportion, label, classes.to_vec())
}

/// A tree or forest whose leaves hold one value.
pub(super) fn regressor(
    estimator: &Estimator,
    average: Option<usize>,
) -> Result<Model, ImportError> {
    let trees = convert(estimator, 1, 1, 1.0)?;
    build(estimator, trees, vec![0.0], average, Link::Identity, LabelRule::None, Vec::new())
}

/// `GradientBoostingRegressor`: every loss predicts the sum itself.
pub(super) fn boosted_regressor(estimator: &Estimator) -> Result<Model, ImportError> {
    let (trees, base) = boosted(estimator, 1)?;
    build(estimator, trees, base, None, Link::Identity, LabelRule::None, Vec::new())
}

/// `GradientBoostingClassifier` of scikit-learn 1.4 and later: two classes have one output, and class
/// 1 when it is at least 0; three or more have one each, and the first largest wins.
pub(super) fn boosted_classifier(estimator: &Estimator) -> Result<Model, ImportError> {
    let classes = classes(estimator)?;
    let loss = estimator.loss.as_deref().ok_or_else(|| absent("model.loss"))?;
    let at_zero = LabelRule::Flip { flip: 0.0 };
    let (outputs, link, label) = match (loss, classes.len()) {
        ("log_loss", 2) => (1, Link::Sigmoid { scale: 1.0 }, at_zero),
        // the half logit: p = 1 / (1 + exp(-2 x))
        ("exponential", 2) => (1, Link::Sigmoid { scale: 2.0 }, at_zero),
        ("log_loss", n) => (n, Link::Softmax, LabelRule::ArgMaxMargin),
        (other, n) => {
            return Err(ImportError::unsupported(
                "model.loss",
                format!("the loss {} with {n} classes", quote(other)),
                "train with loss='log_loss'",
            ));
        }
    };
    let (trees, base) = boosted(estimator, outputs)?;
    build(estimator, trees, base, None, link, label, classes.to_vec())
}

fn boosted(estimator: &Estimator, outputs: usize) -> Result<(Vec<Tree>, Vec<f64>), ImportError> {
    let rate = estimator.learning_rate.ok_or_else(|| absent("model.learning_rate"))?;
    let Strict(base) = estimator.base.as_ref().ok_or_else(|| absent("model.base"))?;
    let base = base.f64s("model.base", &[outputs])?;
    if !base.iter().all(|value| value.is_finite()) {
        return Err(ImportError::malformed("model.base", "a value is infinite or NaN"));
    }
    Ok((convert(estimator, outputs, 1, rate)?, base))
}

fn build(
    estimator: &Estimator,
    trees: Vec<Tree>,
    base: Vec<f64>,
    average: Option<usize>,
    link: Link,
    label: LabelRule,
    classes: Vec<String>,
) -> Result<Model, ImportError> {
    let outputs = base.len() as u32;
    let parts = EnsembleParts {
        schema: schema(estimator, label, classes)?,
        compare_at: Precision::F32,
        missing_value: None,
        outputs,
        leaf_width: if link == Link::Proportion { outputs } else { 1 },
        trees,
        base,
        sum_at: Precision::F64,
        // at most MAX_TREES: the list is capped
        average: average.map(|trees| trees as u32),
        link,
    };
    Ok(Model::Ensemble(Ensemble::try_new(parts)?))
}

/// Converts all trees, whose leaves have `width` values, times `scale`.
fn convert(
    estimator: &Estimator,
    outputs: usize,
    width: usize,
    scale: f64,
) -> Result<Vec<Tree>, ImportError> {
    let features = features(estimator)?;
    let one = |(index, Strict(raw)): (usize, &Strict<RawTree>)| {
        let output = raw.output.map_or(0, |count| count.0);
        // the margins rest on the order: all outputs of a round, then the next round
        if output != (index % outputs) as u64 {
            return Err(ImportError::malformed(
                format!("tree {index}, output"),
                format!("it is {output} where {} was due", index % outputs),
            ));
        }
        tree(index, raw, width, scale, features)
    };
    let trees: Vec<Tree> =
        estimator.trees.0.iter().enumerate().map(one).collect::<Result<_, _>>()?;
    if trees.is_empty() || !trees.len().is_multiple_of(outputs) {
        return Err(ImportError::malformed(
            "model.trees",
            format!("{} trees do not make whole rounds of {outputs}", trees.len()),
        ));
    }
    Ok(trees)
}

fn tree(
    index: usize,
    raw: &RawTree,
    width: usize,
    scale: f64,
    features: u32,
) -> Result<Tree, ImportError> {
    let place = |field: &str| format!("tree {index}, {field}");
    let nodes = raw.left.0.claimed_length();
    if nodes == 0 {
        return Err(ImportError::malformed(place("left"), "the tree has no nodes"));
    }
    // each array is compared with its bytes before anything is allocated
    let left = raw.left.0.i32s(&place("left"), &[nodes])?;
    let right = raw.right.0.i32s(&place("right"), &[nodes])?;
    let feature = raw.feature.0.i32s(&place("feature"), &[nodes])?;
    let threshold = raw.threshold.0.f64s(&place("threshold"), &[nodes])?;
    let value = raw.value.0.f64s(&place("value"), &[nodes, width])?;
    let missing_left = match &raw.missing_left {
        Some(Strict(array)) => array.flags(&place("missing_left"), &[nodes])?,
        None => vec![false; nodes],
    };

    let layout = layout(index, &left, &right)?;
    check_all_reached(index, nodes, &layout)?;
    let mut tree = Tree {
        output: raw.output.map_or(0, |count| count.0 as u32),
        root: layout.child(0),
        splits: Vec::with_capacity(layout.splits()),
        leaf_ids: Vec::with_capacity(layout.leaves),
        leaf_values: Vec::with_capacity(layout.leaves.saturating_mul(width)),
    };
    for &node in &layout.order {
        if let Child::Leaf(_) = layout.place[node] {
            tree.leaf_ids.push(node as u32);
            tree.leaf_values.extend(value[node * width..][..width].iter().map(|v| scale * v));
            continue;
        }
        tree.splits.push(Split {
            feature: u32::try_from(feature[node]).ok().filter(|&f| f < features).ok_or_else(
                || {
                    let what = format!("node {node} reads feature {}", feature[node]);
                    ImportError::malformed(place("feature"), what)
                },
            )?,
            threshold: threshold[node],
            compare: Compare::LessOrEqual,
            missing: if missing_left[node] { Missing::NanLeft } else { Missing::NanRight },
            left: layout.child(left[node]),
            right: layout.child(right[node]),
        });
    }
    Ok(tree)
}

fn check_all_reached(index: usize, nodes: usize, layout: &Layout) -> Result<(), ImportError> {
    match nodes - layout.order.len() {
        0 => Ok(()),
        unreached => Err(ImportError::malformed(
            format!("tree {index}"),
            format!("the root does not reach {unreached} of its nodes"),
        )),
    }
}
