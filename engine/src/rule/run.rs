//! A rule and its inputs to results.
//!
//! All memory is allocated from the shape before the first cell is read. Blocks of rows run one
//! after the other; the last one is shorter, so the trace knows the number of rows and no cell.

mod model;

use super::{Cell, Fold, Instruction, Number, Per, RULE_BLOCK, RuleShape, Section};
use crate::error::{EvaluateError, ProgramError};
use crate::kernel::{
    Raw, Source, rule_binary, rule_divide, rule_fold, rule_fold_first, rule_load, rule_lookup,
    rule_member, rule_select, rule_wide, rule_wide_member,
};
use crate::program::{Program, RuleParameters, Step};
use crate::scratch::Scratch;
use model::ModelCall;
use ops::{Backend, Secret, prefetch};

/// One column of secret cells, before it is loaded.
pub enum RuleColumn {
    /// Integers, fixed-point numbers, truth values (0 or 1), quarters of 256-bit numbers.
    I64(Vec<i64>),
    /// Floats.
    F32(Vec<f32>),
    /// Floats.
    F64(Vec<f64>),
}

enum SecretColumn {
    I64(Secret<Vec<i64>>),
    F32(Secret<Vec<f32>>),
    F64(Secret<Vec<f64>>),
}

impl SecretColumn {
    /// Brings the cells of the block from `first` on near, while this block is computed. A CPU's own
    /// prefetching stops at the end of a page, which a block of cells is.
    fn prefetch(&self, first: usize) {
        fn block<T>(cells: &[T], first: usize) {
            prefetch(&cells[first.min(cells.len())..(first + RULE_BLOCK).min(cells.len())]);
        }
        match self {
            SecretColumn::I64(cells) => block(cells.expose(), first),
            SecretColumn::F32(cells) => block(cells.expose(), first),
            SecretColumn::F64(cells) => block(cells.expose(), first),
        }
    }
}

/// What the parties bring: columns in the order of the rule's inputs.
pub struct RuleInputs {
    rows: usize,
    columns: Vec<SecretColumn>,
}

impl RuleInputs {
    /// Takes columns into custody; they are wiped on drop.
    ///
    /// # Leaks
    /// The number of columns and rows.
    pub fn new(rows: usize, columns: Vec<RuleColumn>) -> Self {
        let secret = |column| match column {
            RuleColumn::I64(cells) => SecretColumn::I64(Secret::new(cells)),
            RuleColumn::F32(cells) => SecretColumn::F32(Secret::new(cells)),
            RuleColumn::F64(cells) => SecretColumn::F64(Secret::new(cells)),
        };
        Self { rows, columns: columns.into_iter().map(secret).collect() }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    fn fit(&self, rule: &RuleShape) -> Result<(), EvaluateError> {
        if self.columns.len() != rule.inputs.len() {
            let (found, expected) = (self.columns.len(), rule.inputs.len());
            return Err(EvaluateError::Features { found, expected });
        }
        if self.rows == 0 || self.rows as u64 > rule.most_rows {
            return Err(EvaluateError::Rows { found: self.rows as u64, most: rule.most_rows });
        }
        for (column, input) in self.columns.iter().zip(&rule.inputs) {
            let (length, precision) = match column {
                SecretColumn::I64(cells) => {
                    (cells.expose().len(), matches!(input.number, Number::Integer | Number::Truth))
                }
                SecretColumn::F32(cells) => (cells.expose().len(), input.number == Number::F32),
                SecretColumn::F64(cells) => (cells.expose().len(), input.number == Number::F64),
            };
            let expected = if input.per == Per::Row { self.rows } else { 1 };
            if length != expected {
                return Err(EvaluateError::Ragged { values: length, features: expected });
            }
            if !precision {
                return Err(EvaluateError::Precision);
            }
        }
        Ok(())
    }
}

/// What an evaluation hands out: each cell is for the party that the rule's face names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RuleResults {
    /// `row outputs x rows` cells.
    pub rows: Vec<Vec<i64>>,
    /// One cell for each output that stands once.
    pub once: Vec<i64>,
    /// For each column, how many of its cells were outside its range: for the column's owner only.
    pub clamped: Vec<u64>,
    /// Steps that ran: a function of the shape and the number of rows.
    pub steps: u64,
}

/// Evaluates a rule.
///
/// # Leaks
/// The shape, the number of rows, and the backend. The results are declassified: releasing them,
/// each to its party, is what the caller asks for.
///
/// # Errors
/// Where the inputs do not fit the rule; before any cell is read.
pub fn evaluate_rule(
    program: &Program,
    inputs: &RuleInputs,
    backend: Backend,
) -> Result<RuleResults, EvaluateError> {
    let [Step::Rule(rule, parameters)] = program.steps() else {
        return Err(EvaluateError::Output);
    };
    inputs.fit(rule)?;
    let mut results = RuleResults {
        rows: vec![vec![0; inputs.rows]; rule.row_outputs as usize],
        once: Vec::new(),
        clamped: vec![0; rule.inputs.len()],
        steps: 0,
    };
    let mut scalars = first_scalars(rule, parameters);
    let scalars = scalars.expose_mut();
    let mut run = |section: &Section, most: usize, rows: usize| -> Result<(), EvaluateError> {
        let mut memory = Secret::new(vec![0; lane_words(section, most)]);
        let lanes = lanes(section, most, memory.expose_mut());
        let mut machine = Machine::new(rule, parameters, inputs, section, lanes, backend)?;
        start_folds(section, scalars);
        for first in (0..rows).step_by(RULE_BLOCK) {
            machine.block(first, most.min(rows - first), scalars, &mut results);
        }
        Ok(())
    };
    run(&rule.setup, 1, 1)?;
    run(&rule.rows, RULE_BLOCK, inputs.rows)?;
    run(&rule.finish, 1, 1)?;
    // Declassified: these scalars are what the rule releases.
    results.once = rule.once_outputs.iter().map(|&scalar| scalars[scalar as usize]).collect();
    Ok(results)
}

/// Bytes that an evaluation allocates before it reads a cell, beside its inputs and results.
pub(crate) fn scratch_bytes(rule: &RuleShape) -> u64 {
    let lanes = |section: &Section, rows: usize| lane_words(section, rows) as u64 * 8;
    let sections = rule.sections().into_iter().zip([1, RULE_BLOCK, 1]);
    let models = rule.models.iter().map(|(shape, _)| Scratch::bytes(shape));
    let calls = |section: &Section| section.code.iter().map(model::call_bytes).sum::<u64>();
    u64::from(rule.scalars) * 8
        + sections.map(|(section, rows)| lanes(section, rows) + calls(section)).sum::<u64>()
        + models.sum::<u64>()
}

/// Cells of a cache line.
const CACHE_LINE: usize = 8;
/// Cells between the end of a block's lane and the next lane: nine cache lines. Without them all lanes
/// would have the same lowest twelve bits of address, and a CPU holds back a load that seems to be of
/// what was just stored.
const APART: usize = 9 * CACHE_LINE;

/// Cells from one lane to the next.
fn lane_stride(rows: usize) -> usize {
    if rows == 1 { 1 } else { rows + APART }
}

/// Cells that are allocated for a section's lanes.
fn lane_words(section: &Section, rows: usize) -> usize {
    section.lanes as usize * lane_stride(rows) + CACHE_LINE
}

/// A section's lanes, the first one from the start of a cache line on.
fn lanes<'a>(section: &Section, rows: usize, memory: &'a mut [i64]) -> Vec<&'a mut [i64]> {
    let start = memory.as_ptr().align_offset(CACHE_LINE * size_of::<i64>()).min(CACHE_LINE);
    let strides = memory[start..].chunks_exact_mut(lane_stride(rows));
    strides.take(section.lanes as usize).map(|lane| &mut lane[..rows]).collect()
}

/// Constants, then parameters, then zeros.
fn first_scalars(rule: &RuleShape, parameters: &RuleParameters) -> Secret<Vec<i64>> {
    let mut scalars = Vec::with_capacity(rule.scalars as usize);
    scalars.extend_from_slice(&rule.constants);
    scalars.extend_from_slice(parameters.values.expose());
    scalars.resize(rule.scalars as usize, 0);
    Secret::new(scalars)
}

/// Each fold starts at the cell that changes nothing.
fn start_folds(section: &Section, scalars: &mut [i64]) {
    for instruction in &section.code {
        match *instruction {
            Instruction::Fold { fold, into, .. } => {
                scalars[into as usize] = match fold {
                    Fold::Sum | Fold::Or => 0,
                    Fold::And => -1,
                    Fold::Min => i64::MAX,
                    Fold::Max => i64::MIN,
                };
            }
            Instruction::FoldFirst { best, row, .. } => {
                (scalars[best as usize], scalars[row as usize]) = (0, -1);
            }
            _ => {}
        }
    }
}

/// One section at work.
struct Machine<'a> {
    inputs: &'a RuleInputs,
    rule: &'a RuleShape,
    section: &'a Section,
    backend: Backend,
    lanes: Vec<&'a mut [i64]>,
    /// One for each model instruction, in order.
    calls: Vec<ModelCall<'a>>,
}

impl<'a> Machine<'a> {
    fn new(
        rule: &'a RuleShape,
        parameters: &'a RuleParameters,
        inputs: &'a RuleInputs,
        section: &'a Section,
        lanes: Vec<&'a mut [i64]>,
        backend: Backend,
    ) -> Result<Self, EvaluateError> {
        let rows = lanes.first().map_or(1, |lane| lane.len());
        let mut calls = Vec::new();
        for instruction in &section.code {
            if let Instruction::Model { model, output, .. } = instruction {
                let program = &parameters.models[*model as usize];
                calls.push(ModelCall::new(program, *output, rows, backend)?);
            }
        }
        Ok(Self { inputs, rule, section, backend, lanes, calls })
    }

    /// Runs the section on `rows` rows from `first` on. The lanes are left as they fall: every one
    /// is written again before it is read.
    fn block(&mut self, first: usize, rows: usize, scalars: &mut [i64], results: &mut RuleResults) {
        let backend = self.backend;
        let lanes = &mut self.lanes;
        let mut calls = self.calls.iter_mut();
        for instruction in &self.section.code {
            // the targets leave the lanes while the operands are read; no operand is a target
            let mut single: &mut [i64] = &mut [];
            let mut several: Vec<&mut [i64]> = Vec::new();
            match instruction.targets() {
                [target] => single = std::mem::take(&mut lanes[*target as usize]),
                targets => {
                    let taken = targets.iter().map(|&t| std::mem::take(&mut lanes[t as usize]));
                    several.extend(taken);
                }
            }
            let at = |cell: Cell| match cell {
                Cell::Lane(lane) => Source::Lane(lanes[lane as usize]),
                Cell::Scalar(scalar) => Source::One(scalars[scalar as usize]),
            };
            let only = if single.is_empty() { &mut [][..] } else { &mut single[..rows] };
            results.steps += 1;
            match instruction {
                Instruction::Load { column, .. } => {
                    let input = self.rule.inputs[*column as usize];
                    let raw =
                        raw(&self.inputs.columns[*column as usize], input.number, first, rows);
                    let outside = rule_load(backend, raw, input.low, input.high, only);
                    results.clamped[*column as usize] += outside;
                    self.inputs.columns[*column as usize].prefetch(first + rows);
                }
                Instruction::Binary { op, a, b, .. } => {
                    rule_binary(backend, *op, at(*a), at(*b), only);
                }
                Instruction::Select { mask, yes, no, .. } => {
                    rule_select(backend, at(*mask), at(*yes), at(*no), only);
                }
                Instruction::Divide { a, by, rounding, .. } => {
                    rule_divide(backend, at(*a), *by, *rounding, only);
                }
                Instruction::Lookup { index, from, .. } => {
                    only.fill(0);
                    for (place, &entry) in from.iter().enumerate() {
                        rule_lookup(backend, at(*index), place, at(entry), only);
                    }
                    results.steps += from.len() as u64 - 1;
                }
                Instruction::Member { a, of, .. } => {
                    only.fill(0);
                    for &entry in of {
                        rule_member(backend, at(*a), at(entry), only);
                    }
                    results.steps += of.len() as u64 - 1;
                }
                Instruction::WideMember { a, of, .. } => {
                    only.fill(0);
                    for entry in of {
                        rule_wide_member(backend, a.map(at), entry.map(at), only);
                    }
                    results.steps += of.len() as u64 - 1;
                }
                Instruction::Wide { op, a, b, .. } => {
                    let (a, b) = (a.map(at), b.map(at));
                    if several.is_empty() {
                        rule_wide(backend, *op, a, b, &mut [only]);
                    } else {
                        let mut into: Vec<&mut [i64]> =
                            several.iter_mut().map(|lane| &mut lane[..rows]).collect();
                        rule_wide(backend, *op, a, b, &mut into);
                    }
                }
                Instruction::Model { features, answer, .. } => {
                    if let Some(call) = calls.next() {
                        let into = match several.as_mut_slice() {
                            [] => std::slice::from_mut(&mut single),
                            several => several,
                        };
                        call.run(rows, features, *answer, &at, into);
                    }
                }
                Instruction::Fold { fold, a, into } => {
                    let start = scalars[*into as usize];
                    let folded = rule_fold(backend, *fold, start, at(*a), rows);
                    scalars[*into as usize] = folded;
                }
                Instruction::FoldFirst { fold, a, best, row } => {
                    let start = (scalars[*best as usize], scalars[*row as usize]);
                    let folded = rule_fold_first(backend, *fold, start, at(*a), first, rows);
                    (scalars[*best as usize], scalars[*row as usize]) = folded;
                }
                Instruction::Emit { a, output } => {
                    // Declassified: this cell is what the rule releases.
                    let released = &mut results.rows[*output as usize][first..first + rows];
                    match at(*a) {
                        Source::Lane(cells) => released.copy_from_slice(&cells[..rows]),
                        Source::One(cell) => released.fill(cell),
                    }
                }
            }
            match instruction.targets() {
                [target] => lanes[*target as usize] = single,
                targets => {
                    for (&target, lane) in targets.iter().zip(several) {
                        lanes[target as usize] = lane;
                    }
                }
            }
        }
    }
}

fn raw(column: &SecretColumn, number: Number, first: usize, rows: usize) -> Raw<'_> {
    match column {
        SecretColumn::I64(cells) if number == Number::Truth => {
            Raw::Truth(&cells.expose()[first..first + rows])
        }
        SecretColumn::I64(cells) => Raw::Integer(&cells.expose()[first..first + rows]),
        SecretColumn::F32(cells) => Raw::F32(&cells.expose()[first..first + rows]),
        SecretColumn::F64(cells) => Raw::F64(&cells.expose()[first..first + rows]),
    }
}

impl RuleParameters {
    /// The models' programs, checked, and the parameters' words.
    pub(crate) fn read<'a>(
        rule: &RuleShape,
        next: &mut impl FnMut() -> &'a [u8],
    ) -> Result<Self, ProgramError> {
        let (words, rest) = next().as_chunks::<8>();
        if !rest.is_empty() {
            return Err(ProgramError::SectionLength);
        }
        let values = words.iter().map(|&word| i64::from_le_bytes(word)).collect();
        let mut models = Vec::with_capacity(rule.models.len());
        for (shape, schema) in &rule.models {
            models.push(Program::read(shape.clone(), schema.clone(), next)?);
        }
        Ok(Self { values: Secret::new(values), models })
    }
}
