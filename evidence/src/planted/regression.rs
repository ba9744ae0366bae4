//! The regression suite: a file for each leak that was ever in this project, with its story. Each
//! runs the code as it was, and the checks must see it for ever.

mod avx2_masked_store;
mod avx512_masked_store;
mod decimal_shift;
mod one_versus_rest;
mod portable_byte_lanes;
mod row_rules;
mod row_wholes;
mod rule_fold;
mod rule_members;
mod speculated_rounding;

use super::{SEEN_BY_ALL, SEEN_BY_MEMCHECK, SEEN_BY_TRACE, plant};
use crate::target::Target;

pub(super) fn add(targets: &mut Vec<Target>) {
    let portable = portable_byte_lanes::run;
    let name = "regression-portable-byte-lanes";
    plant(targets, name, "portable", SEEN_BY_ALL, || true, portable);
    let name = "regression-one-versus-rest";
    plant(targets, name, "scalar", SEEN_BY_TRACE, || true, one_versus_rest::run);
    let name = "regression-speculated-rounding";
    plant(targets, name, "scalar", SEEN_BY_TRACE, || true, speculated_rounding::run);
    let name = "regression-avx2-masked-store";
    let avx2 = || is_x86_feature_detected!("avx2");
    plant(targets, name, "avx2", SEEN_BY_ALL, avx2, avx2_masked_store::run);
    let name = "regression-rule-members";
    plant(targets, name, "avx2", SEEN_BY_ALL, avx2, rule_members::run);
    let name = "regression-rule-fold";
    plant(targets, name, "scalar", SEEN_BY_ALL, || true, rule_fold::run);
    let name = "regression-row-rules";
    plant(targets, name, "scalar", SEEN_BY_ALL, || true, row_rules::run);
    let name = "regression-row-wholes";
    plant(targets, name, "scalar", SEEN_BY_ALL, || true, row_wholes::run);
    let name = "regression-decimal-shift";
    plant(targets, name, "scalar", SEEN_BY_MEMCHECK, || true, decimal_shift::run);
    let name = "regression-avx512-masked-store";
    let avx512 = || is_x86_feature_detected!("avx512f");
    plant(targets, name, "avx512", SEEN_BY_ALL, avx512, avx512_masked_store::run);
}
