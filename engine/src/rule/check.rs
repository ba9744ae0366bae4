//! Is this a rule? The public half by name, the parameters by a mask.
//!
//! What evaluation relies on: every index is in range; a lane is written before it is read, so that
//! no block sees another block's cells; no instruction reads the lane that it writes; a scalar is
//! written by one fold and read in later sections only; each column is loaded once and each output
//! released once; models take what they are given.

use super::{
    Answer, Cell, Feature, Fold, Instruction, MAX_RULE_LANES, MAX_RULE_MODELS, MAX_RULE_OPERANDS,
    MAX_RULE_ROWS, MAX_RULE_SCALARS, Number, Per, RuleShape, Section, ValueFace, Wide,
};
use crate::check;
use crate::ensemble::MAX_FEATURES;
use crate::error::ProgramError;
use crate::evaluate::shape_outputs;
use crate::schema::{MAX_NAME, Output};
use crate::shape::{Profile, Shape, StepShape};
use ops::{Mask, greater_i64};

/// Checks the public half of a rule.
///
/// # Errors
/// [`ProgramError::Shape`] names what is not valid.
pub(crate) fn rule(rule: &RuleShape) -> Result<(), ProgramError> {
    let fault = |what| Err(ProgramError::Shape(what));
    if rule.most_rows == 0 || rule.most_rows > MAX_RULE_ROWS {
        return fault("most rows");
    }
    let known = rule.constants.len() as u64 + rule.parameters.len() as u64;
    if rule.scalars > MAX_RULE_SCALARS || known > u64::from(rule.scalars) {
        return fault("scalars");
    }
    if rule.parameters.iter().any(|(low, high)| low > high) {
        return fault("parameter range");
    }
    if rule.inputs.len() > MAX_FEATURES as usize || rule.row_outputs > MAX_FEATURES {
        return fault("columns");
    }
    for input in &rule.inputs {
        let truth = input.number != Number::Truth || (input.low >= 0 && input.high <= 1);
        let narrow = input.number != Number::F32
            || (i32::try_from(input.low).is_ok() && i32::try_from(input.high).is_ok());
        if input.low > input.high || !truth || !narrow {
            return fault("input range");
        }
    }
    if rule.models.len() > MAX_RULE_MODELS {
        return fault("models");
    }
    for (shape, schema) in &rule.models {
        if shape.profile != Profile::Strict
            || shape.steps.iter().any(|step| matches!(step, StepShape::Rule(_)))
        {
            return fault("model in a rule");
        }
        check::shape(shape, schema)?;
    }
    face(rule)?;
    code(rule)
}

/// The names fit the columns.
fn face(rule: &RuleShape) -> Result<(), ProgramError> {
    let face = &rule.face;
    let fault = Err(ProgramError::Shape("names"));
    let values = || face.inputs.iter().chain(&face.parameters).chain(&face.outputs);
    let long = |name: &String| name.len() > MAX_NAME;
    if face.parties.len() > MAX_FEATURES as usize
        || face.parties.iter().any(long)
        || values().any(|value| {
            long(&value.name)
                || value.party as usize >= face.parties.len()
                || value.length.is_some_and(|length| length == 0 || length > MAX_RULE_SCALARS)
                || matches!(value.kind, super::Kind::Fixed(bits) if bits > 62)
        })
    {
        return fault;
    }
    let cells = |values: &mut dyn Iterator<Item = &ValueFace>| -> u64 {
        values.map(|value| value.cells() as u64).sum()
    };
    let mut place = rule.inputs.iter();
    for value in &face.inputs {
        for _ in 0..value.cells() {
            if place.next().is_none_or(|input| input.per != value.per) {
                return fault;
            }
        }
    }
    let of = |per| cells(&mut face.outputs.iter().filter(|value| value.per == per));
    if place.next().is_some()
        || cells(&mut face.parameters.iter()) != rule.parameters.len() as u64
        || of(Per::Row) != u64::from(rule.row_outputs)
        || of(Per::Once) != rule.once_outputs.len() as u64
    {
        return fault;
    }
    Ok(())
}

/// Which scalars hold what, as the sections run.
struct Scalars {
    /// May be read in the section that is being checked.
    readable: Vec<bool>,
    /// Is the target of some fold.
    written: Vec<bool>,
}

fn code(rule: &RuleShape) -> Result<(), ProgramError> {
    let fault = |what| Err(ProgramError::Shape(what));
    let operands = |section: &Section| -> usize {
        let size = |i: &Instruction| 1 + i.operands().len() + i.targets().len();
        section.code.iter().map(size).sum()
    };
    if rule.sections().into_iter().map(operands).sum::<usize>() > MAX_RULE_OPERANDS {
        return fault("instructions");
    }
    let known = rule.constants.len() + rule.parameters.len();
    let mut scalars = Scalars {
        readable: (0..rule.scalars as usize).map(|scalar| scalar < known).collect(),
        written: (0..rule.scalars as usize).map(|scalar| scalar < known).collect(),
    };
    let mut loaded = vec![false; rule.inputs.len()];
    let mut emitted = vec![false; rule.row_outputs as usize];
    for (number, part) in rule.sections().into_iter().enumerate() {
        let per = if number == 1 { Per::Row } else { Per::Once };
        section(rule, part, &mut scalars)?;
        for instruction in &part.code {
            let once = |seen: &mut Vec<bool>, index: u32| {
                let seen = seen.get_mut(index as usize)?;
                (!std::mem::replace(seen, true)).then_some(())
            };
            let fits = match *instruction {
                Instruction::Load { column, .. } => once(&mut loaded, column)
                    .filter(|()| number < 2 && rule.inputs[column as usize].per == per),
                Instruction::Emit { output, .. } => {
                    once(&mut emitted, output).filter(|()| per == Per::Row)
                }
                _ => Some(()),
            };
            if fits.is_none() {
                return fault("columns");
            }
        }
        scalars.readable.clone_from(&scalars.written);
    }
    if loaded.contains(&false) || emitted.contains(&false) {
        return fault("columns");
    }
    if rule.once_outputs.iter().any(|&scalar| scalars.written.get(scalar as usize) != Some(&true)) {
        return fault("outputs");
    }
    Ok(())
}

fn section(rule: &RuleShape, part: &Section, scalars: &mut Scalars) -> Result<(), ProgramError> {
    let fault = |what| Err(ProgramError::Shape(what));
    if part.lanes > MAX_RULE_LANES {
        return fault("lanes");
    }
    let mut written = vec![false; part.lanes as usize];
    // the last instruction, counted from 1, that reads or writes a lane
    let mut touched = vec![0; part.lanes as usize];
    for (number, instruction) in part.code.iter().enumerate() {
        let operands = instruction.operands();
        let readable = |cell: &Cell| match *cell {
            Cell::Lane(lane) => written.get(lane as usize) == Some(&true),
            Cell::Scalar(scalar) => scalars.readable.get(scalar as usize) == Some(&true),
        };
        if !operands.iter().all(readable) {
            return fault("operands");
        }
        for cell in operands {
            if let Cell::Lane(lane) = cell {
                touched[lane as usize] = number + 1;
            }
        }
        for &target in instruction.targets() {
            match touched.get_mut(target as usize) {
                Some(last) if *last <= number => *last = number + 1,
                _ => return fault("targets"),
            }
            written[target as usize] = true;
        }
        let folded = match *instruction {
            Instruction::Fold { into, .. } => vec![into],
            Instruction::FoldFirst { best, row, .. } => vec![best, row],
            _ => Vec::new(),
        };
        for scalar in folded {
            match scalars.written.get_mut(scalar as usize) {
                Some(seen) if !*seen => *seen = true,
                _ => return fault("folds"),
            }
        }
        instruction_fits(rule, instruction)?;
    }
    Ok(())
}

fn instruction_fits(rule: &RuleShape, instruction: &Instruction) -> Result<(), ProgramError> {
    let fits = match instruction {
        Instruction::Divide { by, .. } => *by != 0,
        Instruction::Lookup { from: of, .. } | Instruction::Member { of, .. } => !of.is_empty(),
        Instruction::WideMember { of, .. } => !of.is_empty(),
        Instruction::Wide { op: Wide::Less | Wide::Equal, into, .. } => into.len() == 1,
        Instruction::Wide { into, .. } => into.len() == 5,
        Instruction::FoldFirst { fold, .. } => matches!(fold, Fold::Min | Fold::Max),
        Instruction::Model { model, output, features, answer, into } => rule
            .models
            .get(*model as usize)
            .is_some_and(|(shape, _)| model_fits(shape, *output, features, *answer, into.len())),
        _ => true,
    };
    if fits { Ok(()) } else { Err(ProgramError::Shape("instruction")) }
}

fn model_fits(
    shape: &Shape,
    output: Output,
    features: &[(Cell, Feature)],
    answer: Answer,
    values: usize,
) -> bool {
    // magnitudes below 2^51 are what the conversion to fixed point is exact on
    const MOST: i64 = 1 << 51;
    let answers = match answer {
        Answer::Key => output != Output::Label,
        Answer::Class => output == Output::Label,
        Answer::Fixed { bits, low, high } => {
            output != Output::Label && bits <= 48 && low <= high && low >= -MOST && high <= MOST
        }
    };
    answers
        && output != Output::Leaf
        && shape_outputs(shape).contains(&output)
        && features.len() == shape.features as usize
        && values == if output == Output::Label { 1 } else { model_outputs(shape) }
}

/// Values for each row of a model's answer, unless it is a label.
pub(crate) fn model_outputs(shape: &Shape) -> usize {
    shape.steps.iter().fold(0, |found, step| match step {
        StepShape::Forest(forest) => forest.outputs(),
        StepShape::Linear(linear) => linear.outputs as usize,
        _ => found,
    })
}

/// Are the parameters in their ranges? All of them are looked at.
///
/// # Leaks
/// Nothing beyond the shape; the answer is a mask.
pub(crate) fn parameters(rule: &RuleShape, values: &[i64]) -> Mask {
    let mut valid = Mask::yes();
    for (&value, &(low, high)) in values.iter().zip(&rule.parameters) {
        valid = valid.and(greater_i64(low, value).not()).and(greater_i64(value, high).not());
    }
    valid
}
