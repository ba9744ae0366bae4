//! Two ways to compare a password with a stored one. `outside early` leaks where they differ; `outside whole` does not.

use std::hint::black_box;

const STORED: [u8; 16] = *b"correct horse ba";

/// Stops at the first byte that differs.
#[inline(never)]
fn early(password: &[u8]) -> bool {
    for (a, b) in password.iter().zip(&STORED) {
        if a != black_box(b) {
            return false;
        }
    }
    true
}

/// Looks at all bytes.
#[inline(never)]
fn whole(password: &[u8]) -> bool {
    let mut different = 0;
    for (a, b) in password.iter().zip(&STORED) {
        different |= black_box(a ^ b);
    }
    different == 0
}

fn main() {
    let check = match std::env::args().nth(1).as_deref() {
        Some("early") => early,
        Some("whole") => whole,
        _ => {
            eprintln!("usage: outside early|whole");
            std::process::exit(2);
        }
    };
    // secrets that a comparison could tell apart: nothing right, half right, all right
    let secrets = [b"xxxxxxxxxxxxxxxx", b"correct xxxxxxxx", b"correct horse ba"].map(|secret| secret.to_vec());
    ctrace_marker::region(&secrets, &mut [0; 16], |password| {
        black_box(check(password));
    });
}
