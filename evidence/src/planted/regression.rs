//! The regression suite: a file for each leak that was ever in this project, with its story. Each
//! runs the code as it was, and the checks must see it for ever.

mod portable_byte_lanes;

use super::{SEEN_BY_ALL, plant};
use crate::target::Target;

pub(super) fn add(targets: &mut Vec<Target>) {
    plant(
        targets,
        "regression-portable-byte-lanes",
        "portable",
        SEEN_BY_ALL,
        || true,
        portable_byte_lanes::run,
    );
}
