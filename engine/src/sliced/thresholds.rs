//! Which trees share planes, and the slots that fill them.
//!
//! Consecutive trees make a group as long as their distinct thresholds have room: every group ranks
//! its columns anew, and planes that are read again are best near. Within a group a slot ranks one
//! source against at most 255 thresholds, and its planes stand in the order of the thresholds.

use super::trees::{Rule, Source, Tree};
use std::collections::BTreeSet;
use std::ops::Range;

/// Most planes of a group, without the one of zeros: one megabyte.
pub(super) const MOST_PLANES: usize = 1 << 14;

/// Most thresholds of a slot.
const SLOT_THRESHOLDS: usize = 255;

/// Groups and slots of a forest.
pub(super) struct Grouping {
    pub(super) groups: Vec<Group>,
    pub(super) slots: Vec<Slot>,
    /// Most planes of a group, with the one of zeros.
    pub(super) planes: usize,
}

/// One group.
pub(super) struct Group {
    pub(super) trees: Range<usize>,
    pub(super) slots: Range<usize>,
    /// Ascending: the order of the planes, from plane 1 on.
    rules: Vec<Rule>,
}

/// One source and thresholds of it, ascending.
pub(super) struct Slot {
    pub(super) source: Source,
    pub(super) thresholds: Vec<i64>,
}

impl Group {
    /// The plane of a rule that the group has.
    pub(super) fn plane(&self, rule: Rule) -> u32 {
        1 + self.rules.partition_point(|&other| other < rule) as u32
    }
}

/// Groups the trees; `None` where one has too many thresholds.
pub(super) fn group(trees: &[Tree]) -> Option<Grouping> {
    let mut grouping = Grouping { groups: Vec::new(), slots: Vec::new(), planes: 1 };
    let mut rules: BTreeSet<Rule> = BTreeSet::new();
    let mut first = 0;
    for (number, tree) in trees.iter().enumerate() {
        let new: BTreeSet<Rule> =
            tree.splits.iter().map(|split| split.0).filter(|rule| !rules.contains(rule)).collect();
        if rules.len() + new.len() > MOST_PLANES {
            grouping.close(first..number, std::mem::take(&mut rules));
            first = number;
            rules.extend(tree.splits.iter().map(|split| split.0));
            if rules.len() > MOST_PLANES {
                return None;
            }
        } else {
            rules.extend(new);
        }
    }
    grouping.close(first..trees.len(), rules);
    Some(grouping)
}

impl Grouping {
    fn close(&mut self, trees: Range<usize>, rules: BTreeSet<Rule>) {
        let rules: Vec<Rule> = rules.into_iter().collect();
        let first = self.slots.len();
        for run in rules.chunk_by(|a, b| a.0 == b.0) {
            for chunk in run.chunks(SLOT_THRESHOLDS) {
                let thresholds = chunk.iter().map(|rule| rule.1).collect();
                self.slots.push(Slot { source: chunk[0].0, thresholds });
            }
        }
        self.planes = self.planes.max(1 + rules.len());
        self.groups.push(Group { trees, slots: first..self.slots.len(), rules });
    }
}
