//! Shows whether the instructions, the addresses and the operands of slow instructions of a program depend on a
//! secret: by running it ([`trace`]), by reading its machine code ([`scan`]), and by checking that the code that was
//! checked is the code that ships ([`same_code`]).
//!
//! `README.md` says what the verdict SAME means, and what it does not.

pub mod binary;
pub mod error;
pub mod instruction;
pub mod same_code;
pub mod scan;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub mod trace;
