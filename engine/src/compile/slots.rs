//! Thresholds into slots.
//!
//! A slot ranks one feature, with one way to treat missing values, against at most 255 thresholds.
//! The thresholds of a source that has more are dealt to several slots. Neighbouring lane groups
//! share a set of slots (a rank group) as long as that is cheaper than ranking once more: a large
//! forest has more thresholds than slots can hold, a small one has few.

use super::layout::Lane;
use super::plain::{Source, Splits};
use crate::error::CompileError;
use crate::shape::{ForestShape, LANES, ShapeClass, round_slots, round_thresholds};

/// Most slots of a rank group: a node names its slot by a byte and a page of 64.
const MAX_SLOTS: usize = 1 << 14;

/// Slots of every rank group, at their rounded sizes.
pub(crate) struct Slots {
    pub(crate) lane_groups_per_group: usize,
    pub(crate) slots: usize,
    pub(crate) thresholds: usize,
    pub(crate) groups: Vec<Group>,
}

/// The slots of one rank group.
pub(crate) struct Group {
    /// Ascending by source, then threshold.
    pub(crate) slots: Vec<Slot>,
}

/// One slot: a source and its thresholds, ascending.
pub(crate) struct Slot {
    pub(crate) source: Source,
    pub(crate) thresholds: Vec<i64>,
}

impl Group {
    /// The slot and rank of a threshold that the group holds.
    pub(crate) fn find(&self, source: Source, threshold: i64) -> (usize, usize) {
        let after = self
            .slots
            .partition_point(|slot| (slot.source, slot.thresholds[0]) <= (source, threshold));
        let slot = after - 1;
        (slot, self.slots[slot].thresholds.partition_point(|&t| t < threshold))
    }
}

/// Deals the thresholds of all lanes.
pub(crate) fn deal(
    splits: &Splits<'_>,
    lanes: &[Lane<'_>],
    forest: &ForestShape,
    features: u32,
    class: ShapeClass,
) -> Result<Slots, CompileError> {
    let lane_groups = forest.lane_groups();
    let rules: Vec<Vec<(Source, i64)>> =
        lanes.chunks(LANES).map(|group| distinct_rules(splits, group)).collect();
    let mut best: Option<(u64, Slots)> = None;
    let mut per_group = lane_groups;
    loop {
        let candidate = deal_with(&rules, lane_groups, per_group, class);
        if candidate.slots <= MAX_SLOTS {
            let cost = cost(&candidate, forest, features);
            if best.as_ref().is_none_or(|(least, _)| cost < *least) {
                best = Some((cost, candidate));
            }
        }
        if per_group == 1 {
            break;
        }
        per_group = if per_group > 16 { 16 } else { per_group.div_ceil(4) };
    }
    best.map(|(_, slots)| slots).ok_or(CompileError::TooManySlots)
}

/// The distinct rules of a lane group, ascending.
fn distinct_rules(splits: &Splits<'_>, lanes: &[Lane<'_>]) -> Vec<(Source, i64)> {
    let mut rules: Vec<_> = lanes
        .iter()
        .filter_map(|lane| lane.block)
        .flat_map(|(tree, block)| block.nodes.iter().map(move |node| splits.rule(tree, node.split)))
        .collect();
    rules.sort_unstable();
    rules.dedup();
    rules
}

fn deal_with(
    rules: &[Vec<(Source, i64)>],
    lane_groups: usize,
    per_group: usize,
    class: ShapeClass,
) -> Slots {
    let merged: Vec<Vec<(Source, i64)>> = rules
        .chunks(per_group)
        .map(|groups| {
            let mut all = groups.concat();
            all.sort_unstable();
            all.dedup();
            all
        })
        .collect();
    let longest_run = merged
        .iter()
        .flat_map(|rules| rules.chunk_by(|a, b| a.0 == b.0))
        .map(<[_]>::len)
        .max()
        .unwrap_or(1);
    // a search tree is complete: even class exact rounds here
    let thresholds = round_thresholds(longest_run);
    let groups: Vec<Group> = merged
        .iter()
        .map(|rules| Group {
            slots: rules
                .chunk_by(|a, b| a.0 == b.0)
                .flat_map(|run| run.chunks(thresholds))
                .map(|chunk| Slot {
                    source: chunk[0].0,
                    thresholds: chunk.iter().map(|rule| rule.1).collect(),
                })
                .collect(),
        })
        .collect();
    let most = groups.iter().map(|group| group.slots.len()).max().unwrap_or(0).max(1);
    let slots = match class {
        ShapeClass::Auto => round_slots(most),
        ShapeClass::Exact => most.next_multiple_of(16),
    };
    debug_assert_eq!(groups.len(), lane_groups.div_ceil(per_group));
    Slots { lane_groups_per_group: per_group, slots, thresholds, groups }
}

/// Vector operations per row: ranking once per rank group, and one lookup per page and node.
fn cost(slots: &Slots, forest: &ForestShape, features: u32) -> u64 {
    let levels = (slots.thresholds + 1).ilog2() as usize;
    let ranking = slots.groups.len() * (slots.slots / 16) * (features as usize / 16 + 6 * levels);
    let pages = slots.slots.div_ceil(LANES);
    let node = if pages == 1 { 4 } else { 3 + 3 * pages };
    (ranking + forest.lane_groups() * forest.nodes as usize * node) as u64
}
