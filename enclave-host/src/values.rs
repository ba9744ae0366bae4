//! Whether rows are what the agreement's columns allow: every value is looked at, one bit comes out.

use ops::{Backend, Kernel, Lanes, Mask, is_zero_u64, key_f32, key_f64};
use protocol::agreement::{Column, ColumnValues, Missing};

/// What the columns' values must be, as public keys: a list for each property, so that the loop over a row is one of vectors.
struct Rules<K> {
    low: Vec<K>,
    high: Vec<K>,
    /// All ones where a value may be missing.
    missing: Vec<K>,
    /// All ones where values are whole numbers; `None` where no column has such.
    whole: Option<Vec<K>>,
}

impl<K> Rules<K> {
    /// Public: the bounds are in the agreement.
    fn new(
        columns: &[&Column],
        low: impl Fn(f64) -> K,
        high: impl Fn(f64) -> K,
        all: impl Fn(bool) -> K,
    ) -> Self {
        let whole = |column: &Column| !matches!(column.values, ColumnValues::Number { .. });
        // whole numbers are within what the precision holds exactly
        let bounds = |column: &&Column| match &column.values {
            ColumnValues::Number { min, max } => (*min, *max),
            ColumnValues::Integer { min, max } => (*min as f64, *max as f64),
            ColumnValues::Category { categories } => {
                (0.0, categories.len().saturating_sub(1) as f64)
            }
        };
        let columns = columns.iter();
        Self {
            low: columns.clone().map(|column| low(bounds(column).0)).collect(),
            high: columns.clone().map(|column| high(bounds(column).1)).collect(),
            missing: columns.clone().map(|c| all(c.missing == Missing::Allowed)).collect(),
            whole: columns
                .clone()
                .any(|column| whole(column))
                .then(|| columns.map(|column| all(whole(column))).collect()),
        }
    }
}

/// Are all values of these rows allowed? `values` holds whole rows of the columns, little-endian.
///
/// # Leaks
/// The columns, the number of rows, and the backend.
pub fn allowed_f32(backend: Backend, columns: &[&Column], values: &[f32]) -> Mask {
    // the bound inwards: the least f32 that is not below `min`, the largest not above `max`
    let low = |min: f64| {
        let near = min as f32;
        key_f32(near) + i32::from(f64::from(near) < min)
    };
    let high = |max: f64| {
        let near = max as f32;
        key_f32(near) - i32::from(f64::from(near) > max)
    };
    let rules = Rules::new(columns, low, high, |yes| -i32::from(yes));
    is_zero_u64(u64::from(backend.run(Bad32(&rules, values)).cast_unsigned()))
}

/// The same at 64 bits.
pub fn allowed_f64(backend: Backend, columns: &[&Column], values: &[f64]) -> Mask {
    let rules = Rules::new(columns, key_f64, key_f64, |yes| -i64::from(yes));
    is_zero_u64(backend.run(Bad64(&rules, values)).cast_unsigned())
}

/// Values of one width, to a word that is zero where every value is allowed.
///
/// Everything is an integer operation of one word on another. There is no comparison that a compiler could make a jump
/// of, and the loops over a row are ones that it makes vectors of: they see every value of every call.
macro_rules! bad {
    ($name:ident, $value:ty, $word:ty, $key:path, $fraction:literal, $bias:literal) => {
        struct $name<'a>(&'a Rules<$word>, &'a [$value]);

        impl $name<'_> {
            /// The sign where `a < b` (Warren, *Hacker's Delight*, 2-12); the other bits have no meaning. Spread over the
            /// word it would be a mask that the compiler knows, and it loads what is behind one only where it is set.
            #[inline(always)]
            fn less(a: $word, b: $word) -> $word {
                (a & !b) | (!(a ^ b) & a.wrapping_sub(b))
            }

            #[inline(always)]
            fn spread(sign: $word) -> $word {
                sign >> (<$word>::BITS - 1)
            }

            /// The bits of a float that lie below the point: not zero where it is no whole number.
            #[inline(always)]
            fn below_the_point(x: $value) -> $word {
                let magnitude = x.to_bits().cast_signed() & <$word>::MAX;
                let exponent = magnitude >> $fraction;
                // from all bits (exponent = bias) to none; without a meaning outside of that, where one of the two
                // words below decides: everything is below the point, or nothing
                let below: $word = ($bias + $fraction - exponent) & (<$word>::BITS as $word - 1);
                let mask = ((1 as $word) << below).wrapping_sub(1);
                // opaque: on SSE2, which shifts no two words by two amounts, the compiler made jumps of these masks
                let spread = |sign| std::hint::black_box(Self::spread(sign));
                let small = spread(Self::less(exponent, $bias));
                let large = spread(Self::less($bias + $fraction, exponent));
                magnitude & (mask | small) & !large
            }
        }

        impl Kernel for $name<'_> {
            type Output = $word;

            #[inline(always)]
            fn run<L: Lanes>(self, _: L) -> $word {
                let Self(Rules { low, high, missing, whole }, values) = self;
                let mut bad = 0;
                for row in values.chunks_exact(low.len().max(1)) {
                    let bounds = low.iter().zip(high).zip(missing);
                    for (&value, ((&low, &high), &missing)) in row.iter().zip(bounds) {
                        let key = $key(value);
                        let outside = Self::less(key, low) | Self::less(high, key);
                        // a missing value has the largest key
                        let absent = !Self::less(key, <$word>::MAX) & missing;
                        bad |= outside & !absent;
                    }
                    let Some(whole) = whole else { continue };
                    for (&value, (&whole, &missing)) in row.iter().zip(whole.iter().zip(missing)) {
                        // the sign where there are any
                        let broken = Self::below_the_point(value).wrapping_neg() & whole;
                        let absent = !Self::less($key(value), <$word>::MAX) & missing;
                        bad |= broken & !absent;
                    }
                }
                Self::spread(bad)
            }
        }
    };
}

bad!(Bad32, f32, i32, key_f32, 23, 127);
bad!(Bad64, f64, i64, key_f64, 52, 1023);

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

    /// What every backend says.
    fn narrow(columns: &[&Column], values: &[f32]) -> bool {
        let all = Backend::available().into_iter();
        let mut said = all.map(|backend| allowed_f32(backend, columns, values).declassify());
        let first = said.next().unwrap();
        assert!(said.all(|other| other == first), "backends disagree");
        first
    }

    fn wide(columns: &[&Column], values: &[f64]) -> bool {
        let all = Backend::available().into_iter();
        let mut said = all.map(|backend| allowed_f64(backend, columns, values).declassify());
        let first = said.next().unwrap();
        assert!(said.all(|other| other == first), "backends disagree");
        first
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]
        #[test]
        fn one_value_is_judged_as_the_words_say(x in interesting()) {
            for column in columns() {
                prop_assert_eq!(wide(&[&column], &[x]), plain(&column, x), "{:?}", column);
                for x in [x as f32, (x as f32).next_up(), (x as f32).next_down()] {
                    prop_assert_eq!(narrow(&[&column], &[x]), plain(&column, x.into()), "{:?} {}", column, x);
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
            prop_assert!(narrow(&all, &values));
            let place = place.index(values.len());
            values[place] = f32::INFINITY;
            prop_assert!(!narrow(&all, &values));
        }
    }
}
