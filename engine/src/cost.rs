//! What a program costs, from its shape alone.

use crate::kernel::row_words;
use crate::program::section_bytes;
use crate::rule::{RULE_BLOCK, rule_cost, scratch_bytes};
use crate::scratch::{BLOCK_TILES, Scratch, pages};
use crate::shape::{LANES, Profile, Shape, StepShape, Sum};
use crate::sliced::Sliced;

/// Memory and work of a program. A function of the shape: the same for every program of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cost {
    /// Bytes of the secret parameters.
    pub program_bytes: u64,
    /// Bytes that each thread allocates before it reads the first row.
    pub scratch_bytes: u64,
    /// Kernel steps for one tile of 64 rows: picks and search steps of 16 keys, node steps of 64
    /// lanes (in profile `data-oblivious` at most), table lookups of 64 rows.
    pub tile_steps: u64,
    /// Rows that share one read of the parameters.
    pub block_rows: u64,
    /// Most bytes of what a program of profile `data-oblivious` keeps beside its parameters.
    pub layout_bytes: u64,
    /// The kernel that walks the trees of a large batch. In profile `data-oblivious` the number of
    /// rows and the trees decide, and few rows have another ([`tree_kernel`](crate::tree_kernel)).
    pub kernel: &'static str,
}

/// The cost of a shape.
pub fn cost(shape: &Shape) -> Cost {
    let mut steps = 0;
    let mut kernel = "linear";
    for step in &shape.steps {
        steps += match step {
            StepShape::Rank(rank) => {
                let chunks = u64::from(rank.groups) * u64::from(rank.slots / 16);
                let picks = row_words(shape.features as usize) as u64 * LANES as u64;
                let searches = u64::from((rank.thresholds + 1).ilog2()) * LANES as u64;
                let turns = match shape.profile {
                    Profile::Strict => u64::from(rank.groups) * pages(rank) as u64,
                    Profile::DataOblivious => 0,
                };
                chunks * (picks + searches) + turns
            }
            StepShape::Forest(forest) => {
                kernel = match shape.profile {
                    Profile::Strict => "interval-max",
                    Profile::DataOblivious => "bit-sliced",
                };
                let nodes = forest.lane_groups() as u64 * u64::from(forest.nodes);
                let lookups = (forest.exit_planes() * forest.exit_lines()) as u64;
                nodes * LANES as u64 + forest.total_blocks() as u64 * lookups
            }
            StepShape::Linear(linear) => {
                u64::from(linear.outputs) * u64::from(shape.features) * LANES as u64
            }
            StepShape::Link(_) => LANES as u64,
            StepShape::Rule(rule) => {
                kernel = "rule";
                // a step of a rule is one loop over 512 rows
                rule_cost(rule).block * LANES as u64 / RULE_BLOCK as u64
            }
        };
    }
    let layout_bytes = match shape.steps.as_slice() {
        [_, StepShape::Forest(forest), ..] if shape.profile == Profile::DataOblivious => {
            Sliced::bytes(forest)
        }
        _ => 0,
    };
    let scratch_bytes = match shape.steps.as_slice() {
        [StepShape::Rule(rule)] => scratch_bytes(rule),
        _ => Scratch::bytes(shape),
    };
    Cost {
        layout_bytes,
        program_bytes: section_bytes(shape).into_iter().sum(),
        scratch_bytes,
        tile_steps: steps,
        block_rows: (BLOCK_TILES * LANES) as u64,
        kernel,
    }
}

/// Largest distance of a margin of a fixed-point sum from the exact sum of the leaf values (or their
/// exact average), every rounding counted, from the shape alone; `None` where the sum is the
/// library's own.
///
/// In units of the lowest fraction bit: half a unit for each leaf and for the base; then half a unit
/// in the last place of the f64 that the integer becomes, which is 2^8 units because sums stay below
/// 2^62; and for an average as much as 2^9 units more, before it is divided.
pub fn fixed_error_bound(shape: &Shape) -> Option<f64> {
    shape.steps.iter().find_map(|step| match step {
        StepShape::Forest(forest) => match forest.sum {
            Sum::Fixed { fraction_bits } => {
                let unit = (-f64::from(fraction_bits)).exp2();
                let leaves = (f64::from(forest.trees) + 1.0) / 2.0;
                Some(match forest.average {
                    None => (leaves + 256.0) * unit,
                    Some(n) => (leaves + 256.0 + 512.0) * unit / f64::from(n),
                })
            }
            _ => None,
        },
        _ => None,
    })
}
