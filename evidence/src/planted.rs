//! Leaks on purpose. Each layer runs them beside the real targets, and fails when it misses one
//! that it claims to see.

mod regression;
mod vector;

use crate::layout::{Class, Layout};
use crate::numbers::Numbers;
use crate::plain::view;
use crate::target::{Leak, Profile, Region, Secret, Target};
use std::hint::black_box;

/// Bytes of a planted leak's secret.
pub(crate) const BYTES: usize = 64;

const SEEN_BY_ALL: Leak = Leak { trace: true, memcheck: true };
/// Memcheck follows definedness, and a division branches on nothing.
const SEEN_BY_TRACE: Leak = Leak { trace: true, memcheck: false };
/// A branch that goes one way with every secret there is.
const SEEN_BY_MEMCHECK: Leak = Leak { trace: false, memcheck: true };

/// What is planted: secret bytes to output bytes.
type Planted = fn(&[u8], &mut [u8]);

pub(crate) fn add(targets: &mut Vec<Target>) {
    let scalar: [(&str, Leak, Planted); 6] = [
        ("branch", SEEN_BY_ALL, branch),
        ("table", SEEN_BY_ALL, table),
        ("division", SEEN_BY_TRACE, division),
        ("float-division", SEEN_BY_TRACE, float_division),
        ("early-exit", SEEN_BY_ALL, early_exit),
        ("mask-subtract", SEEN_BY_ALL, mask_subtract),
    ];
    for (name, leak, run) in scalar {
        plant(targets, name, "scalar", leak, || true, run);
    }
    vector::add(targets);
    regression::add(targets);
}

fn plant(
    targets: &mut Vec<Target>,
    name: &str,
    backend: &'static str,
    leak: Leak,
    there: fn() -> bool,
    run: Planted,
) {
    targets.push(Target {
        kernel: format!("planted+{name}"),
        backend,
        profile: Profile::Both,
        planted: Some(leak),
        long: false,
        make: Box::new(move || there().then(|| region(run))),
    });
}

fn region(run: Planted) -> Region {
    let layout = Layout::default().with(Class::Rows, BYTES).with(Class::Output, BYTES);
    let secrets = (0..8u64)
        .map(|number| {
            let (name, bytes) = match number {
                0 => ("all zero".to_string(), vec![0; BYTES]),
                1 => ("all ones".to_string(), vec![255; BYTES]),
                _ => (format!("random {number}"), Numbers::new(number).bytes(BYTES)),
            };
            Secret { name, bytes: layout.secret(&[bytes]) }
        })
        .collect();
    let inside = layout.clone();
    let body = Box::new(move |buffer: &mut [u8]| {
        let [secret, output] = inside.split(buffer);
        run(black_box(secret), black_box(output));
    });
    Region { layout, secrets, body }
}

/// Work under a condition.
#[inline(never)]
fn branch(secret: &[u8], output: &mut [u8]) {
    for (to, &byte) in output.iter_mut().zip(secret) {
        if byte & 1 == 1 {
            *to = black_box(byte.wrapping_mul(3)).wrapping_add(7);
        }
    }
}

static TABLE: [u8; 4096] = [7; 4096];

/// An index.
#[inline(never)]
fn table(secret: &[u8], output: &mut [u8]) {
    let table = black_box(&TABLE);
    for (to, &byte) in output.iter_mut().zip(secret) {
        *to = table[usize::from(byte) << 4];
    }
}

/// KyberSlash.
#[inline(never)]
fn division(secret: &[u8], output: &mut [u8]) {
    for (to, &byte) in output.iter_mut().zip(secret) {
        *to = (black_box(u64::from(byte) << 23) / black_box(3329)) as u8;
    }
}

/// An average with a divide instruction.
#[inline(never)]
fn float_division(secret: &[u8], output: &mut [u8]) {
    for (to, &byte) in output.iter_mut().zip(secret) {
        *to = black_box(black_box(f64::from(byte)) / black_box(3.7)).to_bits() as u8;
    }
}

/// A comparison of tags that stops at the first difference.
#[inline(never)]
#[allow(clippy::manual_memcpy)]
fn early_exit(secret: &[u8], output: &mut [u8]) {
    let expected = black_box([255u8; BYTES]);
    for (at, (a, b)) in secret.iter().zip(&expected).enumerate() {
        if a != b {
            return;
        }
        output[at] = 1;
    }
}

/// RUSTSEC-2024-0344: a conditional subtraction through a mask that LLVM knows to be zero or all
/// ones. Where it sees that, it makes a branch around the loop.
#[inline(never)]
fn mask_subtract(secret: &[u8], output: &mut [u8]) {
    let words = view::<u64>(secret);
    let modulus = black_box([0x1234_5678_9abcu64, 77, 78, 79]);
    for (words, to) in words.as_chunks::<4>().0.iter().zip(output.chunks_exact_mut(32)) {
        let mut borrow = 0u64;
        let mut difference = [0u64; 4];
        for (at, to) in difference.iter_mut().enumerate() {
            borrow = words[at].wrapping_sub(modulus[at].wrapping_add(borrow >> 63));
            *to = borrow & ((1 << 52) - 1);
        }
        // all ones where the subtraction went below zero
        let mask = ((borrow >> 63) ^ 1).wrapping_sub(1);
        let mut carry = 0u64;
        for (at, bytes) in to.chunks_exact_mut(8).enumerate() {
            carry = (carry >> 52) + difference[at] + (modulus[at] & mask);
            bytes.copy_from_slice(&(carry & ((1 << 52) - 1)).to_le_bytes());
        }
    }
}
