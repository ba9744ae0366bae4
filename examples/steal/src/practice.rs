//! The attacker's own tree, on which it learns what an answer's trace looks like.

use engine::ensemble::{Child, Compare, Missing, Split, Tree};
use engine::{
    Ensemble, EnsembleParts, LabelRule, Link, Model, ModelError, Output, Precision, Schema,
};

/// Comparisons on each path of the practice tree.
pub const DEPTH: usize = 2;
/// Columns of its rows.
pub const FEATURES: usize = 1;

/// A complete tree on one feature: thresholds 1 to 3, leaves 0 to 3 from left to right.
pub fn tree() -> Result<Model, ModelError> {
    let splits = (1u32 << DEPTH) - 1;
    let tree = Tree {
        output: 0,
        root: Child::Split(0),
        splits: (0..splits)
            .map(|node| {
                let child = |index: u32| match index.checked_sub(splits) {
                    None => Child::Split(index),
                    Some(leaf) => Child::Leaf(leaf),
                };
                let level = (node + 1).ilog2();
                let step = 1 << (DEPTH as u32 - level);
                let threshold = (node + 1 - (1 << level)) * step + step / 2;
                Split {
                    feature: 0,
                    threshold: f64::from(threshold),
                    compare: Compare::LessOrEqual,
                    missing: Missing::NanRight,
                    left: child(2 * node + 1),
                    right: child(2 * node + 2),
                }
            })
            .collect(),
        leaf_ids: (0..=splits).collect(),
        leaf_values: (0..=splits)
            .flat_map(|leaf| [f64::from(leaf % 2), f64::from(1 - leaf % 2)])
            .collect(),
    };
    let schema = Schema {
        features: FEATURES as u32,
        feature_names: None,
        label: LabelRule::ArgMaxProbability,
        classes: vec!["0".into(), "1".into()],
        default_output: Output::Label,
    };
    let parts = EnsembleParts {
        schema,
        compare_at: Precision::F32,
        missing_value: None,
        outputs: 2,
        leaf_width: 2,
        trees: vec![tree],
        base: vec![0.0; 2],
        sum_at: Precision::F64,
        average: None,
        link: Link::Proportion,
    };
    Ensemble::try_new(parts).map(Model::Ensemble)
}

/// A row for each leaf, and the way that it goes: `true` is right.
pub fn rows() -> impl Iterator<Item = (f32, [bool; DEPTH])> {
    (0..1u8 << DEPTH).map(|leaf| {
        let way = std::array::from_fn(|level| leaf >> (DEPTH - 1 - level) & 1 == 1);
        (f32::from(leaf) + 0.5, way)
    })
}
