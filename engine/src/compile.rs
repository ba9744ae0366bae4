//! From a model to a program: the owner's own work, on the owner's machine, in any time it takes.
//!
//! 1. Every split becomes one integer rule: right when `key(x) >= right_from` ([`plain`]).
//! 2. Trees are cut into blocks of connected nodes, or stay whole ([`blocks`]).
//! 3. The thresholds of each rank group are dealt to slots ([`slots`]).
//! 4. Nodes, exits and slots are laid out in planes of the rounded shape ([`layout`]).

mod blocks;
mod layout;
mod plain;
mod slots;

use crate::ensemble::{Ensemble, EnsembleParts};
use crate::error::CompileError;
use crate::linear::{Linear, Model};
use crate::program::{Program, Step};
use crate::schema::Precision;
use crate::shape::{
    ForestShape, LinearShape, LinkShape, Profile, RankShape, Shape, ShapeClass, StepShape, Sum,
    round_count,
};
use blocks::Cut;
use ops::Secret;

/// How the leaves are added up.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum SumMode {
    /// As the model's library does, to the last bit.
    #[default]
    Source,
    /// In 64-bit integers. Trees only.
    Fixed,
}

/// What the program is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Purpose {
    /// Margins, and what the link makes of them.
    #[default]
    Scores,
    /// The number of each tree's leaf.
    LeafIds,
}

/// Choices of whoever compiles. All of them are public.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct CompileOptions {
    /// What the trace may depend on.
    pub profile: Profile,
    /// Whether the shape is rounded to published sizes.
    pub class: ShapeClass,
    /// How the leaves are added up.
    pub sum: SumMode,
    /// What the program is for.
    pub purpose: Purpose,
    /// The precision of the rows, if other than the model compares at. A model that compares at
    /// f64 decides the same on f32 rows with thresholds rounded to f32.
    pub precision: Option<Precision>,
}

impl Default for CompileOptions {
    fn default() -> Self {
        Self {
            profile: Profile::Strict,
            class: ShapeClass::Auto,
            sum: SumMode::Source,
            purpose: Purpose::Scores,
            precision: None,
        }
    }
}

/// Compiles a model.
///
/// # Errors
/// Names what the model has that a program cannot hold, and what to do.
pub fn compile(model: &Model, options: &CompileOptions) -> Result<Program, CompileError> {
    match model {
        Model::Ensemble(ensemble) => compile_ensemble(ensemble, options),
        Model::Linear(linear) => compile_linear(linear, options),
    }
}

fn compile_ensemble(
    ensemble: &Ensemble,
    options: &CompileOptions,
) -> Result<Program, CompileError> {
    let parts = ensemble.parts();
    let precision = match (parts.compare_at, options.precision) {
        (Precision::F32, Some(Precision::F64)) => return Err(CompileError::Precision),
        (own, asked) => asked.unwrap_or(own),
    };
    let (sum, leaf_width) = match (options.purpose, options.sum, parts.sum_at) {
        (Purpose::LeafIds, ..) => (Sum::LeafIds, 1),
        (_, SumMode::Fixed, _) => (fixed_sum(parts)?, parts.leaf_width),
        (_, SumMode::Source, Precision::F32) => (Sum::SourceF32, parts.leaf_width),
        (_, SumMode::Source, Precision::F64) => (Sum::SourceF64, parts.leaf_width),
    };
    let average = if sum == Sum::LeafIds { None } else { parts.average };

    let plan = blocks::cut_forest(&parts.trees, exit_bytes(sum, leaf_width), options.class)?;
    let sequences = match (sum, leaf_width) {
        (Sum::LeafIds, _) => (0..parts.trees.len()).map(|tree| vec![tree]).collect(),
        (_, 1) => trees_by_output(parts),
        _ => vec![(0..parts.trees.len()).collect::<Vec<_>>()],
    };
    let longest = sequences
        .iter()
        .map(|trees| trees.iter().map(|&tree| plan.trees[tree].len()).sum::<usize>())
        .max()
        .unwrap_or(0)
        .max(1);
    let rounded = |n: usize| if options.class == ShapeClass::Auto { round_count(n) } else { n };
    let mut forest = ForestShape {
        trees: rounded(parts.trees.len().max(1)) as u32,
        sequences: sequences.len().max(1) as u32,
        blocks: rounded(longest) as u32,
        nodes: plan.nodes as u32,
        skip_bytes: plan.skip_bytes as u32,
        leaf_width,
        lane_groups_per_rank_group: 1,
        sum,
        average,
    };
    check_magnitudes(parts, &forest)?;

    let lanes = layout::lanes(&forest, &sequences, &plan);
    let splits = plain::Splits::new(parts, precision);
    let slots = slots::deal(&splits, &lanes, &forest, parts.schema.features, options.class)?;
    forest.lane_groups_per_rank_group = slots.lane_groups_per_group as u32;
    let rank = RankShape {
        groups: slots.groups.len() as u32,
        slots: slots.slots as u32,
        thresholds: slots.thresholds as u32,
    };
    let link = LinkShape { link: parts.link, label: parts.schema.label };
    let shape = Shape {
        profile: options.profile,
        class: options.class,
        features: parts.schema.features,
        precision,
        missing_value: parts.missing_value,
        steps: vec![StepShape::Rank(rank), StepShape::Forest(forest), StepShape::Link(link)],
    };
    let bytes: u64 = crate::program::section_bytes(&shape).into_iter().sum();
    if bytes > crate::check::MAX_PROGRAM_BYTES {
        return Err(CompileError::TooLarge { bytes, cap: crate::check::MAX_PROGRAM_BYTES });
    }
    let steps = vec![
        Step::Rank(rank, layout::rank_parameters(&rank, &slots, &splits, precision)),
        Step::Forest(
            forest,
            layout::forest_parameters(parts, &forest, &rank, &lanes, &slots, &splits),
        ),
        Step::Link(link),
    ];
    Ok(Program::new(shape, parts.schema.clone(), steps))
}

fn exit_bytes(sum: Sum, leaf_width: u32) -> usize {
    sum.value_bytes() * leaf_width as usize
}

/// The trees of each output, in the library's order.
fn trees_by_output(parts: &EnsembleParts) -> Vec<Vec<usize>> {
    let mut sequences = vec![Vec::new(); parts.outputs as usize];
    for (index, tree) in parts.trees.iter().enumerate() {
        sequences[tree.output as usize].push(index);
    }
    sequences
}

/// As many fraction bits, in eights, as leave the largest possible sum below 2^61 units. Rounding
/// adds half a unit for each of at most 2^20 leaves, so that sums of integers stay below 2^62.
fn fixed_sum(parts: &EnsembleParts) -> Result<Sum, CompileError> {
    let largest_leaf = |values: &[f64]| values.iter().fold(0.0f64, |m, v| m.max(v.abs()));
    let bound: f64 = largest_leaf(&parts.base)
        + parts.trees.iter().map(|tree| largest_leaf(&tree.leaf_values)).sum::<f64>();
    (0..=56u8)
        .rev()
        .step_by(8)
        .find(|&bits| bound * f64::from(bits).exp2() < 61f64.exp2())
        .map(|fraction_bits| Sum::Fixed { fraction_bits })
        .ok_or(CompileError::FixedRange)
}

fn check_magnitudes(parts: &EnsembleParts, forest: &ForestShape) -> Result<(), CompileError> {
    if forest.sum == Sum::LeafIds {
        return Ok(());
    }
    let fits = |value: &f64| crate::check::magnitude_fits_vartime(forest, *value);
    if !parts.base.iter().all(fits) {
        return Err(CompileError::BaseMagnitude);
    }
    match parts.trees.iter().position(|tree| !tree.leaf_values.iter().all(fits)) {
        Some(tree) => Err(CompileError::LeafMagnitude { tree }),
        None => Ok(()),
    }
}

fn compile_linear(linear: &Linear, options: &CompileOptions) -> Result<Program, CompileError> {
    let parts = linear.parts();
    if options.purpose == Purpose::LeafIds {
        return Err(CompileError::NoLeaves);
    }
    // `fixed` promises integers only: a dot product of floats must not pass for it
    if options.sum == SumMode::Fixed {
        return Err(CompileError::FixedLinear);
    }
    let features = parts.schema.features as usize;
    let weights = parts
        .coefficients
        .chunks_exact(features)
        .zip(&parts.intercepts)
        .flat_map(|(row, intercept)| row.iter().chain(std::iter::once(intercept)))
        .map(|weight| weight.to_bits())
        .collect();
    let shape_of_linear = LinearShape { outputs: parts.outputs };
    let link = LinkShape { link: parts.link, label: parts.schema.label };
    let shape = Shape {
        profile: options.profile,
        class: options.class,
        features: parts.schema.features,
        precision: Precision::F64,
        missing_value: None,
        steps: vec![StepShape::Linear(shape_of_linear), StepShape::Link(link)],
    };
    let steps = vec![Step::Linear(shape_of_linear, Secret::new(weights)), Step::Link(link)];
    Ok(Program::new(shape, parts.schema.clone(), steps))
}

/// A forest cut into blocks.
pub(crate) struct Plan {
    /// The blocks of each tree, in preorder of their roots.
    pub(crate) trees: Vec<Vec<Cut>>,
    /// Nodes per block.
    pub(crate) nodes: usize,
    /// Bytes of the skip counter.
    pub(crate) skip_bytes: usize,
}
