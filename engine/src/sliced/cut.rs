//! A tree into blocks for the bit-sliced kernel.
//!
//! From the leaves up, each subtree is either one block, laid out as a complete tree, or a node
//! above two subtrees, whichever takes fewer steps. The steps are counted in cycles of an AVX-512
//! core for 512 rows; the choice is the same for every backend.

use super::trees::{Child, Rule, Tree, exit_byte};
use crate::kernel::{BLOCK_DEPTH, Block, MAX_LINES, SlicedTree, Split};
use crate::program::ForestParameters;
use crate::shape::{ForestShape, LANES};
use ops::Line;

/// Cycles of a node above the blocks.
const SPLIT: u64 = 4;
/// Cycles of a block beside its nodes and places.
const BLOCK: u64 = 8;

/// A block has at most this many places for each of its leaves.
const PLACES_PER_LEAF: usize = 8;

/// Most blocks of a tree.
pub(super) const MOST_BLOCKS: usize = 1 << 14;

/// Most places of trees with so many nodes in all.
pub(super) fn most_places(nodes: u64, trees: u64) -> u64 {
    PLACES_PER_LEAF as u64 * (nodes + trees) + LANES as u64 * trees
}

/// All trees' nodes above the blocks, blocks, their nodes and leaf values.
pub(super) struct Layout<'a> {
    shape: &'a ForestShape,
    pub(super) splits: Vec<Split>,
    pub(super) blocks: Vec<Block>,
    pub(super) nodes: Vec<u32>,
    pub(super) values: Vec<Line>,
    /// Most blocks of a tree: as many masks.
    pub(super) masks: usize,
    /// Cycles of all trees' nodes, blocks and codes.
    pub(super) code_cycles: u64,
    /// Cycles of all trees' leaf values.
    pub(super) leaf_cycles: u64,
    lines: usize,
}

/// What is known of a subtree.
#[derive(Clone, Copy)]
struct Subtree {
    height: usize,
    leaves: usize,
    /// Cycles of the better choice.
    cost: u64,
    /// Whether that is one block.
    whole: bool,
}

/// A subtree that becomes a block.
struct Cut {
    mask: u32,
    root: Child,
    depth: usize,
}

impl<'a> Layout<'a> {
    pub(super) fn new(shape: &'a ForestShape) -> Self {
        Self {
            shape,
            splits: Vec::new(),
            blocks: Vec::new(),
            nodes: Vec::new(),
            values: Vec::new(),
            masks: 1,
            code_cycles: 0,
            leaf_cycles: 0,
            lines: 0,
        }
    }

    /// Lays out a tree; `None` where it has too many blocks or leaves.
    pub(super) fn add(
        &mut self,
        tree: &Tree,
        plane: &impl Fn(Rule) -> u32,
        forest: &ForestParameters,
    ) -> Option<SlicedTree> {
        let subtrees = self.subtrees(tree);
        let splits = self.splits.len();
        let mut cuts = self.cut(tree, &subtrees, plane);
        if cuts.len() > MOST_BLOCKS {
            return None;
        }
        self.masks = self.masks.max(cuts.len());
        // deepest first: then each block's places begin at a multiple of their number
        cuts.sort_by_key(|cut| std::cmp::Reverse(cut.depth));
        let places: usize = cuts.iter().map(|cut| 1 << cut.depth).sum();
        let lines = places.div_ceil(LANES);
        if lines > MAX_LINES {
            return None;
        }
        let leaves = self.leaves(places as u64);
        self.leaf_cycles += leaves;
        self.code_cycles += self.subtree(&subtrees, tree.root).cost.saturating_sub(leaves);
        let laid_out = SlicedTree {
            splits: [to_u32(splits)?, to_u32(self.splits.len() - splits)?],
            block: to_u32(self.blocks.len())?,
            depths: std::array::from_fn(|at| {
                cuts.iter().filter(|cut| cut.depth == BLOCK_DEPTH - at).count() as u32
            }),
            node: to_u32(self.nodes.len())?,
            line: to_u32(self.lines)?,
            lines: to_u32(lines)?,
            sum: to_u32(tree.sequence * self.shape.leaf_width as usize)?,
        };
        let line_values = self.shape.leaf_width as usize * self.shape.sum.value_bytes();
        self.lines += lines;
        self.values.resize(self.lines * line_values, Line::default());
        let mut place = 0;
        for cut in cuts {
            let code = (place % LANES) | ((place / LANES) << 8);
            self.blocks.push(Block { mask: cut.mask, code: to_u32(code)? });
            for leaf in self.put_nodes(tree, &cut, plane) {
                self.put_leaf(laid_out.line as usize, place, leaf, forest);
                place += 1;
            }
        }
        Some(laid_out)
    }

    /// Every node's subtree, from the last node to the first.
    fn subtrees(&self, tree: &Tree) -> Vec<Subtree> {
        let mut subtrees = vec![self.block(0, 1); tree.splits.len()];
        for (number, (_, children)) in tree.splits.iter().enumerate().rev() {
            let [left, right] = children.map(|child| self.subtree(&subtrees, child));
            let height = 1 + left.height.max(right.height);
            let leaves = left.leaves + right.leaves;
            let cost = SPLIT + left.cost + right.cost;
            subtrees[number] = Subtree { height, leaves, cost, whole: false };
            if height <= BLOCK_DEPTH && 1 << height <= PLACES_PER_LEAF * leaves {
                let whole = self.block(height, leaves);
                if whole.cost <= cost {
                    subtrees[number] = whole;
                }
            }
        }
        subtrees
    }

    fn subtree(&self, subtrees: &[Subtree], child: Child) -> Subtree {
        match child {
            Child::Split(number) => subtrees[number as usize],
            Child::Leaf { .. } => self.block(0, 1),
        }
    }

    /// A subtree as one block: its nodes, and its part of the lines that every row looks up.
    fn block(&self, height: usize, leaves: usize) -> Subtree {
        let places = 1u64 << height;
        let cost = BLOCK + places * 3 / 2 + self.leaves(places);
        Subtree { height, leaves, cost, whole: true }
    }

    /// Cycles of looking up the values of so many places for eight tiles of rows.
    fn leaves(&self, places: u64) -> u64 {
        let bytes = self.shape.leaf_width as u64 * self.shape.sum.value_bytes() as u64;
        places * (bytes + 2) / 8
    }

    /// Parts a tree into blocks.
    fn cut(&mut self, tree: &Tree, subtrees: &[Subtree], plane: &impl Fn(Rule) -> u32) -> Vec<Cut> {
        let mut cuts = Vec::new();
        let mut masks = 1;
        let mut open = vec![(tree.root, 0u32)];
        while let Some((root, mask)) = open.pop() {
            let subtree = self.subtree(subtrees, root);
            if let Child::Split(number) = root
                && !subtree.whole
            {
                let (rule, [left, right]) = tree.splits[number as usize];
                self.splits.push(Split { plane: plane(rule), mask, right: masks });
                open.extend([(right, masks), (left, mask)]);
                masks += 1;
                continue;
            }
            cuts.push(Cut { mask, root, depth: subtree.height });
        }
        cuts
    }

    /// The nodes of a block; its leaves by place.
    fn put_nodes(&mut self, tree: &Tree, cut: &Cut, plane: &impl Fn(Rule) -> u32) -> Vec<Child> {
        let places = 1usize << cut.depth;
        let first = self.nodes.len();
        self.nodes.resize(first + places - 1, 0);
        let mut leaves = vec![cut.root; places];
        let mut open = vec![(1usize, cut.root)];
        while let Some((place, child)) = open.pop() {
            match child {
                Child::Split(number) => {
                    let (rule, [left, right]) = tree.splits[number as usize];
                    self.nodes[first + place - 1] = plane(rule);
                    open.extend([(2 * place, left), (2 * place + 1, right)]);
                }
                Child::Leaf { .. } => {
                    let below = cut.depth - place.ilog2() as usize;
                    leaves[(place << below) - places..][..1 << below].fill(child);
                }
            }
        }
        leaves
    }

    /// A leaf's values at a place of the lines from `line` on.
    fn put_leaf(&mut self, line: usize, place: usize, leaf: Child, forest: &ForestParameters) {
        let Child::Leaf { block, exit } = leaf else { return };
        let bytes = self.shape.leaf_width as usize * self.shape.sum.value_bytes();
        let lines = &mut self.values[(line + place / LANES) * bytes..][..bytes];
        for (byte, line) in lines.iter_mut().enumerate() {
            let plane = self.shape.skip_bytes as usize + byte;
            line.0[place % LANES] = exit_byte(self.shape, forest, block as usize, plane, exit);
        }
    }
}

fn to_u32(count: usize) -> Option<u32> {
    u32::try_from(count).ok()
}
