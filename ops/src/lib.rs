//! Constant-time primitives: secret types, masks, select, compare, order keys, lookups, fixed point,
//! and byte lanes behind CPU detection tokens.
//!
//! Nothing here knows a program. Every function's trace depends on lengths and on the backend alone,
//! never on values: a name that ends in `_vartime` is the exception, and says what it leaks.
//!
//! This is the one place for scalar selects (`cmov`), equality of secret bytes (`subtle`), wide
//! integers (`crypto-bigint`) and wiping (`zeroize`): no second implementation anywhere else.

mod arch;
mod compare;
mod decimal;
mod divide;
mod fixed;
mod lanes;
mod line;
mod mask;
mod order;
mod prefetch;
mod quotient;
mod secret;
mod select;
pub mod wide;
mod widen;
pub mod word;

pub use arch::{Backend, Kernel};
pub use compare::{equal_bytes, greater_i64, greater_u64, is_zero_u64};
pub use decimal::{MAX_DECIMALS, to_decimals};
pub use divide::{IntegerDivisor, PublicDivisor};
pub use fixed::{fixed_to_f64, from_f64_vartime};
pub use lanes::{KeyLanes, Lanes};
pub use line::{LINE, Line, Words, bytes_to_lines, lines_to_bytes, search_order};
pub use mask::Mask;
pub use order::{Key, key_f32, key_f64, value_f32, value_f64};
pub use prefetch::prefetch;
pub use quotient::divide_f64;
pub use secret::Secret;
pub use select::{select_i64, select_u32, select_u64};
pub use widen::widen_f32;
