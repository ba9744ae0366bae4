//! Which kernel walks the trees: chosen by what is public, the profile, the shape, the backend and the
//! number of rows, and in profile `data-oblivious` by the trees, which that profile does not hide. All
//! of them give the same scores.

use crate::error::EvaluateError;
use crate::scratch::BLOCK_ROWS;
use crate::shape::{ForestShape, LANES, Profile, RankShape};
use crate::sliced::Sliced;
use ops::Backend;

/// So many rows go one after the other: they take no longer than eight side by side.
const FEW_ROWS: usize = 4;

/// A kernel that walks trees.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TreeKernel {
    /// 64 trees or blocks side by side, a row after the other: any profile.
    IntervalMax,
    /// 64 rows side by side, a block after the other: profile `data-oblivious`.
    IntervalMaxRows,
    /// 512 rows side by side, a bit each, a tree after the other: profile `data-oblivious`, where the
    /// program's parameters are trees.
    BitSliced,
}

impl TreeKernel {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::IntervalMax, Self::IntervalMaxRows, Self::BitSliced];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::IntervalMax => "interval-max",
            Self::IntervalMaxRows => "interval-max-rows",
            Self::BitSliced => "bit-sliced",
        }
    }
}

/// What walking the trees of a program depends on.
pub(crate) struct Trees<'a> {
    pub(crate) profile: Profile,
    pub(crate) rank: &'a RankShape,
    pub(crate) forest: &'a ForestShape,
    pub(crate) sliced: Option<&'a Sliced>,
}

/// Steps of the kernels on one backend, as measured on one CPU: only their ratios matter.
struct Steps {
    /// `interval_max`: one node of 64 lanes for one row.
    lanes: u64,
    /// The same, for each further page of slots.
    page: u64,
    /// `interval_max_rows`: one node for 64 rows.
    rows: u64,
    /// `bit_sliced`: what `sliced::cut` counts as one cycle of a code.
    code: u64,
    /// The same, of a leaf's value.
    leaf: u64,
    /// One plane of a threshold for 512 rows.
    plane: u64,
}

impl Trees<'_> {
    /// The kernel that takes the fewest cycles for so many rows. `benches/choice.py` measures what
    /// another choice would have taken.
    fn fastest(&self, backend: Backend, rows: usize) -> TreeKernel {
        if self.profile == Profile::Strict {
            return TreeKernel::IntervalMax;
        }
        let steps = match backend.name() {
            "avx512" => Steps { lanes: 4, page: 1, rows: 9, code: 4, leaf: 1, plane: 11 },
            "avx2" => Steps { lanes: 42, page: 26, rows: 23, code: 12, leaf: 14, plane: 42 },
            _ => Steps { lanes: 600, page: 600, rows: 300, code: 60, leaf: 250, plane: 100 },
        };
        // more rows than a block have the same best kernel as a block
        let rows = rows.clamp(1, BLOCK_ROWS) as u64;
        let pages = u64::from(self.rank.slots).div_ceil(LANES as u64);
        let nodes = self.forest.lane_groups() as u64 * u64::from(self.forest.nodes);
        let few = rows <= FEW_ROWS as u64;
        let walked = if few { rows } else { rows.next_multiple_of(8) };
        let lanes = walked * nodes * (steps.lanes + (pages - 1) * steps.page);
        let tiles = rows.div_ceil(LANES as u64);
        let (real_nodes, sliced) = match self.sliced {
            Some(sliced) => {
                let codes = sliced.code_cycles() * steps.code;
                let leaves = tiles * sliced.leaf_cycles() * steps.leaf;
                (sliced.nodes(), codes + leaves + sliced.thresholds() * steps.plane)
            }
            None => (nodes * LANES as u64, u64::MAX),
        };
        let by_rows = tiles * real_nodes * steps.rows;
        let least = lanes.min(by_rows).min(sliced);
        if least == sliced {
            TreeKernel::BitSliced
        } else if least == lanes {
            TreeKernel::IntervalMax
        } else {
            TreeKernel::IntervalMaxRows
        }
    }
}

/// A kernel with what its memory depends on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Walk {
    /// `interval_max`.
    Lanes,
    /// The same for so many rows, one after the other, which share nothing.
    Few(usize),
    /// `interval_max_rows`.
    Rows,
    /// `bit_sliced`, which needs so many planes and masks.
    Sliced(usize),
}

impl Walk {
    /// The kernel that was asked for, else the fastest.
    ///
    /// # Errors
    /// Where the program cannot be evaluated by the kernel that was asked for.
    pub(crate) fn choose(
        asked: Option<TreeKernel>,
        trees: &Trees<'_>,
        backend: Backend,
        rows: usize,
    ) -> Result<Self, EvaluateError> {
        let kernel = asked.unwrap_or_else(|| trees.fastest(backend, rows));
        if !Self::possible(trees.profile, trees.sliced.is_some()).contains(&kernel) {
            return Err(EvaluateError::Kernel);
        }
        Ok(match kernel {
            TreeKernel::IntervalMax if rows <= FEW_ROWS => Self::Few(rows),
            TreeKernel::IntervalMax => Self::Lanes,
            TreeKernel::IntervalMaxRows => Self::Rows,
            TreeKernel::BitSliced => Self::Sliced(trees.sliced.map_or(0, Sliced::planes)),
        })
    }

    /// The kernels that a profile allows, where the trees are or are not laid out.
    pub(crate) fn possible(profile: Profile, sliced: bool) -> Vec<TreeKernel> {
        match (profile, sliced) {
            (Profile::Strict, _) => vec![TreeKernel::IntervalMax],
            (Profile::DataOblivious, false) => {
                vec![TreeKernel::IntervalMax, TreeKernel::IntervalMaxRows]
            }
            (Profile::DataOblivious, true) => TreeKernel::ALL.to_vec(),
        }
    }

    /// The kernel.
    pub(crate) fn kernel(self) -> TreeKernel {
        match self {
            Self::Lanes | Self::Few(_) => TreeKernel::IntervalMax,
            Self::Rows => TreeKernel::IntervalMaxRows,
            Self::Sliced(_) => TreeKernel::BitSliced,
        }
    }
}
