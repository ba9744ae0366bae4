//! The scalar primitives of `ops`, each over some operands.

use super::choices;
use crate::layout::{Class, Layout};
use crate::numbers::Numbers;
use crate::plain::{bytes_of, view, view_mut};
use crate::target::{Profile, Region, Secret, Target};
use ops::{
    Mask, PublicDivisor, equal_bytes, fixed_to_f64, greater_i64, greater_u64, is_zero_u64, key_f32,
    key_f64, select_i64, select_u32, select_u64,
};

/// Operations per run.
const COUNT: usize = 16;
/// Operands that meet bounds and each other.
const EDGES: [u64; 8] = [0, 1, u64::MAX, 1 << 63, (1 << 63) - 1, 0x7ff0_0000_0000_0000, 2, 1 << 32];

/// One operation on three words.
type Operation = fn(u64, u64, u64) -> u64;

pub(super) fn add(targets: &mut Vec<Target>) {
    let operations: [(&'static str, Operation); 15] = [
        ("select_u32", |a, b, c| u64::from(select_u32(mask(a), b as u32, c as u32))),
        ("select_u64", |a, b, c| select_u64(mask(a), b, c)),
        ("select_i64", |a, b, c| {
            select_i64(mask(a), b.cast_signed(), c.cast_signed()).cast_unsigned()
        }),
        ("greater_u64", |a, b, _| greater_u64(a, b).as_u64()),
        ("greater_i64", |a, b, _| greater_i64(a.cast_signed(), b.cast_signed()).as_u64()),
        ("is_zero_u64", |a, _, _| is_zero_u64(a).as_u64()),
        ("mask", |a, b, c| mask(a).and(mask(b)).or(mask(c).not()).as_u64()),
        ("equal_bytes", |a, b, _| equal_bytes(&a.to_le_bytes(), &b.to_le_bytes()).as_u64()),
        ("key_f32", |a, _, _| u64::from(key_f32(f32::from_bits(a as u32)).cast_unsigned())),
        ("key_f64", |a, _, _| key_f64(f64::from_bits(a)).cast_unsigned()),
        ("divide_f64", |a, b, _| {
            const SIGN: u64 = 1 << 63;
            let positive = |word: u64| in_range((word | 1) & !SIGN);
            ops::divide_f64(positive(a), positive(b)).to_bits()
        }),
        ("widen_f32", |a, _, _| ops::widen_f32(f32::from_bits(a as u32)).to_bits()),
        ("to_decimals+0", |a, _, _| ops::to_decimals(f64::from_bits(a), 0).cast_unsigned()),
        ("to_decimals+15", |a, _, _| ops::to_decimals(f64::from_bits(a), 15).cast_unsigned()),
        ("fixed_to_f64", |a, _, _| fixed_to_f64(a.cast_signed(), 24).to_bits()),
    ];
    for (name, operation) in operations {
        add_one(targets, name, operation);
    }
    for (name, divisor) in [("divide+3", 3), ("divide+1000", 1000), ("divide+1048576", 1 << 20)] {
        let divisor = std::rc::Rc::new(PublicDivisor::new(divisor));
        // zero, or normal with a normal quotient
        let divide = move |a, _, _| divisor.divide(in_range(a)).to_bits();
        add_one(targets, name, divide);
    }
}

/// Any word as a float of moderate size, or zero.
fn in_range(word: u64) -> f64 {
    let exponent = 700 + ((word >> 52) & 0x7ff) % 600;
    let zero = is_zero_u64(word).not().as_u64();
    let (sign, fraction) = (word & (1 << 63), word & ((1 << 52) - 1));
    f64::from_bits((sign | (exponent << 52) | fraction) & zero)
}

fn mask(bit: u64) -> Mask {
    is_zero_u64(bit & 1).not()
}

fn add_one(
    targets: &mut Vec<Target>,
    name: &'static str,
    operation: impl Fn(u64, u64, u64) -> u64 + Clone + 'static,
) {
    targets.push(Target {
        kernel: name.to_string(),
        backend: "scalar",
        profile: Profile::Both,
        planted: None,
        long: false,
        make: Box::new(move || {
            let operation = operation.clone();
            let layout =
                Layout::default().with(Class::Rows, COUNT * 24).with(Class::Output, COUNT * 8);
            let secrets = choices(Profile::Both, 1)
                .into_iter()
                .map(|c| {
                    let bytes = layout.secret(&[operands(c.rows, c.number)]);
                    Secret { name: c.rows.to_string(), bytes }
                })
                .collect();
            let inside = layout.clone();
            let body = Box::new(move |buffer: &mut [u8]| {
                let [operands, results] = inside.split(buffer);
                let (triples, _) = view::<u64>(operands).as_chunks::<3>();
                for (&[a, b, c], result) in triples.iter().zip(view_mut::<u64>(results)) {
                    *result = operation(a, b, c);
                }
            });
            Some(Region { layout, secrets, body })
        }),
    });
}

fn operands(kind: &str, seed: u64) -> Vec<u8> {
    let mut numbers = Numbers::new(900 + seed);
    let words: Vec<u64> = (0..COUNT * 3)
        .map(|at| match kind {
            "all zero" => 0,
            "all ones" => u64::MAX,
            "at thresholds" => EDGES[at / 3 % EDGES.len()],
            "one ulp above" => EDGES[at / 3 % EDGES.len()].wrapping_add(at as u64 % 3),
            "one ulp below" => EDGES[at / 3 % EDGES.len()].wrapping_sub(at as u64 % 3),
            "NaN" => f64::NAN.to_bits(),
            "subnormal" => 1 + at as u64,
            "infinite" => f64::NEG_INFINITY.to_bits(),
            _ => numbers.word(),
        })
        .collect();
    bytes_of(&words)
}
