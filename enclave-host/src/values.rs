//! Whether rows are what the agreement's columns allow: every value is looked at, one bit comes out.

use ops::{Mask, is_zero_u64, key_f32, key_f64};
use protocol::agreement::{Column, ColumnValues, Missing};

/// What a column's values must be, as public keys.
#[derive(Clone, Copy)]
struct Rule {
    low: i64,
    high: i64,
    /// All ones where values are whole numbers.
    whole: u64,
    /// All ones where a value may be missing.
    missing: u64,
}

/// Are all values of these rows allowed? `values` holds whole rows of the columns, little-endian.
///
/// # Leaks
/// The columns and the number of rows.
pub fn allowed_f32(columns: &[&Column], values: &[f32]) -> Mask {
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
        (i64::from(key_f32(x)), i64::from(i32::MAX), fraction_bits(magnitude, 23, 127))
    })
}

/// The same at 64 bits.
pub fn allowed_f64(columns: &[&Column], values: &[f64]) -> Mask {
    let rules = rules(columns, key_f64, key_f64);
    all(&rules, values, |x| {
        (key_f64(x), i64::MAX, fraction_bits(x.to_bits() & !(1 << 63), 52, 1023))
    })
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
            // public: words, so that the loop below has no branch on them either
            let word = |yes: bool| 0u64.wrapping_sub(u64::from(yes));
            let missing = word(column.missing == Missing::Allowed);
            Rule { low: low(min), high: high(max), whole: word(whole), missing }
        })
        .collect()
}

/// Words instead of masks: this loop sees every value of every call, and masks for each comparison
/// were most of the time that an admission took.
fn all<T: Copy>(rules: &[Rule], values: &[T], look: impl Fn(T) -> (i64, i64, u64)) -> Mask {
    let mut bad = 0;
    for row in values.chunks_exact(rules.len().max(1)) {
        for (rule, &value) in rules.iter().zip(row) {
            let (key, nan, fraction) = look(value);
            let outside = less(key, rule.low) | less(rule.high, key);
            let broken = less(0, fraction.cast_signed()) & rule.whole;
            let missing = !less(key, nan) & rule.missing;
            bad |= (outside | broken) & !missing;
        }
    }
    is_zero_u64(bad)
}

/// All ones where `a < b` (Warren, *Hacker's Delight*, 2-12). Opaque: of the sign of a 128-bit difference rustc
/// 1.95 made compares and jumps, see `planted::regression::row_rules`.
fn less(a: i64, b: i64) -> u64 {
    let a = std::hint::black_box(a);
    (((a & !b) | (!(a ^ b) & a.wrapping_sub(b))) >> 63).cast_unsigned()
}

/// The bits of a float without its sign that lie below the point; zero for a whole number.
/// `fraction` bits of fraction, `bias` of the exponent.
fn fraction_bits(magnitude: u64, fraction: u64, bias: u64) -> u64 {
    let exponent = magnitude >> fraction;
    // from all bits (exponent = bias) to none; without a meaning outside of that, where one of the
    // two words below decides: everything is below the point, or nothing
    let below = (bias + fraction).wrapping_sub(exponent);
    let mask = (1u64 << (below & 63)).wrapping_sub(1);
    let small = less(exponent.cast_signed(), bias.cast_signed());
    let large = less((bias + fraction).cast_signed(), exponent.cast_signed());
    magnitude & (mask | small) & !large
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
