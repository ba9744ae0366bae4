//! Trees from a program's blocks.
//!
//! A row walks a sequence of blocks: it leaves each block that counts by an exit, which has a value
//! and says how many blocks to skip. A run of blocks that every walk enters at its first block and
//! leaves behind its last one is a tree where no block has two ways in.

use crate::program::{ForestParameters, RankParameters, RankTables, node_planes};
use crate::shape::{ForestShape, LANES, RankShape};
use ops::Key;

/// What a rank is taken of: a feature, and what becomes of missing values.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Source {
    pub(super) feature: u32,
    /// Lowest and highest key that count as missing, and the key that missing becomes.
    pub(super) missing: [i64; 3],
}

/// Right where the source's key is at or above the threshold's.
pub(super) type Rule = (Source, i64);

/// Where a node leads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Child {
    /// To the node with this number, which is larger than its parent's.
    Split(u32),
    /// To an exit of a block.
    Leaf { block: u32, exit: u8 },
}

/// A tree whose nodes stand in preorder, the left subtree first.
pub(super) struct Tree {
    /// Which of the sequences its leaves belong to.
    pub(super) sequence: usize,
    /// Where it begins.
    pub(super) root: Child,
    /// Each node's rule, and where it leads on the left and on the right.
    pub(super) splits: Vec<(Rule, [Child; 2])>,
}

/// All trees of a forest but those that add nothing; `None` where the parameters are no trees.
pub(super) fn read(
    rank: &RankShape,
    ranks: &RankParameters,
    features: u32,
    shape: &ForestShape,
    forest: &ForestParameters,
) -> Option<Vec<Tree>> {
    let entries = ops::search_order(rank.thresholds as usize).collect();
    let reader = Reader { rank, ranks, entries, features, shape, forest };
    let blocks = shape.blocks as usize;
    let mut trees = Vec::new();
    for sequence in 0..shape.sequences as usize {
        let (mut first, end) = (sequence * blocks, (sequence + 1) * blocks);
        while first < end {
            let last = reader.last_of_tree(first, end)?;
            if let Some(tree) = reader.tree(sequence, first..last)? {
                trees.push(tree);
            }
            first = last;
        }
    }
    Some(trees)
}

struct Reader<'a> {
    rank: &'a RankShape,
    ranks: &'a RankParameters,
    /// Where the thresholds of a slot stand, in ascending order.
    entries: Vec<usize>,
    features: u32,
    shape: &'a ForestShape,
    forest: &'a ForestParameters,
}

/// A node as the parameters have it.
struct Node {
    rule: Rule,
    first: u8,
    middle: u8,
}

impl Reader<'_> {
    /// The nodes of a block, and its last exit: of a block without nodes, its only one.
    fn nodes(&self, block: usize) -> Option<(Vec<Node>, u8)> {
        let (planes, nodes) = (node_planes(self.rank), self.shape.nodes as usize);
        let (group, lane) = (block / LANES, block % LANES);
        let lines = &self.forest.nodes.expose()[group * nodes * planes..][..nodes * planes];
        let end = self.forest.ends.expose()[group].0[lane];
        let (slots, thresholds) = (self.rank.slots as usize, self.rank.thresholds as usize);
        let first_slot = group / self.shape.lane_groups_per_rank_group as usize * slots;
        let mut found = Vec::new();
        let mut first = 0u8;
        for node in lines.chunks_exact(planes) {
            let threshold = usize::from(node[1].0[lane]);
            if threshold == usize::from(u8::MAX) {
                break;
            }
            first = first.wrapping_sub(node[2].0[lane]);
            let page = node.get(4).map_or(0, |line| usize::from(line.0[lane]));
            let slot = page * LANES + usize::from(node[0].0[lane]);
            if slot >= slots || threshold >= thresholds {
                return None;
            }
            let rule = match self.ranks {
                RankParameters::Narrow(tables) => {
                    self.rule(tables, first_slot + slot, threshold, i64::from)
                }
                RankParameters::Wide(tables) => {
                    self.rule(tables, first_slot + slot, threshold, |key| key)
                }
            }?;
            found.push(Node { rule, first, middle: first.wrapping_add(node[3].0[lane]) });
        }
        // without nodes a row's exit is the end itself
        let ends = if found.is_empty() { end == 0 } else { first == end };
        let last = u8::try_from(found.len()).ok()?;
        ends.then_some((found, last))
    }

    /// The rule of a slot's threshold, the slots of all rank groups in order.
    fn rule<K: Key>(
        &self,
        tables: &RankTables<K>,
        slot: usize,
        threshold: usize,
        wide: impl Fn(K) -> i64,
    ) -> Option<Rule> {
        let words = (self.rank.thresholds as usize + 1) / 16;
        let head = tables.heads.expose().get(slot / 16)?;
        let [feature, low, high, becomes] = head.each_ref().map(|word| wide(word.0[slot % 16]));
        let feature = u32::try_from(feature).ok().filter(|&feature| feature < self.features)?;
        let entry = *self.entries.get(threshold)?;
        let key = tables.tables.expose().get(slot * words + entry / 16)?.0[entry % 16];
        Some((Source { feature, missing: [low, high, becomes] }, wide(key)))
    }

    /// How many blocks a row skips that leaves by this exit.
    fn skip(&self, block: usize, exit: u8) -> usize {
        (0..self.shape.skip_bytes as usize)
            .map(|plane| usize::from(self.exit_byte(block, plane, exit)) << (8 * plane))
            .sum()
    }

    /// Does the exit's value change no sum?
    fn adds_nothing(&self, block: usize, exit: u8) -> bool {
        let nothing = self.shape.sum.nothing().to_le_bytes();
        let bytes = self.shape.sum.value_bytes();
        (0..self.shape.leaf_width as usize * bytes).all(|byte| {
            let plane = self.shape.skip_bytes as usize + byte;
            self.exit_byte(block, plane, exit) == nothing[byte % bytes]
        })
    }

    fn exit_byte(&self, block: usize, plane: usize, exit: u8) -> u8 {
        exit_byte(self.shape, self.forest, block, plane, exit)
    }

    /// Behind the last block of the tree that begins at `first`.
    fn last_of_tree(&self, first: usize, end: usize) -> Option<usize> {
        let (mut block, mut last) = (first, first + 1);
        while block < last {
            let (_, exits) = self.nodes(block)?;
            for exit in 0..=exits {
                last = last.max((block + 1 + self.skip(block, exit)).min(end));
            }
            block += 1;
        }
        Some(last)
    }

    /// The tree of these blocks; `Some(None)` where it adds nothing.
    fn tree(&self, sequence: usize, blocks: std::ops::Range<usize>) -> Option<Option<Tree>> {
        let mut splits: Vec<(Rule, [Child; 2])> = Vec::new();
        let mut entered = vec![false; blocks.len()];
        let mut root = None;
        // where the next subtree hangs: a node and a side; none is the root
        let mut open: Vec<(Option<(usize, usize)>, usize)> = vec![(None, blocks.start)];
        while let Some((place, block)) = open.pop() {
            if std::mem::replace(&mut entered[block - blocks.start], true) {
                return None;
            }
            let (nodes, last) = self.nodes(block)?;
            let mut rest = nodes.iter();
            let mut inside = vec![(place, 0..usize::from(last) + 1)];
            // blocks that this one leads to, from left to right
            let mut next = Vec::new();
            while let Some((place, exits)) = inside.pop() {
                let child = if exits.len() == 1 {
                    let exit = exits.start as u8;
                    let target = block + 1 + self.skip(block, exit);
                    if target < blocks.end {
                        if !self.adds_nothing(block, exit) {
                            return None;
                        }
                        next.push((place, target));
                        continue;
                    }
                    Child::Leaf { block: u32::try_from(block).ok()?, exit }
                } else {
                    let node = rest.next()?;
                    let (first, middle) = (usize::from(node.first), usize::from(node.middle));
                    if first != exits.start || middle <= first || middle >= exits.end {
                        return None;
                    }
                    let number = splits.len();
                    let unknown = Child::Split(u32::MAX);
                    splits.push((node.rule, [unknown; 2]));
                    inside.push((Some((number, 1)), middle..exits.end));
                    inside.push((Some((number, 0)), first..middle));
                    Child::Split(u32::try_from(number).ok()?)
                };
                match place {
                    None => root = Some(child),
                    Some((parent, side)) => splits[parent].1[side] = child,
                }
            }
            open.extend(next.into_iter().rev());
        }
        let root = root?;
        if let Child::Leaf { block, exit } = root
            && self.adds_nothing(block as usize, exit)
        {
            return Some(None);
        }
        entered.iter().all(|&entered| entered).then_some(Some(Tree { sequence, root, splits }))
    }
}

/// A byte of an exit's entry.
pub(super) fn exit_byte(
    shape: &ForestShape,
    forest: &ForestParameters,
    block: usize,
    plane: usize,
    exit: u8,
) -> u8 {
    let lines = shape.exit_lines();
    let block_lines = shape.exit_planes() * lines;
    let line = block * block_lines + plane * lines + usize::from(exit) / LANES;
    forest.exits.expose()[line].0[usize::from(exit) % LANES]
}
