//! Small functions with one planted leak each, and clean ones beside them. Tests hold that ctrace tells them apart.
//!
//! Each line that leaks carries a comment `LEAK` at its end or below it: tests look for the finding at exactly these lines. They must never be
//! linked into anything that ships.

mod clean;
mod leaks;
#[cfg(target_arch = "x86_64")]
mod vector;

/// What the tracer must say about a toy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Exit 0.
    Same,
    /// Exit 1, at a line marked `LEAK`.
    Leak,
    /// Exit 2: refused or not deterministic.
    None,
}

/// A named function of a secret and a buffer of the same length.
pub struct Toy {
    /// Its name.
    pub name: &'static str,
    /// The function.
    pub run: fn(&[u8], &mut [u8]),
    /// What the tracer must say.
    pub verdict: Verdict,
}

const fn toy(name: &'static str, run: fn(&[u8], &mut [u8]), verdict: Verdict) -> Toy {
    Toy { name, run, verdict }
}

/// Every toy that runs on a processor with AVX2. The AVX-512 ones are only compiled, for the scanner.
pub const TOYS: &[Toy] = &[
    toy("branch", leaks::branch, Verdict::Leak),
    toy("table", leaks::table, Verdict::Leak),
    toy("divide", leaks::divide, Verdict::Leak),
    toy("float_divide", leaks::float_divide, Verdict::Leak),
    toy("square_root", leaks::square_root, Verdict::Leak),
    toy("subnormal", leaks::subnormal, Verdict::Leak),
    toy("early_exit", leaks::early_exit, Verdict::Leak),
    toy("mask_subtract", leaks::mask_subtract, Verdict::Leak),
    toy("compare_bytes", leaks::compare_bytes, Verdict::Leak),
    toy("sort", leaks::sort, Verdict::Leak),
    toy("write_length", leaks::write_length, Verdict::Leak),
    #[cfg(target_arch = "x86_64")]
    toy("gather", vector::gather_toy, Verdict::Leak),
    #[cfg(target_arch = "x86_64")]
    toy("masked_store", vector::masked_store_toy, Verdict::Leak),
    #[cfg(target_arch = "x86_64")]
    toy("masked_load", vector::masked_load_toy, Verdict::Leak),
    #[cfg(target_arch = "x86_64")]
    toy("string_copy", vector::string_copy, Verdict::Leak),
    #[cfg(target_arch = "x86_64")]
    toy("string_search", vector::string_search, Verdict::Leak),
    #[cfg(target_arch = "x86_64")]
    toy("bit_test", vector::bit_test, Verdict::Leak),
    #[cfg(target_arch = "x86_64")]
    toy("bit_deposit", vector::bit_deposit_toy, Verdict::Leak),
    toy("clean_select", clean::select, Verdict::Same),
    toy("clean_sum", clean::sum, Verdict::Same),
    toy("clean_allocation", clean::allocation, Verdict::Same),
    toy("clean_public_branch", clean::public_branch, Verdict::Same),
    toy("clean_public_divide", clean::public_divide, Verdict::Same),
    toy("clean_system_call", clean::system_call, Verdict::Same),
    toy("clean_long", clean::long, Verdict::Same),
    #[cfg(target_arch = "x86_64")]
    toy("clean_blend", vector::clean_blend_toy, Verdict::Same),
    #[cfg(target_arch = "x86_64")]
    toy("clean_public_gather", vector::clean_public_gather_toy, Verdict::Same),
    #[cfg(target_arch = "x86_64")]
    toy("clean_string_copy", vector::clean_string_copy, Verdict::Same),
    toy("clock", clean::clock, Verdict::None),
    toy("thread", clean::thread, Verdict::None),
    toy("panic", clean::panics, Verdict::None),
];
