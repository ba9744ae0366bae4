//! Valgrind client requests, by hand: a request is a rotation of a register that changes nothing on
//! a CPU, and that Valgrind knows. `valgrind.h` documents the sequence and the numbers; its use is
//! free (BSD-style licence). Without Valgrind every request does nothing and answers 0.

const MEMCHECK: u64 = (b'M' as u64) << 24 | (b'C' as u64) << 16;
const RUNNING_ON_VALGRIND: u64 = 0x1001;
const COUNT_ERRORS: u64 = 0x1201;

/// Is this process run by Valgrind?
pub fn on_valgrind() -> bool {
    request([RUNNING_ON_VALGRIND, 0, 0]) != 0
}

/// Errors that Valgrind has reported so far.
pub fn errors() -> u64 {
    request([COUNT_ERRORS, 0, 0])
}

/// Marks bytes as undefined: from here on memcheck reports whatever branches on them or uses them
/// as an address.
pub fn mark_secret(bytes: &mut [u8]) {
    request([MEMCHECK + 1, bytes.as_mut_ptr() as u64, bytes.len() as u64]);
}

/// Marks bytes as defined: they are public from here on.
pub fn mark_public(bytes: &mut [u8]) {
    request([MEMCHECK + 2, bytes.as_mut_ptr() as u64, bytes.len() as u64]);
}

#[cfg(target_arch = "x86_64")]
fn request([number, a, b]: [u64; 3]) -> u64 {
    let arguments = [number, a, b, 0, 0, 0];
    let mut answer = 0u64;
    // SAFETY: four rotations by 128 bits in all leave `rdi` as it was, and `xchg rbx, rbx` does
    // nothing. Under Valgrind, `rdx` receives the answer and memory is only read. LLVM reserves rbx,
    // but it is not changed.
    unsafe {
        std::arch::asm!(
            "rol rdi, 3",
            "rol rdi, 13",
            "rol rdi, 61",
            "rol rdi, 51",
            "xchg rbx, rbx",
            inout("rdx") answer,
            in("rax") arguments.as_ptr(),
            inout("rdi") 0u64 => _,
            options(nostack),
        );
    }
    answer
}

#[cfg(not(target_arch = "x86_64"))]
fn request(_: [u64; 3]) -> u64 {
    0
}
