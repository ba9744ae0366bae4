//! A model called by a rule: cells to the model's columns, its answer back to cells.
//!
//! The model runs as it does alone, on a block of rows. Order keys become floats again by integer
//! arithmetic; answers become order keys, or fixed point by the addition of a constant that brings
//! the units to the lowest bit. Every float here is zero or normal: margins and probabilities are
//! so by the engine's checks, and scaling by a power of two upwards keeps them so.

use crate::error::EvaluateError;
use crate::evaluate::Evaluation;
use crate::kernel::{Source, TILE};
use crate::pipeline::{Into, Kind, Part, Pipeline};
use crate::program::Program;
use crate::rows::{RowValues, Rows, SecretValues};
use crate::rule::{Answer, Cell, Feature, Instruction};
use crate::schema::{Output, Precision};
use crate::scratch::Scratch;
use ops::{Backend, Secret, greater_i64, key_f32, key_f64, select_i64, value_f32, value_f64};
use std::num::NonZeroUsize;

pub(super) struct ModelCall<'a> {
    pipeline: Pipeline<'a>,
    scratch: Scratch,
    rows: Rows,
    values: Values,
}

/// `rows x values` of an answer.
enum Values {
    F32(Secret<Vec<f32>>),
    F64(Secret<Vec<f64>>),
    U32(Secret<Vec<u32>>),
}

/// Bytes of one call's own buffers at most, beside the model's scratch memory.
pub(super) fn call_bytes(instruction: &Instruction) -> u64 {
    match instruction {
        Instruction::Model { features, into, .. } => {
            (features.len() + into.len()) as u64 * 8 * super::RULE_BLOCK as u64
        }
        _ => 0,
    }
}

impl<'a> ModelCall<'a> {
    pub(super) fn new(
        program: &'a Program,
        output: Output,
        rows: usize,
        backend: Backend,
    ) -> Result<Self, EvaluateError> {
        let evaluation = Evaluation { output, backend, threads: NonZeroUsize::MIN, kernel: None };
        let pipeline = Pipeline::new(program, &evaluation, rows)?;
        let features = program.shape().features as usize;
        let zeros = match program.shape().precision {
            Precision::F32 => RowValues::F32(vec![0.0; rows * features]),
            Precision::F64 => RowValues::F64(vec![0.0; rows * features]),
        };
        let count = rows * pipeline.columns();
        let values = match pipeline.kind() {
            Kind::F32 => Values::F32(Secret::new(vec![0.0; count])),
            Kind::F64 => Values::F64(Secret::new(vec![0.0; count])),
            Kind::U32 => Values::U32(Secret::new(vec![0; count])),
        };
        let scratch = Scratch::new(program.shape(), rows.div_ceil(TILE), pipeline.walk(), output);
        Ok(Self { pipeline, scratch, rows: Rows::try_new(features, zeros)?, values })
    }

    pub(super) fn run<'b>(
        &mut self,
        rows: usize,
        features: &[(Cell, Feature)],
        answer: Answer,
        at: &impl Fn(Cell) -> Source<'b>,
        into: &mut [&mut [i64]],
    ) {
        for (column, &(cell, feature)) in features.iter().enumerate() {
            let cell = at(cell);
            let cells = (0..rows).map(|row| cell.at(row));
            match &mut self.rows.values {
                SecretValues::F32(values) => {
                    let values = values.expose_mut()[column..].iter_mut();
                    for (value, cell) in values.step_by(features.len()).zip(cells) {
                        *value = match feature {
                            Feature::Key => value_f32(cell as i32),
                            Feature::Integer => cell as f32,
                        };
                    }
                }
                SecretValues::F64(values) => {
                    let values = values.expose_mut()[column..].iter_mut();
                    for (value, cell) in values.step_by(features.len()).zip(cells) {
                        *value = match feature {
                            Feature::Key => value_f64(cell),
                            Feature::Integer => cell as f64,
                        };
                    }
                }
            }
        }
        let columns = self.pipeline.columns();
        let count = rows * columns;
        let results = match &mut self.values {
            Values::F32(values) => Into::F32(&mut values.expose_mut()[..count]),
            Values::F64(values) => Into::F64(&mut values.expose_mut()[..count]),
            Values::U32(values) => Into::U32(&mut values.expose_mut()[..count]),
        };
        self.pipeline.run(&self.rows, Part { first: 0, rows, into: results }, &mut self.scratch);
        for (column, lane) in into.iter_mut().enumerate() {
            for (row, cell) in lane[..rows].iter_mut().enumerate() {
                let place = row * columns + column;
                *cell = match &self.values {
                    Values::F32(values) => {
                        let value = values.expose()[place];
                        match answer {
                            Answer::Fixed { bits, low, high } => {
                                fixed(f64::from(value), bits, low, high)
                            }
                            _ => i64::from(key_f32(value)),
                        }
                    }
                    Values::F64(values) => {
                        let value = values.expose()[place];
                        match answer {
                            Answer::Fixed { bits, low, high } => fixed(value, bits, low, high),
                            _ => key_f64(value),
                        }
                    }
                    Values::U32(values) => i64::from(values.expose()[place]),
                };
            }
        }
    }
}

/// `value * 2^bits` to the nearest integer, ties to even, within bounds of at most 2^51.
#[inline(always)]
fn fixed(value: f64, bits: u8, low: i64, high: i64) -> i64 {
    // adding 1.5 * 2^52 rounds to whole units and leaves them in the lowest bits
    const UNITS: f64 = 6_755_399_441_055_744.0;
    let scaled = value * f64::from_bits((1023 + u64::from(bits)) << 52);
    let (key, low, high) = (key_f64(scaled), key_f64(low as f64), key_f64(high as f64));
    // by conditional moves: of masks and words the compiler made compares and jumps here
    let key = select_i64(greater_i64(key, high), high, key);
    let key = select_i64(greater_i64(low, key), low, key);
    let units = (value_f64(key) + UNITS).to_bits();
    units.wrapping_sub(UNITS.to_bits()).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::fixed;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn fixed_is_the_nearest_integer(value in -1e9f64..1e9, bits in 0u8..=20) {
            let most = 1 << 51;
            let exact = value * f64::from(1u32 << bits);
            let expected = (exact.round_ties_even() as i64).clamp(-most, most);
            prop_assert_eq!(fixed(value, bits, -most, most), expected);
            prop_assert_eq!(fixed(value, bits, -7, 9), expected.clamp(-7, 9));
        }
    }
}
