//! Models of one shape class: different thresholds, features, topology, leaf values and NaN
//! directions, and programs that the decoder accepts but no compiler makes.

use crate::numbers::Numbers;
use engine::ensemble::{Child, Compare, Missing, Split, Tree};
use engine::shape::{StepShape, Sum};
use engine::{
    CompileOptions, Ensemble, EnsembleParts, LabelRule, Linear, LinearParts, Link, Model, Output,
    Precision, Program, ProgramParts, Schema, Secret, Shape, compile,
};

/// Models of a class: at least this many.
pub(crate) const MODELS: usize = 8;
/// Programs of the class that no compiler makes.
pub(crate) const HOSTILE: usize = 2;

/// Sizes of a forest.
#[derive(Clone)]
pub(crate) struct Recipe {
    pub(crate) trees: usize,
    /// At least and at most this many splits a tree.
    pub(crate) splits: (usize, usize),
    pub(crate) features: u32,
    pub(crate) outputs: u32,
    pub(crate) vector_leaves: bool,
    /// Of rows, thresholds and sums.
    pub(crate) precision: Precision,
    pub(crate) average: bool,
    pub(crate) link: Link,
    pub(crate) label: LabelRule,
    pub(crate) options: CompileOptions,
}

/// Parameters of some programs of one shape.
pub(crate) struct ModelClass {
    pub(crate) shape: Shape,
    pub(crate) schema: Schema,
    /// For each program its sections.
    pub(crate) sections: Vec<Vec<Vec<u8>>>,
    /// The thresholds of each program, to make rows of.
    pub(crate) thresholds: Vec<Vec<f64>>,
}

impl ModelClass {
    /// A forest's class: `MODELS` compiled programs, then `HOSTILE` made-up ones.
    pub(crate) fn of(recipe: &Recipe) -> Self {
        let mut class: Option<Self> = None;
        for seed in 0..4000 {
            let parts = recipe.build(seed);
            let thresholds =
                parts.trees.iter().flat_map(|tree| &tree.splits).map(|s| s.threshold).collect();
            let model = Model::Ensemble(Ensemble::try_new(parts).expect("a valid model"));
            let program = compile(&model, &recipe.options).expect("compiles").into_parts();
            let class = class.get_or_insert_with(|| Self::empty(&program));
            if class.shape == program.shape {
                class.sections.push(program.sections.expose().clone());
                class.thresholds.push(thresholds);
            }
            if class.sections.len() == MODELS {
                break;
            }
        }
        let mut class = class.expect("a model");
        assert_eq!(class.sections.len(), MODELS, "enough models of one shape");
        for seed in 0..HOSTILE {
            class.sections.push(class.made_up(seed as u64));
            class.thresholds.push(class.thresholds[seed].clone());
        }
        class
    }

    /// A linear model's class.
    pub(crate) fn of_linear(features: u32, outputs: u32, link: Link, label: LabelRule) -> Self {
        let mut class: Option<Self> = None;
        for seed in 0..(MODELS + HOSTILE) as u64 {
            let mut numbers = Numbers::new(seed);
            // the last ones at the edges of what is accepted
            let edge = [1.0, 1e120, 1e-120][(seed as usize).saturating_sub(MODELS - 1).min(2)];
            let mut weight = || match numbers.below(6) {
                0 => 0.0,
                _ if edge == 1.0 => numbers.unit() * 3.0 + 4.0,
                _ => edge,
            };
            let parts = LinearParts {
                schema: schema(features, outputs, label),
                outputs,
                coefficients: (0..features * outputs).map(|_| weight()).collect(),
                intercepts: (0..outputs).map(|_| weight()).collect(),
                link,
            };
            let model = Model::Linear(Linear::try_new(parts).expect("a valid model"));
            let program = compile(&model, &CompileOptions::default()).expect("compiles");
            let program = program.into_parts();
            let class = class.get_or_insert_with(|| Self::empty(&program));
            class.sections.push(program.sections.expose().clone());
            class.thresholds.push(vec![edge, -edge, 1.0]);
        }
        class.expect("a model")
    }

    fn empty(program: &ProgramParts) -> Self {
        Self {
            shape: program.shape.clone(),
            schema: program.schema.clone(),
            sections: Vec::new(),
            thresholds: Vec::new(),
        }
    }

    /// Puts a program together again.
    pub(crate) fn parts(&self, sections: Vec<Vec<u8>>) -> ProgramParts {
        ProgramParts {
            shape: self.shape.clone(),
            schema: self.schema.clone(),
            sections: Secret::new(sections),
        }
    }

    /// Valid parameters that no compiler makes: slots, ranks, shifts, reaches, exits and skip
    /// counters at random, missing values that become anything.
    fn made_up(&self, seed: u64) -> Vec<Vec<u8>> {
        let mut numbers = Numbers::new(1000 + seed);
        let [StepShape::Rank(rank), StepShape::Forest(forest), _] = self.shape.steps[..] else {
            panic!("a forest")
        };
        let mut sections = self.sections[seed as usize].clone();
        let key = if self.shape.precision == Precision::F32 { 4 } else { 8 };
        // what counts as missing, and what it becomes
        for head in sections[0].chunks_exact_mut(4 * 16 * key) {
            head[16 * key..].copy_from_slice(&numbers.bytes(3 * 16 * key));
        }
        let planes = if rank.slots > 64 { 5 } else { 4 };
        for node in sections[2].chunks_exact_mut(64 * planes) {
            for lane in 0..64 {
                let slot = numbers.below(rank.slots as usize);
                node[lane] = (slot % 64) as u8;
                for plane in 1..4 {
                    node[64 * plane + lane] = numbers.bytes(1)[0];
                }
                if planes == 5 {
                    node[4 * 64 + lane] = (slot / 64) as u8;
                }
            }
        }
        let ends = sections[3].len();
        sections[3] = numbers.bytes(ends);
        let lines = forest.exit_lines() * 64;
        for block in sections[4].chunks_exact_mut(forest.exit_planes() * lines) {
            let skips = numbers.bytes(forest.skip_bytes as usize * lines);
            block[..skips.len()].copy_from_slice(&skips);
            if let Sum::Fixed { .. } | Sum::LeafIds = forest.sum {
                let values = numbers.bytes(block.len() - skips.len());
                block[skips.len()..].copy_from_slice(&values);
            }
        }
        let parts = self.parts(sections.clone());
        assert!(Program::try_from_parts(parts).is_ok(), "the decoder accepts it");
        sections
    }

    /// Parameters that are refused, each for one reason.
    pub(crate) fn refused(&self) -> Vec<(&'static str, Vec<Vec<u8>>)> {
        let spoil = |section: usize, at: usize, bytes: &[u8]| {
            let mut sections = self.sections[0].clone();
            sections[section][at..at + bytes.len()].copy_from_slice(bytes);
            sections
        };
        let last = |section: usize| self.sections[0][section].len();
        let mut refused = match self.shape.steps[..] {
            [StepShape::Linear(_), _] => vec![
                ("weight subnormal", spoil(0, 0, &1u64.to_le_bytes())),
                ("weight infinite", spoil(0, last(0) - 8, &f64::INFINITY.to_le_bytes())),
                ("weight NaN", spoil(0, 8, &f64::NAN.to_le_bytes())),
            ],
            [StepShape::Rank(rank), ..] => {
                let key = if self.shape.precision == Precision::F32 { 4 } else { 8 };
                let planes = if rank.slots > 64 { 5 } else { 4 };
                let mut feature = vec![0; key];
                feature[0] = 0xff;
                vec![
                    ("first source", spoil(0, 0, &feature)),
                    ("first slot's last threshold", spoil(1, 15 * key, &vec![0x80; key])),
                    ("last threshold", spoil(1, last(1) - key, &vec![0x80; key])),
                    ("first slot", spoil(2, 0, &[255])),
                    ("last slot", spoil(2, last(2) - 64 * (planes - 1) - 1, &[255])),
                ]
            }
            _ => Vec::new(),
        };
        if let [_, StepShape::Forest(forest), _] = self.shape.steps[..]
            && let Sum::SourceF32 | Sum::SourceF64 = forest.sum
        {
            let mut infinite = self.sections[0].clone();
            infinite[4].fill(0x7f);
            refused.push(("leaves infinite", infinite));
            // the lowest bit of each byte but the top one: an exponent of zero
            let mut subnormal = self.sections[0].clone();
            let plane = forest.exit_lines() * 64;
            let (skip, value) = (forest.skip_bytes as usize * plane, forest.sum.value_bytes());
            for block in subnormal[4].chunks_exact_mut(forest.exit_planes() * plane) {
                let value = &mut block[skip..skip + value * plane];
                let (low, top) = value.split_at_mut(value.len() - plane);
                low.fill(1);
                top.fill(0);
            }
            refused.push(("leaves subnormal", subnormal));
            let base = [[0, 0, 0x80, 0x7f, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0xf0, 0x7f]];
            let base = base[usize::from(forest.sum == Sum::SourceF64)];
            refused.push(("base infinite", spoil(5, 0, &base)));
        }
        for (name, sections) in &refused {
            let answer = Program::try_from_parts(self.parts(sections.clone()));
            assert!(answer.is_err(), "{name} is refused");
        }
        refused
    }
}

impl Recipe {
    fn build(&self, seed: u64) -> EnsembleParts {
        let mut numbers = Numbers::new(seed);
        let width = if self.vector_leaves { self.outputs } else { 1 };
        let trees = (0..self.trees).map(|tree| self.tree(&mut numbers, tree, width)).collect();
        EnsembleParts {
            schema: schema(self.features, self.outputs, self.label),
            compare_at: self.precision,
            missing_value: None,
            outputs: self.outputs,
            leaf_width: width,
            trees,
            base: (0..self.outputs).map(|k| f64::from(k) * 0.25 - 0.5).collect(),
            sum_at: self.precision,
            average: self.average.then_some(self.trees as u32),
            link: self.link,
        }
    }

    fn tree(&self, numbers: &mut Numbers, number: usize, width: u32) -> Tree {
        let (least, most) = self.splits;
        // the first tree has the largest size, so that all models have one block size
        let count = if number == 0 { most } else { least + numbers.below(most - least + 1) };
        let mut splits: Vec<Split> = Vec::new();
        let mut open: Vec<Option<(usize, bool)>> = vec![None];
        for split in 0..count {
            let parent = open.swap_remove(numbers.below(open.len()));
            splits.push(self.split(numbers));
            attach(&mut splits, parent, Child::Split(split as u32));
            open.push(Some((split, true)));
            open.push(Some((split, false)));
        }
        let root = if count == 0 { Child::Leaf(0) } else { Child::Split(0) };
        for (leaf, parent) in open.into_iter().enumerate() {
            attach(&mut splits, parent, Child::Leaf(leaf as u32));
        }
        let leaves = count + 1;
        let leaf_values = (0..leaves * width as usize).map(|_| self.leaf(numbers)).collect();
        Tree {
            output: if width > 1 { 0 } else { number as u32 % self.outputs },
            root,
            splits,
            leaf_ids: (0..leaves as u32).map(|leaf| 3 * leaf + 1).collect(),
            leaf_values,
        }
    }

    fn leaf(&self, numbers: &mut Numbers) -> f64 {
        let value = match numbers.below(8) {
            0 => 0.0,
            // near the smallest that is accepted
            1 => 1.5 * 2f64.powi(-90),
            _ => numbers.unit() * 2.0,
        };
        if self.precision == Precision::F32 { f64::from(value as f32) } else { value }
    }

    fn split(&self, numbers: &mut Numbers) -> Split {
        let threshold = match numbers.below(10) {
            0 => 0.0,
            1 => f64::from(f32::MAX),
            _ => numbers.below(41) as f64 / 8.0 - 2.5,
        };
        let missing = [
            Missing::NanLeft,
            Missing::NanRight,
            Missing::NanIsZero,
            Missing::ZeroLeft,
            Missing::ZeroRight,
        ];
        Split {
            feature: numbers.below(self.features as usize) as u32,
            threshold,
            compare: [Compare::Less, Compare::LessOrEqual][numbers.below(2)],
            missing: missing[numbers.below(missing.len())],
            left: Child::Leaf(u32::MAX),
            right: Child::Leaf(u32::MAX),
        }
    }
}

fn attach(splits: &mut [Split], parent: Option<(usize, bool)>, child: Child) {
    match parent {
        Some((parent, true)) => splits[parent].left = child,
        Some((parent, false)) => splits[parent].right = child,
        None => {}
    }
}

fn schema(features: u32, outputs: u32, label: LabelRule) -> Schema {
    let classes = match label {
        LabelRule::None => 0,
        LabelRule::Flip { .. } => 2,
        LabelRule::ArgMaxMargin | LabelRule::ArgMaxProbability => outputs,
    };
    Schema {
        features,
        feature_names: None,
        label,
        classes: (0..classes).map(|class| class.to_string()).collect(),
        default_output: Output::Margin,
    }
}
