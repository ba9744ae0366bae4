//! The kernels: one file per program step, each body written once, generic over lanes.
//!
//! No kernel branches, indexes or sizes anything by a secret, compares floats, divides, or hands a
//! mask to memory. A kernel's entry is a public, non-generic function that names the backend, so
//! that the machine code that was checked can be found in the binary that ships.

mod bit_sliced;
mod columns;
mod exponential;
mod interval_max;
mod interval_max_rows;
mod keys;
mod leaf_sum;
mod linear;
mod link;
mod rank;
mod rank_row;
mod rule;
mod threshold_planes;
mod transpose;
mod value;

pub use bit_sliced::{
    BLOCK_DEPTH, Block, MAX_LINES, PLANE_TILES, SlicedTree, SlicedTrees, Split, bit_sliced_f32,
    bit_sliced_f64, bit_sliced_i64, bit_sliced_u32,
};
pub use columns::{Column, columns_f32, columns_f64};
pub use interval_max::interval_max;
pub use interval_max_rows::{RankPlanes, interval_max_rows};
pub use keys::{order_keys_f32, order_keys_f64, row_words};
pub use leaf_sum::{
    Exits, LeafRow, LeafTiles, leaf_sum_f32, leaf_sum_f64, leaf_sum_i64, leaf_sum_row_f32,
    leaf_sum_row_f64, leaf_sum_row_i64, leaf_sum_row_u32, leaf_sum_u32, row_places,
};
pub use linear::linear;
pub use link::{Linked, link};
pub use rank::{Slots, rank_f32, rank_f64};
pub use rank_row::{rank_row_f32, rank_row_f64};
pub use rule::{
    Raw, Source, rule_binary, rule_divide, rule_fold, rule_fold_first, rule_load, rule_lookup,
    rule_member, rule_select, rule_wide, rule_wide_member,
};
pub use threshold_planes::{PublicSlot, threshold_planes_f32, threshold_planes_f64};
pub use transpose::{rank_rows, transpose};

/// Rows of a tile: as many as lanes.
pub const TILE: usize = crate::shape::LANES;
