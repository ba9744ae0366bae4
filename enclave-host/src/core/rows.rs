//! From bytes of one or several senders to the rows that a program reads, every value checked.

use super::Core;
use crate::rule_inputs::once_is_constant;
use crate::values::{allowed_f32, allowed_f64};
use crate::world::Store;
use engine::shape::StepShape;
use engine::{Backend, Precision, RowValues, Rows, Secret};
use ops::Mask;
use protocol::agreement::{AgreementParts, Column, Form, Whom};
use protocol::message::{BatchId, RawRows};
use protocol::{Code, Sha384, input_commitment};

/// The columns that a party supplied last.
pub(super) struct Batch {
    pub(super) id: BatchId,
    pub(super) rows: u32,
    pub(super) content: Sha384,
    pub(super) values: RowValuesSecret,
}

/// Values of a sender's columns, row by row.
pub(super) enum RowValuesSecret {
    F32(Secret<Vec<f32>>),
    F64(Secret<Vec<f64>>),
}

impl<S: Store> Core<S> {
    /// The columns that a sender brings, in the agreement's order.
    pub(super) fn columns(&self, from: Whom) -> Vec<&Column> {
        self.agreement.terms().input.columns.iter().filter(|column| column.from == from).collect()
    }

    /// Values of some columns, checked. The check is on secrets: one code, in one time.
    pub(super) fn read(&self, raw: &RawRows, columns: &[&Column]) -> Result<RowValuesSecret, Code> {
        let terms = self.agreement.terms();
        let input = &terms.input;
        let width = match input.precision {
            Precision::F32 => 4,
            Precision::F64 => 8,
        };
        let fewest = terms.releases.iter().map(|release| match release.form {
            Form::Rows => 1,
            Form::Aggregate { minimum_rows } => minimum_rows,
        });
        if raw.rows < fewest.max().unwrap_or(1) || raw.rows > input.rows_per_call {
            return Err(Code::Rows);
        }
        let bytes = raw.values.expose();
        // rows and columns are capped: no overflow
        if bytes.len() as u64 != u64::from(raw.rows) * columns.len() as u64 * width {
            return Err(Code::Malformed);
        }
        let (values, valid) = match input.precision {
            Precision::F32 => {
                let (words, _) = bytes.as_chunks::<4>();
                let values: Vec<f32> = words.iter().map(|word| f32::from_le_bytes(*word)).collect();
                let valid = allowed_f32(Backend::detect(), columns, &values);
                (RowValuesSecret::F32(Secret::new(values)), valid)
            }
            Precision::F64 => {
                let (words, _) = bytes.as_chunks::<8>();
                let values: Vec<f64> = words.iter().map(|word| f64::from_le_bytes(*word)).collect();
                let valid = allowed_f64(Backend::detect(), columns, &values);
                (RowValuesSecret::F64(Secret::new(values)), valid)
            }
        };
        // Declassified: whether the rows are ones that the agreement allows is told to their sender.
        if valid.declassify() { Ok(values) } else { Err(Code::Values) }
    }

    /// The batches of this id, by party; `None` where a supplier's is missing.
    pub(super) fn others(&self, id: BatchId) -> Vec<Option<&Batch>> {
        let supplies = |party: usize| {
            let from =
                |column: &Column| matches!(column.from, Whom::Party(p) if usize::from(p) == party);
            self.agreement.terms().input.columns.iter().any(from)
        };
        self.batches
            .iter()
            .enumerate()
            .map(|(party, batch)| match supplies(party) {
                true => batch.as_ref().filter(|batch| batch.id == id),
                false => None,
            })
            .collect()
    }

    /// The caller's columns and those of others as rows of the program.
    pub(super) fn assemble(&self, raw: &RawRows, others: &[Option<&Batch>]) -> Result<Rows, Code> {
        let terms = self.agreement.terms();
        let mut own = self.read(raw, &self.columns(Whom::Caller))?;
        let supplied = terms.input.columns.iter().any(|column| column.from != Whom::Caller);
        if supplied == (raw.batch.0 == [0; 16]) {
            return Err(Code::Batch);
        }
        if !supplied {
            // the caller's rows are the program's rows as they are
            let values = match &mut own {
                RowValuesSecret::F32(values) => RowValues::F32(std::mem::take(values.expose_mut())),
                RowValuesSecret::F64(values) => RowValues::F64(std::mem::take(values.expose_mut())),
            };
            return self.rows(values);
        }
        let mut sources = Vec::with_capacity(terms.input.columns.len());
        for column in &terms.input.columns {
            sources.push(match column.from {
                Whom::Caller => &own,
                Whom::Party(party) => match others.get(usize::from(party)) {
                    Some(Some(batch)) if batch.rows == raw.rows => &batch.values,
                    _ => return Err(Code::Batch),
                },
            });
        }
        // The place of each value is a function of the agreement and the row number.
        let rows = raw.rows as usize;
        let place = |column: usize| {
            let from = terms.input.columns[column].from;
            let same = |c: &&Column| c.from == from;
            let before = terms.input.columns[..column].iter().filter(same).count();
            (before, terms.input.columns.iter().filter(same).count())
        };
        let places: Vec<(usize, usize)> = (0..sources.len()).map(place).collect();
        let values = match terms.input.precision {
            Precision::F32 => {
                RowValues::F32(gather(rows, &places, |column| match sources[column] {
                    RowValuesSecret::F32(values) => values.expose(),
                    RowValuesSecret::F64(_) => &[],
                }))
            }
            Precision::F64 => {
                RowValues::F64(gather(rows, &places, |column| match sources[column] {
                    RowValuesSecret::F64(values) => values.expose(),
                    RowValuesSecret::F32(_) => &[],
                }))
            }
        };
        self.rows(values)
    }

    /// Rows of the program. What a rule reads once stands in every row, and is the same in each.
    fn rows(&self, values: RowValues) -> Result<Rows, Code> {
        let columns = self.agreement.terms().input.columns.len();
        let constant = match self.phase.loaded().map(|loaded| loaded.program.shape()) {
            Some(shape) => match shape.steps.as_slice() {
                [StepShape::Rule(rule)] => once_is_constant(rule, columns, &values),
                _ => Mask::yes(),
            },
            None => Mask::yes(),
        };
        let rows = Rows::try_new(columns, values).map_err(|_| Code::Malformed)?;
        // Declassified: as for every other fault of a value, that there is one is told to the sender.
        if constant.declassify() { Ok(rows) } else { Err(Code::Values) }
    }
}

/// Rows of zeros in the place of rows that were refused.
pub(super) fn zeros(terms: &AgreementParts, rows: u32) -> Option<Rows> {
    let columns = terms.input.columns.len();
    let count = rows.clamp(1, terms.input.rows_per_call) as usize * columns;
    let values = match terms.input.precision {
        Precision::F32 => RowValues::F32(vec![0.0; count]),
        Precision::F64 => RowValues::F64(vec![0.0; count]),
    };
    Rows::try_new(columns, values).ok()
}

pub(super) fn commit(raw: &RawRows) -> Sha384 {
    input_commitment(&raw.salt, raw.rows, raw.values.expose())
}

/// Puts columns of several senders side by side.
fn gather<'a, T: Copy + 'a>(
    rows: usize,
    places: &[(usize, usize)],
    source: impl Fn(usize) -> &'a [T],
) -> Vec<T> {
    let mut values = Vec::with_capacity(rows * places.len());
    for row in 0..rows {
        for (column, &(place, width)) in places.iter().enumerate() {
            values.extend(source(column).get(row * width + place));
        }
    }
    values
}
