//! Is this a program? The public half by name, the secret half by one bit.
//!
//! A program's bytes are hostile: whoever sends them may send anything that the decoder takes.
//! What is checked here is what evaluation relies on: sizes, so that no loop and no allocation is
//! larger than a shape may ask for; indices, so that every lookup finds an entry; the order of
//! thresholds, so that a rank is what it says; magnitudes, so that every partial sum is a normal
//! number or zero, on which float addition takes constant time.

use crate::ensemble::{MAX_FEATURES, MAX_OUTPUTS, MAX_TREES};
use crate::error::ProgramError;
use crate::program::{ForestParameters, Program, RankParameters, RankTables, Step, node_planes};
use crate::rule::{RuleShape, check_rule};
use crate::schema::{Precision, Schema};
use crate::shape::{ForestShape, LANES, RankShape, Shape, StepShape, Sum};
use ops::{Key, Mask, greater_i64, greater_u64, is_zero_u64};

/// Most bytes of parameters a program may have.
pub const MAX_PROGRAM_BYTES: u64 = 8 << 30;

/// Most blocks of a forest, over all sequences.
pub const MAX_BLOCKS: usize = 1 << 26;

/// Checks the public half of a program: every number is within its cap, so that no loop and no
/// allocation that follows from it is larger than a program may ask for.
///
/// # Errors
/// [`ProgramError::Shape`] names the first number that is not valid.
pub fn shape(shape: &Shape, schema: &Schema) -> Result<(), ProgramError> {
    let fault = |what| Err(ProgramError::Shape(what));
    if let [StepShape::Rule(rule)] = shape.steps.as_slice() {
        return rule_program(shape, schema, rule);
    }
    if shape.features == 0 || shape.features > MAX_FEATURES || shape.features != schema.features {
        return fault("features");
    }
    if shape.missing_value.is_some_and(|value| !value.is_finite()) {
        return fault("missing value");
    }
    let (outputs, link) = match shape.steps.as_slice() {
        [StepShape::Rank(rank), StepShape::Forest(forest), StepShape::Link(link)] => {
            forest_shape(rank, forest)?;
            (forest.outputs() as u32, link)
        }
        [StepShape::Linear(linear), StepShape::Link(link)]
            if shape.precision == Precision::F64 && (1..=MAX_OUTPUTS).contains(&linear.outputs) =>
        {
            (linear.outputs, link)
        }
        _ => return fault("steps"),
    };
    let leaf_ids = matches!(
        shape.steps.get(1),
        Some(StepShape::Forest(ForestShape { sum: Sum::LeafIds, .. }))
    );
    if !leaf_ids {
        schema.check(outputs).map_err(|_| ProgramError::Shape("schema"))?;
        link.link.check(outputs).map_err(|_| ProgramError::Shape("link"))?;
        if link.label != schema.label {
            return fault("label");
        }
    }
    let bytes: u64 = crate::program::section_bytes(shape).into_iter().sum();
    if bytes > MAX_PROGRAM_BYTES { fault("size") } else { Ok(()) }
}

/// A rule's program has nothing of a model's beside the rule.
fn rule_program(shape: &Shape, schema: &Schema, rule: &RuleShape) -> Result<(), ProgramError> {
    if *shape != Shape::of_rule(rule.clone()) || *schema != Schema::of_rule() {
        return Err(ProgramError::Shape("rule"));
    }
    check_rule(rule)?;
    let bytes: u64 = crate::program::section_bytes(shape).into_iter().sum();
    if bytes > MAX_PROGRAM_BYTES { Err(ProgramError::Shape("size")) } else { Ok(()) }
}

/// Each factor is capped, so that no product of `section_bytes` overflows.
fn forest_shape(rank: &RankShape, forest: &ForestShape) -> Result<(), ProgramError> {
    let fault = |what| Err(ProgramError::Shape(what));
    if rank.slots == 0 || rank.slots > 1 << 14 || !rank.slots.is_multiple_of(16) {
        return fault("slots");
    }
    if ![15, 31, 63, 127, 255].contains(&rank.thresholds) {
        return fault("thresholds");
    }
    if !(1..=255).contains(&forest.nodes) || forest.skip_bytes > 2 {
        return fault("nodes");
    }
    if forest.trees == 0 || forest.trees as usize > 2 * MAX_TREES {
        return fault("trees");
    }
    let counts = 1..=MAX_BLOCKS as u32;
    if !counts.contains(&forest.sequences)
        || !counts.contains(&forest.blocks)
        || forest.total_blocks() > MAX_BLOCKS
    {
        return fault("blocks");
    }
    if forest.leaf_width == 0 || forest.leaf_width > MAX_OUTPUTS {
        return fault("leaf width");
    }
    if forest.leaf_width > 1 && forest.sequences > 1 {
        return fault("leaf width");
    }
    if forest.sum != Sum::LeafIds && forest.outputs() > MAX_OUTPUTS as usize {
        return fault("outputs");
    }
    if let Sum::Fixed { fraction_bits } = forest.sum
        && fraction_bits > 56
    {
        return fault("fraction bits");
    }
    if forest
        .average
        .is_some_and(|n| n == 0 || n as usize > MAX_TREES || forest.sum == Sum::SourceF32)
    {
        return fault("average");
    }
    let lane_groups = forest.lane_groups();
    let per_group = forest.lane_groups_per_rank_group as usize;
    if per_group == 0 || rank.groups as usize != lane_groups.div_ceil(per_group) {
        return fault("rank groups");
    }
    Ok(())
}

/// Checks the secret half: every parameter is looked at, whatever was found before it.
///
/// # Leaks
/// Nothing beyond the shape; the answer is a mask.
pub(crate) fn parameters(program: &Program) -> Mask {
    let shape = program.shape();
    let mut valid = Mask::yes();
    let mut rank_shape = None;
    for step in program.steps() {
        valid = valid.and(match step {
            Step::Rank(rank, parameters) => {
                rank_shape = Some(*rank);
                match parameters {
                    RankParameters::Narrow(tables) => ranks(rank, shape.features, tables),
                    RankParameters::Wide(tables) => ranks(rank, shape.features, tables),
                }
            }
            Step::Forest(forest, parameters) => match rank_shape {
                Some(rank) => forest_parameters(&rank, forest, parameters),
                None => Mask::no(),
            },
            Step::Linear(_, weights) => linear(weights.expose()),
            Step::Link(_) => Mask::yes(),
            Step::Rule(rule, parameters) => {
                let own = crate::rule::parameters(rule, parameters.values.expose());
                let models = parameters.models.iter().map(self::parameters);
                models.fold(own, Mask::and)
            }
        });
    }
    valid
}

fn ranks<K: Key + Into<i64>>(rank: &RankShape, features: u32, tables: &RankTables<K>) -> Mask {
    let mut valid = Mask::yes();
    for head in tables.heads.expose() {
        for source in head[0].0 {
            let source: i64 = source.into();
            valid = valid.and(greater_u64(u64::from(features), source.cast_unsigned()));
        }
    }
    let thresholds = rank.thresholds as usize;
    let order: Vec<usize> = ops::search_order(thresholds).collect();
    for table in tables.tables.expose().chunks_exact((thresholds + 1) / 16) {
        for pair in order.windows(2) {
            let [before, after] = [pair[0], pair[1]].map(|entry| table[entry / 16].0[entry % 16]);
            valid = valid.and(greater_i64(before.into(), after.into()).not());
        }
    }
    valid
}

fn forest_parameters(
    rank: &RankShape,
    forest: &ForestShape,
    parameters: &ForestParameters,
) -> Mask {
    let mut valid = Mask::yes();
    let planes = node_planes(rank);
    for node in parameters.nodes.expose().chunks_exact(planes) {
        for lane in 0..LANES {
            let page = if planes == 5 { u64::from(node[4].0[lane]) } else { 0 };
            let slot = u64::from(node[0].0[lane]);
            valid = valid.and(greater_u64(LANES as u64, slot));
            valid = valid.and(greater_u64(u64::from(rank.slots), page * LANES as u64 + slot));
        }
    }
    for block in parameters.exits.expose().chunks_exact(forest.exit_planes() * forest.exit_lines())
    {
        let values = &block[forest.skip_bytes as usize * forest.exit_lines()..];
        for value in values.chunks_exact(forest.sum.value_bytes() * forest.exit_lines()) {
            for exit in 0..forest.exit_lines() * LANES {
                let bits = value.iter().skip(exit / LANES).step_by(forest.exit_lines()).enumerate();
                let bits = bits.fold(0, |bits, (plane, line)| {
                    bits | u64::from(line.0[exit % LANES]) << (8 * plane)
                });
                valid = valid.and(magnitude(forest, bits));
            }
        }
    }
    for &bits in parameters.base.expose() {
        valid = valid.and(magnitude(forest, bits));
    }
    valid
}

/// Exponents (biased) that a leaf or base may have, beside zero itself.
///
/// Lowest: f32 2^-100, so that every partial sum is a multiple of 2^-123; f64 2^-900, so that sums
/// are multiples of 2^-952 and stay normal through the average and the link's polynomials. Highest:
/// so that the sum of all trees stays below half the largest number.
fn exponents(forest: &ForestShape) -> (u64, u64) {
    let terms = u64::from(u32::BITS - forest.trees.max(forest.blocks).leading_zeros()) + 1;
    match forest.sum {
        Sum::SourceF32 => (127 - 100, 127 + 126 - terms),
        _ => (1023 - 900, 1023 + 900 - terms),
    }
}

fn magnitude(forest: &ForestShape, bits: u64) -> Mask {
    let (lowest, highest) = exponents(forest);
    match forest.sum {
        Sum::SourceF32 => {
            let exponent = (bits >> 23) & 0xff;
            let zero = is_zero_u64(bits & 0x7fff_ffff);
            let fits = greater_u64(lowest, exponent).or(greater_u64(exponent, highest)).not();
            zero.or(fits).and(is_zero_u64(bits >> 32))
        }
        Sum::SourceF64 => {
            let exponent = (bits >> 52) & 0x7ff;
            let fits = greater_u64(lowest, exponent).or(greater_u64(exponent, highest)).not();
            is_zero_u64(bits << 1).or(fits)
        }
        // integers: any value adds in constant time, and wrapping cannot hurt anyone but the owner
        Sum::Fixed { .. } | Sum::LeafIds => Mask::yes(),
    }
}

/// Does a leaf or base of this value keep the sum on normal numbers? For the model's owner.
pub(crate) fn magnitude_fits_vartime(forest: &ForestShape, value: f64) -> bool {
    let bits = match forest.sum {
        Sum::SourceF32 => u64::from((value as f32).to_bits()),
        _ => value.to_bits(),
    };
    magnitude(forest, bits).declassify()
}

fn linear(weights: &[u64]) -> Mask {
    let (low, high) = crate::linear::LINEAR_MAGNITUDE;
    let mut valid = Mask::yes();
    for &bits in weights {
        let size = bits & (u64::MAX >> 1);
        let fits = greater_u64(low.to_bits(), size).or(greater_u64(size, high.to_bits())).not();
        valid = valid.and(is_zero_u64(size).or(fits));
    }
    valid
}
