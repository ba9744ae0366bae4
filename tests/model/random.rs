//! Random ensembles of every shape, and rows that meet their thresholds.

use engine::ensemble::{Child, Compare, EnsembleParts, Missing, Split, Tree};
use engine::{LabelRule, Link, Output, Precision, RowValues, Schema};
use proptest::prelude::*;
use proptest::test_runner::TestRng;

/// Sizes of a random ensemble.
#[derive(Clone, Debug)]
pub struct RandomForest {
    /// Columns.
    pub features: u32,
    /// Outputs.
    pub outputs: u32,
    /// Does each leaf carry a value for every output?
    pub vector_leaves: bool,
    /// Splits of each tree.
    pub splits: Vec<usize>,
    /// 0: balanced at random; 1: chains.
    pub chain: f64,
    /// Different thresholds per feature, about.
    pub thresholds: u32,
    /// Precision of rows and sums.
    pub precision: Precision,
    /// Average over the trees (f64 sums only).
    pub average: bool,
    /// A value that stands for missing.
    pub missing_value: Option<f64>,
    /// Seed of the rest.
    pub seed: [u8; 32],
}

/// Strategies for sizes: from stumps to trees of a few hundred nodes.
pub fn random_forest() -> impl Strategy<Value = RandomForest> {
    let sizes = prop_oneof![
        4 => proptest::collection::vec(0usize..40, 1..12),
        2 => proptest::collection::vec(0usize..8, 60..140),
        2 => proptest::collection::vec(0usize..300, 1..5),
        1 => proptest::collection::vec(200usize..1200, 1..4),
    ];
    let features = prop_oneof![3 => 1u32..8, 2 => 8u32..70, 1 => 200u32..400];
    let thresholds = prop_oneof![Just(3u32), Just(40), Just(2000)];
    let missing = prop_oneof![3 => Just(None), 1 => Just(Some(0.0)), 1 => Just(Some(-1.5))];
    (
        (features, 1u32..4, any::<bool>(), sizes, 0.0f64..1.0, thresholds),
        (any::<bool>(), any::<bool>(), missing, any::<[u8; 32]>()),
    )
        .prop_map(|((features, outputs, vector_leaves, splits, chain, thresholds), rest)| {
            let (narrow, average, missing_value, seed) = rest;
            RandomForest {
                features,
                outputs,
                vector_leaves,
                splits,
                chain,
                thresholds,
                precision: if narrow { Precision::F32 } else { Precision::F64 },
                average: average && !narrow,
                missing_value,
                seed,
            }
        })
}

impl RandomForest {
    /// The ensemble of these sizes.
    pub fn build(&self) -> EnsembleParts {
        let mut rng = TestRng::from_seed(proptest::test_runner::RngAlgorithm::ChaCha, &self.seed);
        let width = if self.vector_leaves { self.outputs } else { 1 };
        let trees: Vec<Tree> =
            (0..self.splits.len()).map(|index| self.tree(&mut rng, index, width)).collect();
        EnsembleParts {
            schema: Schema {
                features: self.features,
                feature_names: None,
                label: LabelRule::None,
                classes: Vec::new(),
                default_output: Output::Margin,
            },
            compare_at: self.precision,
            missing_value: self.missing_value,
            outputs: self.outputs,
            leaf_width: width,
            average: self.average.then_some(trees.len() as u32),
            trees,
            base: (0..self.outputs).map(|k| f64::from(k) * 0.5).collect(),
            sum_at: self.precision,
            link: Link::Identity,
        }
    }

    fn tree(&self, rng: &mut TestRng, index: usize, width: u32) -> Tree {
        let count = self.splits[index];
        let leaves = count + 1;
        let mut splits: Vec<Split> = Vec::new();
        // grow: replace a random open leaf by a split, the newest one where chains are asked for
        let mut open: Vec<Option<(usize, bool)>> = vec![None];
        for number in 0..count {
            let chain = f64::from(rng.next_u32()) / f64::from(u32::MAX) < self.chain;
            let pick = if chain { open.len() - 1 } else { rng.next_u32() as usize % open.len() };
            let parent = open.swap_remove(pick);
            splits.push(self.split(rng));
            attach(&mut splits, parent, Child::Split(number as u32));
            open.push(Some((number, true)));
            open.push(Some((number, false)));
        }
        let mut root = Child::Split(0);
        for (leaf, parent) in open.into_iter().enumerate() {
            if parent.is_none() {
                root = Child::Leaf(0);
            }
            attach(&mut splits, parent, Child::Leaf(leaf as u32));
        }
        let value = |rng: &mut TestRng| {
            let value = (f64::from(rng.next_u32()) / f64::from(u32::MAX) - 0.5) * 4.0;
            if self.precision == Precision::F32 { f64::from(value as f32) } else { value }
        };
        Tree {
            output: if width > 1 { 0 } else { index as u32 % self.outputs },
            root,
            splits,
            leaf_ids: (0..leaves as u32).map(|leaf| leaf * 3 + 1).collect(),
            leaf_values: (0..leaves * width as usize).map(|_| value(rng)).collect(),
        }
    }

    fn split(&self, rng: &mut TestRng) -> Split {
        let step = f64::from(rng.next_u32() % self.thresholds) - f64::from(self.thresholds / 2);
        let threshold = match rng.next_u32() % 20 {
            0 => 0.0,
            1 => -1.5,
            2 => f64::INFINITY,
            3 => f64::from(f32::MAX),
            _ => step / 7.0,
        };
        let missing = [
            Missing::NanLeft,
            Missing::NanRight,
            Missing::NanIsZero,
            Missing::ZeroLeft,
            Missing::ZeroRight,
        ];
        // a value that stands for missing comes with NaN directions only
        let kinds = if self.missing_value.is_some() { 2 } else { missing.len() };
        let compare =
            if rng.next_u32().is_multiple_of(2) { Compare::Less } else { Compare::LessOrEqual };
        Split {
            feature: rng.next_u32() % self.features,
            threshold,
            compare,
            missing: missing[rng.next_u32() as usize % kinds],
            left: Child::Leaf(u32::MAX),
            right: Child::Leaf(u32::MAX),
        }
    }
}

fn attach(splits: &mut [Split], parent: Option<(usize, bool)>, child: Child) {
    if let Some((parent, left)) = parent {
        if left {
            splits[parent].left = child;
        } else {
            splits[parent].right = child;
        }
    }
}

/// Rows made of the model's thresholds, their neighbours, and every odd float.
pub fn rows_around(parts: &EnsembleParts, count: usize, seed: [u8; 32]) -> RowValues {
    let mut rng = TestRng::from_seed(proptest::test_runner::RngAlgorithm::ChaCha, &seed);
    let thresholds: Vec<f64> =
        parts.trees.iter().flat_map(|t| &t.splits).map(|split| split.threshold).collect();
    let odd = [f64::NAN, 0.0, -0.0, 1e-36, -1e-35, f64::INFINITY, f64::NEG_INFINITY, 1e300, 1e-310];
    let mut value = || {
        let pick = rng.next_u32();
        match pick % 4 {
            0 if !thresholds.is_empty() => thresholds[rng.next_u32() as usize % thresholds.len()],
            1 => odd[rng.next_u32() as usize % odd.len()],
            _ => f64::from(rng.next_u32().cast_signed()) / 1e7,
        }
    };
    let length = count * parts.schema.features as usize;
    match parts.compare_at {
        Precision::F32 => {
            let near = |x: f64, step: u32| match step {
                0 => (x as f32).next_up(),
                1 => (x as f32).next_down(),
                _ => x as f32,
            };
            RowValues::F32((0..length).map(|i| near(value(), i as u32 % 5)).collect())
        }
        Precision::F64 => {
            let near = |x: f64, step: u32| match step {
                0 => x.next_up(),
                1 => x.next_down(),
                _ => x,
            };
            RowValues::F64((0..length).map(|i| near(value(), i as u32 % 5)).collect())
        }
    }
}
