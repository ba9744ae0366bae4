//! Whether rows are what the agreement's columns allow: every value is looked at, one bit comes out.

use ops::{Mask, greater_i64, is_zero_u64, key_f32, key_f64};
use protocol::agreement::{Column, ColumnValues, Missing};

/// What a column's values must be, as public keys.
#[derive(Clone, Copy)]
struct Rule {
    low: i64,
    high: i64,
    whole: bool,
    missing: bool,
}

/// Are all values of these rows allowed? `values` holds whole rows of the columns, little-endian.
///
/// # Leaks
/// The columns and the number of rows.
pub(crate) fn allowed_f32(columns: &[&Column], values: &[f32]) -> Mask {
    let key = |x: f64| {
        // the bound inwards: the least f32 that is not below `min`, the largest not above `max`
        let near = x as f32;
        (near, i64::from(key_f32(near)))
    };
    let rules = rules(
        columns,
        |min| match key(min) {
            (near, key) if f64::from(near) < min => key + 1,
            (_, key) => key,
        },
        |max| match key(max) {
            (near, key) if f64::from(near) > max => key - 1,
            (_, key) => key,
        },
    );
    all(&rules, values, |x| {
        let magnitude = u64::from(x.to_bits() & 0x7fff_ffff);
        (i64::from(key_f32(x)), i64::from(i32::MAX), whole(magnitude, 23, 127))
    })
}

/// The same at 64 bits.
pub(crate) fn allowed_f64(columns: &[&Column], values: &[f64]) -> Mask {
    let rules = rules(columns, key_f64, key_f64);
    all(&rules, values, |x| (key_f64(x), i64::MAX, whole(x.to_bits() & !(1 << 63), 52, 1023)))
}

/// Public: the bounds are in the agreement.
fn rules(columns: &[&Column], low: impl Fn(f64) -> i64, high: impl Fn(f64) -> i64) -> Vec<Rule> {
    columns
        .iter()
        .map(|column| {
            // whole numbers are within what the precision holds exactly
            let (min, max, whole) = match &column.values {
                ColumnValues::Number { min, max } => (*min, *max, false),
                ColumnValues::Integer { min, max } => (*min as f64, *max as f64, true),
                ColumnValues::Category { categories } => {
                    (0.0, categories.len().saturating_sub(1) as f64, true)
                }
            };
            let missing = column.missing == Missing::Allowed;
            Rule { low: low(min), high: high(max), whole, missing }
        })
        .collect()
}

fn all<T: Copy>(rules: &[Rule], values: &[T], look: impl Fn(T) -> (i64, i64, Mask)) -> Mask {
    let mut valid = Mask::yes();
    for row in values.chunks_exact(rules.len().max(1)) {
        for (rule, &value) in rules.iter().zip(row) {
            let (key, nan, whole) = look(value);
            let inside = greater_i64(rule.low, key).or(greater_i64(key, rule.high)).not();
            // the branches are on the agreement's columns
            let inside = if rule.whole { inside.and(whole) } else { inside };
            let missing = greater_i64(nan, key).not();
            valid = valid.and(if rule.missing { inside.or(missing) } else { inside });
        }
    }
    valid
}

/// Is a float without its sign a whole number? `fraction` bits of fraction, `bias` of the exponent.
fn whole(magnitude: u64, fraction: u64, bias: u64) -> Mask {
    let exponent = magnitude >> fraction;
    let small = greater_i64(bias as i64, exponent as i64);
    // bits below the point: from all of them (exponent = bias) to none
    let below = (bias + fraction).wrapping_sub(exponent);
    let many = greater_i64(exponent as i64, (bias + fraction) as i64);
    // Where the number is below 1 or has no bits below the point, the shift means nothing.
    let mask = 1u64.wrapping_shl(below as u32 & 63).wrapping_sub(1);
    let clean = is_zero_u64(magnitude & mask);
    is_zero_u64(magnitude).or(small.not().and(many.or(clean)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use protocol::agreement::Whom;

    fn column(values: ColumnValues, missing: Missing) -> Column {
        Column { name: "c".into(), values, missing, from: Whom::Caller }
    }

    fn plain(column: &Column, x: f64) -> bool {
        if x.is_nan() {
            return column.missing == Missing::Allowed;
        }
        match &column.values {
            ColumnValues::Number { min, max } => *min <= x && x <= *max,
            ColumnValues::Integer { min, max } => {
                x.fract() == 0.0 && *min as f64 <= x && x <= *max as f64
            }
            ColumnValues::Category { categories } => {
                x.fract() == 0.0 && 0.0 <= x && x < categories.len() as f64
            }
        }
    }

    fn columns() -> Vec<Column> {
        let number = |min, max| ColumnValues::Number { min, max };
        let all = [
            number(0.1, 0.3),
            number(-1e6, 1e-40),
            number(0.0, 0.0),
            number(-1e300, 1e300),
            ColumnValues::Integer { min: -3, max: 1 << 24 },
            ColumnValues::Category { categories: vec!["a".into(), "b".into(), "c".into()] },
        ];
        let both = |values: ColumnValues| {
            [column(values.clone(), Missing::Refused), column(values, Missing::Allowed)]
        };
        all.into_iter().flat_map(both).collect()
    }

    fn interesting() -> impl Strategy<Value = f64> {
        let near = prop::sample::select(vec![
            0.1,
            0.3,
            1e-40,
            -1e6,
            1e300,
            0.0,
            -0.0,
            -3.0,
            2.0,
            3.0,
            16_777_216.0,
            0.5,
            2.5,
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::MIN_POSITIVE,
        ]);
        prop_oneof![
            (near, -2i64..=2)
                .prop_map(|(x, step)| { f64::from_bits(x.to_bits().wrapping_add_signed(step)) }),
            any::<u64>().prop_map(f64::from_bits),
            (-10i32..10).prop_map(f64::from),
            -4.0..4.0f64,
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]
        #[test]
        fn one_value_is_judged_as_the_words_say(x in interesting()) {
            for column in columns() {
                prop_assert_eq!(allowed_f64(&[&column], &[x]).declassify(), plain(&column, x), "{:?}", column);
                for x in [x as f32, (x as f32).next_up(), (x as f32).next_down()] {
                    prop_assert_eq!(allowed_f32(&[&column], &[x]).declassify(), plain(&column, x.into()), "{:?} {}", column, x);
                }
            }
        }

        #[test]
        fn one_bad_value_anywhere_spoils_the_rows(rows in 1usize..9, place in any::<prop::sample::Index>()) {
            let all = columns();
            let all: Vec<&Column> = all.iter().collect();
            let good = [0.2, 0.2, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 2.0, 2.0, 1.0, 1.0];
            let mut values: Vec<f32> = good.map(|x: f64| x as f32).into_iter().cycle().take(12 * rows).collect();
            values.iter_mut().skip(2).step_by(12).for_each(|x| *x = -1.0);
            values.iter_mut().skip(3).step_by(12).for_each(|x| *x = -1.0);
            prop_assert!(allowed_f32(&all, &values).declassify());
            let place = place.index(values.len());
            values[place] = f32::INFINITY;
            prop_assert!(!allowed_f32(&all, &values).declassify());
        }
    }
}
