//! Planted leaks that any compiler for any processor produces.

use std::hint::black_box;

static TABLE: [u8; 4096] = {
    let mut table = [0; 4096];
    let mut at = 0;
    while at < 4096 {
        table[at] = (at as u32).wrapping_mul(2_654_435_761).to_be_bytes()[0];
        at += 1;
    }
    table
};

/// A branch on the secret.
#[inline(never)]
pub(crate) fn branch(secret: &[u8], out: &mut [u8]) {
    for (out, &secret) in out.iter_mut().zip(secret) {
        if secret & 1 == 1 {
            // LEAK
            *out = black_box(out.wrapping_mul(3)); // LEAK
        }
    }
}

/// An address from the secret.
#[inline(never)]
pub(crate) fn table(secret: &[u8], out: &mut [u8]) {
    for (out, &secret) in out.iter_mut().zip(secret) {
        *out = TABLE[usize::from(secret) << 4]; // LEAK
    }
}

/// Integer division by the secret.
#[inline(never)]
pub(crate) fn divide(secret: &[u8], out: &mut [u8]) {
    for (out, &secret) in out.iter_mut().zip(secret) {
        let divisor = black_box(u64::from(secret) | 1);
        *out = (black_box(0x1234_5678_9abc_def0_u64) / divisor) as u8; // LEAK
    }
}

/// Float division of the secret.
#[inline(never)]
pub(crate) fn float_divide(secret: &[u8], out: &mut [u8]) {
    for (out, &secret) in out.iter_mut().zip(secret) {
        let quotient = black_box(f64::from(secret)) / black_box(3.7); // LEAK
        *out = black_box(quotient).to_bits() as u8;
    }
}

/// Square root of the secret.
#[inline(never)]
pub(crate) fn square_root(secret: &[u8], out: &mut [u8]) {
    for (out, &secret) in out.iter_mut().zip(secret) {
        let root = black_box(f64::from(secret)).sqrt(); // LEAK
        *out = black_box(root).to_bits() as u8;
    }
}

/// Float multiplication where the secret decides whether the numbers are subnormal.
#[inline(never)]
pub(crate) fn subnormal(secret: &[u8], out: &mut [u8]) {
    for (out, &secret) in out.iter_mut().zip(secret) {
        let scale = f64::from_bits(u64::from(secret & 1) << 54 | 1);
        let product = black_box(scale) * black_box(1.5); // LEAK
        *out = black_box(product).to_bits() as u8;
    }
}

/// A loop that ends where the secret says.
#[inline(never)]
pub(crate) fn early_exit(secret: &[u8], out: &mut [u8]) {
    let mut equal = 1;
    for (at, &secret) in secret.iter().enumerate() {
        // LEAK
        if black_box(secret) != black_box(0x55) {
            // LEAK
            equal = at as u8;
            break;
        }
    }
    out[0] = equal;
}

/// The shape of RUSTSEC-2024-0344: limbs are added under a secret mask, without a barrier, and the compiler makes a
/// branch of the mask.
#[inline(never)]
pub(crate) fn mask_subtract(secret: &[u8], out: &mut [u8]) {
    const L: [u64; 5] = [
        0x0002_631a_5cf5_d3ed,
        0x000d_ea2f_79cd_6581,
        0x0000_0000_0014_def9,
        0,
        0x0000_1000_0000_0000,
    ];
    let mut a = [0_u64; 5];
    let mut b = [0_u64; 5];
    for at in 0..5 {
        a[at] = u64::from(secret[at]) << 40 | 77;
        b[at] = u64::from(secret[at + 8]) << 40 | 99;
    }
    let limb = (1_u64 << 52) - 1;
    let mut difference = [0_u64; 5];
    let mut borrow = 0_u64;
    for at in 0..5 {
        borrow = a[at].wrapping_sub(b[at] + (borrow >> 63)); // LEAK: the compiler branches on the last borrow
        difference[at] = borrow & limb; // LEAK
    }
    let underflow = ((borrow >> 63) ^ 1).wrapping_sub(1); // LEAK
    let mut carry = 0_u64;
    for at in 0..5 {
        // LEAK
        carry = (carry >> 52) + difference[at] + (L[at] & underflow); // LEAK
        difference[at] = carry & limb;
    }
    for at in 0..5 {
        out[at] = (difference[at] >> 8) as u8;
    }
}

/// `memcmp` of the C library: where it stops depends on the bytes.
#[inline(never)]
pub(crate) fn compare_bytes(secret: &[u8], out: &mut [u8]) {
    let known = black_box([0x55_u8; 4096]);
    out[0] = u8::from(secret < &known[..secret.len()]); // LEAK
}

/// The standard library's sort.
#[inline(never)]
pub(crate) fn sort(secret: &[u8], out: &mut [u8]) {
    out.copy_from_slice(secret);
    out.sort_unstable(); // LEAK
}

/// Hands the system a secret length.
#[inline(never)]
pub(crate) fn write_length(secret: &[u8], out: &mut [u8]) {
    let length = usize::from(secret[0] & 31);
    let Ok(mut file) = std::fs::OpenOptions::new().write(true).open("/dev/null") else { return };
    let written = std::io::Write::write(&mut file, &secret[..length]); // LEAK
    out[0] = u8::from(written.is_ok());
}
