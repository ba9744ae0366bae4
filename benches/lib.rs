//! Models to time: complete trees of random splits, the shape that peers are fastest on.
#![forbid(unsafe_code)]

use engine::ensemble::{Child, Compare, Missing, Split, Tree};
use engine::{
    Ensemble, EnsembleParts, LabelRule, Link, Model, Output, Precision, RowValues, Rows, Schema,
};

/// A small generator of repeatable numbers.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// Complete trees, whose splits are at random.
#[derive(Clone, Copy)]
pub struct Complete {
    /// Trees, over all classes.
    pub trees: usize,
    /// Splits from the root to a leaf.
    pub depth: u32,
    /// Features.
    pub features: u32,
    /// Different thresholds that a feature may have.
    pub thresholds: u64,
    /// Classes, between which the trees are dealt; 1 for a regression.
    pub classes: u32,
}

/// Complete trees: `trees` of `depth` over `features`, about 200 thresholds a feature.
pub fn complete_trees(trees: usize, depth: u32, features: u32) -> Model {
    complete(Complete { trees, depth, features, thresholds: 200, classes: 1 })
}

/// A model of complete trees.
pub fn complete(shape: Complete) -> Model {
    let Complete { trees, depth, features, thresholds, classes } = shape;
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let splits = (1u32 << depth) - 1;
    let build = |numbers: &mut Numbers, output: u32| Tree {
        output,
        root: Child::Split(0),
        splits: (0..splits)
            .map(|node| {
                let child = |index: u32| {
                    if index < splits { Child::Split(index) } else { Child::Leaf(index - splits) }
                };
                Split {
                    feature: (numbers.next() % u64::from(features)) as u32,
                    threshold: f64::from((numbers.next() % thresholds) as f32 / thresholds as f32),
                    compare: Compare::Less,
                    missing: Missing::NanLeft,
                    left: child(2 * node + 1),
                    right: child(2 * node + 2),
                }
            })
            .collect(),
        leaf_ids: (0..=splits).collect(),
        leaf_values: (0..=splits)
            .map(|_| f64::from((numbers.next() % 2000) as f32 / 1000.0 - 1.0))
            .collect(),
    };
    let parts = EnsembleParts {
        schema: Schema {
            features,
            feature_names: None,
            label: LabelRule::None,
            classes: Vec::new(),
            default_output: Output::Margin,
        },
        compare_at: Precision::F32,
        missing_value: None,
        outputs: classes,
        leaf_width: 1,
        trees: (0..trees).map(|tree| build(&mut numbers, tree as u32 % classes)).collect(),
        base: vec![0.0; classes as usize],
        sum_at: Precision::F32,
        average: None,
        link: Link::Identity,
    };
    Model::Ensemble(Ensemble::try_new(parts).expect("complete trees are valid"))
}

/// Uniform rows.
pub fn uniform_rows(count: usize, features: u32) -> Rows {
    let mut numbers = Numbers(7);
    let values =
        (0..count * features as usize).map(|_| (numbers.next() % 10_000) as f32 / 10_000.0);
    let values = RowValues::F32(values.collect());
    Rows::try_new(features as usize, values).expect("whole rows")
}
