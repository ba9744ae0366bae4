//! Whether rows are what an agreement allows, on their owner's machine: with the row and the column that are not.

use protocol::agreement::{Column, ColumnValues, Missing};

use crate::data::Values;

/// The first value that an agreement does not allow.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[error("row {row}, column {column:?}: {value} is not {allowed}")]
pub struct ValueFault {
    /// From 1.
    pub row: usize,
    /// Its name.
    pub column: String,
    /// The value.
    pub value: f64,
    /// What the agreement allows there.
    pub allowed: String,
}

/// Checks rows of an agreement's columns, as the enclave will.
///
/// # Errors
/// The first value that is not allowed.
pub fn check_values(columns: &[Column], values: &Values) -> Result<(), ValueFault> {
    let value = |at: usize| match values {
        Values::F32(values) => values.get(at).map(|&value| f64::from(value)),
        Values::F64(values) => values.get(at).copied(),
    };
    let all = (0..).map_while(value).zip(columns.iter().cycle()).enumerate();
    for (at, (value, column)) in all {
        if !allowed(column, value) {
            return Err(ValueFault {
                row: at / columns.len() + 1,
                column: column.name.clone(),
                value,
                allowed: describe(column),
            });
        }
    }
    Ok(())
}

fn allowed(column: &Column, value: f64) -> bool {
    if value.is_nan() {
        return column.missing == Missing::Allowed;
    }
    match &column.values {
        ColumnValues::Number { min, max } => (*min..=*max).contains(&value),
        ColumnValues::Integer { min, max } => {
            value.fract() == 0.0 && (*min as f64..=*max as f64).contains(&value)
        }
        ColumnValues::Category { categories } => {
            value.fract() == 0.0 && (0.0..categories.len() as f64).contains(&value)
        }
    }
}

fn describe(column: &Column) -> String {
    let mut text = match &column.values {
        ColumnValues::Number { min, max } => format!("a number from {min} to {max}"),
        ColumnValues::Integer { min, max } => format!("a whole number from {min} to {max}"),
        ColumnValues::Category { categories } => {
            format!("the position of a category, 0 to {}", categories.len().saturating_sub(1))
        }
    };
    if column.missing == Missing::Allowed {
        text.push_str(", or missing");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::agreement::Whom;

    #[test]
    fn the_first_value_that_is_not_allowed_is_named() {
        let column = |name: &str, values, missing| Column {
            name: name.into(),
            values,
            missing,
            from: Whom::Caller,
        };
        let columns = [
            column("a", ColumnValues::Number { min: -1.0, max: 2.0 }, Missing::Refused),
            column("b", ColumnValues::Integer { min: 0, max: 9 }, Missing::Allowed),
            column(
                "c",
                ColumnValues::Category { categories: vec!["x".into(), "y".into()] },
                Missing::Refused,
            ),
        ];
        let check = |row: [f64; 3]| {
            let good = [-1.0, f64::NAN, 1.0];
            check_values(&columns, &Values::F64([good, row].concat()))
        };
        assert_eq!(check([2.0, 9.0, 0.0]), Ok(()));
        for (row, column) in [
            ([2.1, 0.0, 0.0], "a"),
            ([f64::NAN, 0.0, 0.0], "a"),
            ([f64::INFINITY, 0.0, 0.0], "a"),
            ([0.0, 0.5, 0.0], "b"),
            ([0.0, 10.0, 0.0], "b"),
            ([0.0, 0.0, 2.0], "c"),
            ([0.0, 0.0, -1.0], "c"),
            ([0.0, 0.0, f64::NAN], "c"),
        ] {
            let fault = check(row).expect_err("it is not allowed");
            assert_eq!((fault.row, fault.column.as_str()), (2, column), "{fault}");
        }
        let text = check([3.0, 0.0, 0.0]).unwrap_err().to_string();
        assert_eq!(text, "row 2, column \"a\": 3 is not a number from -1 to 2");
    }
}
