//! What a row file becomes in memory.

use engine::Precision;

use super::fault::Fault;

/// Row-major values at the width of a model.
#[derive(Clone, PartialEq, Debug)]
pub enum Values {
    /// For models that compare in f32.
    F32(Vec<f32>),
    /// For models that compare in f64.
    F64(Vec<f64>),
}

impl Values {
    pub(super) fn new(width: Precision) -> Self {
        match width {
            Precision::F32 => Values::F32(Vec::new()),
            Precision::F64 => Values::F64(Vec::new()),
        }
    }

    /// `len` values, all zero, to be set one by one.
    pub(super) fn zeros(width: Precision, len: usize) -> Result<Self, Fault> {
        fn zeros<T: Clone + Default>(len: usize) -> Result<Vec<T>, Fault> {
            let mut values = Vec::new();
            values.try_reserve_exact(len).map_err(|_| Fault::Memory)?;
            values.resize(len, T::default());
            Ok(values)
        }
        match width {
            Precision::F32 => zeros(len).map(Values::F32),
            Precision::F64 => zeros(len).map(Values::F64),
        }
    }

    /// Rounds to nearest where the width is f32; a value that came from f32 is unchanged.
    pub(super) fn set(&mut self, index: usize, value: f64) {
        match self {
            Values::F32(values) => values[index] = value as f32,
            Values::F64(values) => values[index] = value,
        }
    }

    pub(super) fn push_row(&mut self, row: &[f64]) -> Result<(), Fault> {
        match self {
            Values::F32(values) => {
                values.try_reserve(row.len()).map_err(|_| Fault::Memory)?;
                values.extend(row.iter().map(|&v| v as f32));
            }
            Values::F64(values) => {
                values.try_reserve(row.len()).map_err(|_| Fault::Memory)?;
                values.extend_from_slice(row);
            }
        }
        Ok(())
    }
}

/// `rows x features` if within the cap.
pub(super) fn table_len(rows: u64, features: usize, cap: usize) -> Result<usize, Fault> {
    let found = rows.saturating_mul(features as u64);
    match usize::try_from(found) {
        Ok(len) if len <= cap => Ok(len),
        _ => Err(Fault::TooMany { what: "values", found, cap: cap as u64 }),
    }
}

/// A column that goes from the row file to the output unread.
#[derive(Clone, PartialEq, Debug)]
pub struct CopiedColumn {
    /// Its name, in the row file and in the output.
    pub name: String,
    /// One value for each row.
    pub values: CopiedValues,
}

/// The values of a copied column; `None` where the file has null.
#[derive(Clone, PartialEq, Debug)]
pub enum CopiedValues {
    /// Text, and every column of a CSV file.
    Text(Vec<Option<Box<str>>>),
    /// Integers of any width that fit i64.
    Int(Vec<Option<i64>>),
    /// 32-bit floats.
    F32(Vec<Option<f32>>),
    /// 64-bit floats.
    F64(Vec<Option<f64>>),
    /// Booleans.
    Bool(Vec<Option<bool>>),
}
