//! Toys without a leak, and toys that must be refused.

use std::hint::black_box;

/// A select by mask, behind a barrier.
#[inline(never)]
pub(crate) fn select(secret: &[u8], out: &mut [u8]) {
    for (out, &secret) in out.iter_mut().zip(secret) {
        let mask = black_box((secret & 1).wrapping_neg());
        let other = out.wrapping_mul(3).wrapping_add(7);
        *out = (other & mask) | (*out & !mask);
    }
}

/// Arithmetic alone.
#[inline(never)]
pub(crate) fn sum(secret: &[u8], out: &mut [u8]) {
    out[0] = secret.iter().fold(0, |sum: u8, &secret| sum.wrapping_mul(31).wrapping_add(secret));
}

/// Allocates, moves memory and frees.
#[inline(never)]
pub(crate) fn allocation(secret: &[u8], out: &mut [u8]) {
    let copies: Vec<Vec<u8>> = (1..20).map(|times| secret.repeat(black_box(times))).collect();
    for copy in &copies {
        out.iter_mut().zip(copy).for_each(|(out, byte)| *out ^= byte);
    }
}

/// Branches on what is public.
#[inline(never)]
pub(crate) fn public_branch(secret: &[u8], out: &mut [u8]) {
    for (at, (out, &secret)) in out.iter_mut().zip(secret).enumerate() {
        *out = if black_box(at) % 3 == 0 { secret } else { secret.wrapping_add(1) };
    }
}

/// Divides what is public.
#[inline(never)]
pub(crate) fn public_divide(secret: &[u8], out: &mut [u8]) {
    for (at, (out, &secret)) in out.iter_mut().zip(secret).enumerate() {
        *out = secret ^ (black_box(1000) / black_box(at + 1)) as u8;
    }
}

/// Asks the system for something that is the same in all runs.
#[inline(never)]
pub(crate) fn system_call(secret: &[u8], out: &mut [u8]) {
    out[0] = secret[0] ^ u8::from(std::fs::metadata("/").is_ok());
}

/// [`select`], many times: for speed figures.
#[inline(never)]
pub(crate) fn long(secret: &[u8], out: &mut [u8]) {
    for _ in 0..64 {
        select(secret, out);
    }
}

/// Not deterministic: branches on the clock.
#[inline(never)]
pub(crate) fn clock(_: &[u8], out: &mut [u8]) {
    let nanos = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.as_nanos());
    for bit in 0..32 {
        if black_box(nanos >> bit) & 1 == 1 {
            out[0] = black_box(out[0].wrapping_add(1));
        }
    }
}

/// Starts a thread.
#[inline(never)]
pub(crate) fn thread(secret: &[u8], out: &mut [u8]) {
    out[0] = std::thread::scope(|scope| scope.spawn(|| secret[0]).join().unwrap_or(0));
}

/// Does not come back.
#[inline(never)]
pub(crate) fn panics(secret: &[u8], _: &mut [u8]) {
    assert!(black_box(secret).is_empty(), "planted");
}
