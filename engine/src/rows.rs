//! Rows: what the data owner brings.

use crate::error::EvaluateError;
use crate::schema::Precision;
use ops::Secret;

/// Secret rows, row by row, at the precision of the program that will read them.
pub struct Rows {
    features: usize,
    count: usize,
    pub(crate) values: SecretValues,
}

/// Values of rows, row by row.
pub enum RowValues {
    /// At 32 bits.
    F32(Vec<f32>),
    /// At 64 bits.
    F64(Vec<f64>),
}

pub(crate) enum SecretValues {
    F32(Secret<Vec<f32>>),
    F64(Secret<Vec<f64>>),
}

impl Rows {
    /// Takes rows into custody; they are wiped on drop.
    ///
    /// # Leaks
    /// The number of rows and columns.
    ///
    /// # Errors
    /// [`EvaluateError::Ragged`] where the values are no whole number of rows.
    pub fn try_new(features: usize, values: RowValues) -> Result<Self, EvaluateError> {
        let length = match &values {
            RowValues::F32(values) => values.len(),
            RowValues::F64(values) => values.len(),
        };
        let values = match values {
            RowValues::F32(values) => SecretValues::F32(Secret::new(values)),
            RowValues::F64(values) => SecretValues::F64(Secret::new(values)),
        };
        if features == 0 || length % features != 0 {
            return Err(EvaluateError::Ragged { values: length, features });
        }
        Ok(Self { features, count: length / features, values })
    }

    /// Number of rows.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Columns of a row.
    pub fn features(&self) -> usize {
        self.features
    }

    /// The values, for code whose trace does not depend on them; none where they have 32 bits.
    pub fn f64_values(&self) -> &[f64] {
        match &self.values {
            SecretValues::F64(values) => values.expose(),
            SecretValues::F32(_) => &[],
        }
    }

    /// Precision of the values.
    pub fn precision(&self) -> Precision {
        match self.values {
            SecretValues::F32(_) => Precision::F32,
            SecretValues::F64(_) => Precision::F64,
        }
    }
}
