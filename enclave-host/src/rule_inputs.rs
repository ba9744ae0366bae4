//! Rows of an agreement as the inputs of a rule, and a rule's results as scores.
//!
//! A rule reads columns of cells, and an agreement has rows of f64: each cell is a column, in order. Whole numbers of f64
//! become the integers that they are; what a rule reads once stands in every row, the same in each.

use engine::rule::{Kind, Number, Per, RuleColumn, RuleInputs, RuleResults, RuleShape};
use engine::{RowValues, Rows, Scores, Secret};
use ops::{Mask, fixed_to_f64, is_zero_u64, value_f32, value_f64, widen_f32};

/// Whether every value that the rule reads once is the same in all rows, bit for bit.
///
/// # Leaks
/// The shape and the number of rows.
pub fn once_is_constant(rule: &RuleShape, columns: usize, values: &RowValues) -> Mask {
    // rules are of f64 alone: see the agreement's check
    let RowValues::F64(values) = values else { return Mask::no() };
    let mut rows = values.chunks_exact(columns.max(1));
    let Some(first) = rows.next() else { return Mask::no() };
    let mut differs = 0;
    for row in rows {
        for ((value, first), input) in row.iter().zip(first).zip(&rule.inputs) {
            if input.per == Per::Once {
                differs |= value.to_bits() ^ first.to_bits();
            }
        }
    }
    is_zero_u64(differs)
}

/// The inputs of a rule. Every value was checked: whole numbers are whole, and none is beyond 2^53.
///
/// # Leaks
/// The shape and the number of rows.
pub fn rule_inputs(rule: &RuleShape, rows: &Rows) -> RuleInputs {
    let (features, values) = (rows.features(), rows.f64_values());
    let columns = rule.inputs.iter().enumerate().map(|(number, input)| {
        let count = if input.per == Per::Row { rows.count() } else { 1 };
        let cells = values.iter().skip(number).step_by(features.max(1)).take(count);
        match input.number {
            Number::Integer | Number::Truth => RuleColumn::I64(cells.map(|&x| whole(x)).collect()),
            // an agreement has none of f32
            Number::F32 | Number::F64 => RuleColumn::F64(cells.copied().collect()),
        }
    });
    RuleInputs::new(rows.count(), columns.collect())
}

/// A rule's results, wiped on drop, until each party's are chosen.
pub(crate) struct RuleHeld {
    rows: usize,
    by_row: Secret<Vec<Vec<i64>>>,
    once: Secret<Vec<i64>>,
}

impl RuleHeld {
    pub(crate) fn new(rows: usize, results: RuleResults) -> Self {
        Self { rows, by_row: Secret::new(results.rows), once: Secret::new(results.once) }
    }

    /// What one party gets in one form, row by row; and how many values a row of it has.
    pub(crate) fn chosen(&self, selection: &[(usize, Kind)], per: Per) -> Scores {
        let (by_row, once) = (self.by_row.expose(), self.once.expose());
        let rows = if per == Per::Row { self.rows } else { 1 };
        let mut values = Vec::with_capacity(rows * selection.len());
        for row in 0..rows {
            for &(place, kind) in selection {
                let cell = match per {
                    Per::Row => by_row.get(place).and_then(|column| column.get(row)),
                    Per::Once => once.get(place),
                };
                values.push(number(cell.copied().unwrap_or(0), kind));
            }
        }
        Scores::F64 { columns: selection.len(), values }
    }
}

/// A cell as a number: the nearest f64.
fn number(cell: i64, kind: Kind) -> f64 {
    match kind {
        Kind::I64 | Kind::U256 => fixed_to_f64(cell, 0),
        Kind::Fixed(bits) => fixed_to_f64(cell, bits),
        // all ones or zeros
        Kind::Bool => fixed_to_f64(cell & 1, 0),
        Kind::F32 => widen_f32(value_f32(cell as i32)),
        Kind::F64 => value_f64(cell),
    }
}

/// The integer that a whole number of at most 2^53 is; of any other bits, some integer.
fn whole(x: f64) -> i64 {
    const BIAS: u64 = 1023;
    let bits = x.to_bits();
    let exponent = (bits >> 52) & 0x7ff;
    // 54 bits, so that 2^53 has room: the point is to the right of bit 53 at an exponent of 53
    let significand = ((bits & ((1 << 52) - 1)) | 1 << 52) << 1;
    let right = (BIAS + 53).wrapping_sub(exponent) & 63;
    // all ones from an exponent of 0 on; below, the number is zero
    let not_zero = ((BIAS - 1).wrapping_sub(exponent).cast_signed() >> 63).cast_unsigned();
    let magnitude = ((significand >> right) & not_zero).cast_signed();
    let sign = bits.cast_signed() >> 63;
    (magnitude ^ sign).wrapping_sub(sign)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn whole_numbers_are_the_integers_that_they_are(x in -(1i64 << 53)..=1 << 53, small in -9i64..9) {
            prop_assert_eq!(whole(x as f64), x);
            prop_assert_eq!(whole(small as f64), small);
        }
    }

    #[test]
    fn edges() {
        for x in [0, 1, -1, 1 << 52, (1 << 53) - 1, 1 << 53, -(1 << 53), 1 - (1 << 53)] {
            assert_eq!(whole(x as f64), x);
        }
        assert_eq!(whole(-0.0), 0);
    }
}
