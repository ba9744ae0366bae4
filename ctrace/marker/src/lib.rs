//! Marks the part of a program whose instructions and addresses must not depend on a secret.
//!
//! Put the code under test into [`region`]. Under `ctrace trace` it runs once for each secret, each time in a fork of
//! one process image, so that the allocator, the stack, hash seeds and the address layout are equal in all runs, and
//! the tracer itself writes the secret into the buffer: not one instruction of the program runs differently before the
//! region begins. Without a tracer the body runs once for each secret in this process, so that valgrind, dudect or
//! callgrind can use the same harness.
//!
//! There is no setting and no variable: the tracer finds the functions below by name and stops at them.
//!
//! | symbol | what it is for |
//! |---|---|
//! | `ctrace_next` | asks the tracer whether to run once more; nobody answers when there is no tracer |
//! | `ctrace_begin`, `ctrace_end` | where the traced part begins and ends |
//! | `ctrace_inside` | calls the body; for tools that collect by function, as `callgrind --toggle-collect` does |
//!
//! This crate must never do anything in a region but call the body.
#![deny(clippy::undocumented_unsafe_blocks)]

use std::hint::black_box;

/// What the program tells the tracer about a region. Read by the tracer out of the program's memory: its form is fixed.
#[repr(C)]
struct Call {
    /// Form of this record.
    version: u64,
    /// One pointer for each secret; null when the tracer shall make the secrets.
    secrets: *const *const u8,
    /// Number of secrets; 0 when the tracer shall make them.
    count: u64,
    /// Where the body looks for the secret.
    buffer: *mut u8,
    /// Bytes in the buffer and in each secret.
    len: u64,
    /// Name of the region for reports, or null.
    name: *const u8,
    /// Bytes in the name.
    name_len: u64,
}

/// Answers of the tracer to `ctrace_next`. Without a tracer the function itself answers 0.
const ONCE_MORE: u64 = 1;
const DONE: u64 = 2;

/// Runs `body` once for each of `secrets`, with the secret in `buffer`.
///
/// What the body may depend on must be equal for all secrets; whatever differs must come from the buffer.
///
/// # Panics
/// When a secret has not the length of the buffer. Under a tracer a panic of the body aborts that run.
pub fn region(secrets: &[Vec<u8>], buffer: &mut [u8], body: impl Fn(&mut [u8])) {
    region_named("", secrets, buffer, body);
}

/// [`region`] with a name for the report, for programs with several regions.
///
/// # Panics
/// As [`region`].
pub fn region_named(name: &str, secrets: &[Vec<u8>], buffer: &mut [u8], body: impl Fn(&mut [u8])) {
    for secret in secrets {
        assert_eq!(secret.len(), buffer.len(), "each secret must have the length of the buffer");
    }
    run(name, secrets, buffer, &body);
}

/// Runs `body` on `len` secret bytes that the tracer makes: random, all zero, all ones, random again and so on.
///
/// Without a tracer the body runs on zeros, on ones and on two fixed patterns.
///
/// # Panics
/// Under a tracer a panic of the body aborts that run.
pub fn region_random(len: usize, body: impl Fn(&mut [u8])) {
    let mut buffer = vec![0; len];
    if run_traced("", &[], &mut buffer, &body) {
        return;
    }
    let pattern =
        |times: usize| (0..len).map(|at| (at.wrapping_mul(times) >> 3) as u8 ^ at as u8).collect();
    run_untraced(
        &[vec![0; len], vec![0xff; len], pattern(0x9e37), pattern(0x79b9)],
        &mut buffer,
        &body,
    );
}

/// The traced part begins here. [`region`] calls it; a program without [`region`] may call it itself.
#[inline(never)]
pub fn begin() {
    ctrace_begin();
}

/// The traced part ends here.
#[inline(never)]
pub fn end() {
    ctrace_end();
}

fn run(name: &str, secrets: &[Vec<u8>], buffer: &mut [u8], body: &dyn Fn(&mut [u8])) {
    if !run_traced(name, secrets, buffer, body) {
        run_untraced(secrets, buffer, body);
    }
}

fn run_untraced(secrets: &[Vec<u8>], buffer: &mut [u8], body: &dyn Fn(&mut [u8])) {
    for secret in secrets {
        buffer.copy_from_slice(secret);
        once(buffer, body);
    }
}

/// The buffer goes through `black_box` after `begin`, because the tracer has written to it meanwhile.
fn once(buffer: &mut [u8], body: &dyn Fn(&mut [u8])) {
    ctrace_begin();
    ctrace_inside(black_box(body), black_box(&mut *buffer));
    ctrace_end();
}

/// False when nobody traces.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn run_traced(
    name: &str,
    secrets: &[Vec<u8>],
    buffer: &mut [u8],
    body: &dyn Fn(&mut [u8]),
) -> bool {
    let pointers: Vec<*const u8> = secrets.iter().map(|secret| secret.as_ptr()).collect();
    let call = Call {
        version: 1,
        secrets: if pointers.is_empty() { std::ptr::null() } else { pointers.as_ptr() },
        count: pointers.len() as u64,
        buffer: buffer.as_mut_ptr(),
        len: buffer.len() as u64,
        name: name.as_ptr(),
        name_len: name.len() as u64,
    };
    loop {
        match ctrace_next(&call) {
            ONCE_MORE => {}
            DONE => return true,
            _ => return false,
        }
        // SAFETY: the child runs the body on this thread alone and leaves through `_exit`; it never returns into the
        // caller, not even by a panic (`AbortOnUnwind`).
        let child = unsafe { libc::fork() };
        if child == 0 {
            let guard = AbortOnUnwind;
            once(buffer, body);
            std::mem::forget(guard);
            // SAFETY: ends the child; no destructor of the parent's state may run in it.
            unsafe { libc::_exit(0) };
        }
        assert!(child > 0, "fork: {}", std::io::Error::last_os_error());
        let mut status = 0;
        // SAFETY: waits for the child made above and writes to a local.
        unsafe { libc::waitpid(child, &mut status, 0) };
    }
}

/// Tracing exists on x86-64 Linux only.
#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
fn run_traced(_: &str, _: &[Vec<u8>], _: &mut [u8], _: &dyn Fn(&mut [u8])) -> bool {
    false
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
struct AbortOnUnwind;

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
impl Drop for AbortOnUnwind {
    fn drop(&mut self) {
        std::process::abort();
    }
}

// The boundaries. `black_box` inside keeps the compiler from reasoning about the answer, the arguments or the memory.

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn ctrace_next(call: *const Call) -> u64 {
    black_box(call);
    black_box(0)
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn ctrace_begin() {
    black_box(1_u64);
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn ctrace_end() {
    black_box(2_u64);
}

#[unsafe(no_mangle)]
#[inline(never)]
fn ctrace_inside(body: &dyn Fn(&mut [u8]), buffer: &mut [u8]) {
    body(buffer);
    // not a tail call: tools that watch this function see it return
    black_box(());
}

#[cfg(test)]
mod tests {
    use super::{region, region_random};
    use std::cell::RefCell;

    #[test]
    fn untraced_the_body_sees_each_secret_once_and_in_order() {
        let seen = RefCell::new(Vec::new());
        let secrets = [vec![1, 2], vec![3, 4], vec![1, 2]];
        region(&secrets, &mut [9, 9], |buffer| {
            seen.borrow_mut().push(buffer.to_vec());
            buffer.fill(7);
        });
        assert_eq!(*seen.borrow(), secrets);
    }

    #[test]
    fn untraced_random_secrets_differ() {
        let seen = RefCell::new(std::collections::BTreeSet::new());
        region_random(32, |buffer| {
            seen.borrow_mut().insert(buffer.to_vec());
        });
        assert_eq!(seen.borrow().len(), 4);
    }
}
