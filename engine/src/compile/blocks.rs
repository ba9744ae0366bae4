//! Trees into blocks of connected nodes.
//!
//! A block's nodes stand in preorder; its exits (leaves, and roots of further blocks) are numbered
//! from left to right. A tree of at most 255 nodes can stay whole; a larger one is cut so that few
//! blocks of at most 63 nodes result: from the leaves up, wherever a subtree's rest is over the cap,
//! its largest child becomes a block of its own.

use super::Plan;
use crate::ensemble::{Child, Tree};
use crate::error::CompileError;
use crate::shape::{LANES, ShapeClass, round_nodes};

/// Nodes per block where trees are cut: 64 exits, one line of a lookup table.
pub(crate) const BLOCK_NODES: usize = 63;

/// One block of a tree.
pub(crate) struct Cut {
    /// Nodes in preorder.
    pub(crate) nodes: Vec<CutNode>,
    /// Exits from left to right.
    pub(crate) exits: Vec<Exit>,
}

/// A node of a block, with the exits below it: its left subtree reaches exits `first..middle`.
pub(crate) struct CutNode {
    /// Index into the tree's splits.
    pub(crate) split: u32,
    /// First exit below the node.
    pub(crate) first: u8,
    /// First exit below its right child.
    pub(crate) middle: u8,
}

/// Where a row leaves a block.
#[derive(Clone, Copy)]
pub(crate) enum Exit {
    /// A leaf of the tree.
    Leaf(u32),
    /// The block with this position in the tree.
    Block(u32),
}

/// Cuts every tree the same way: all whole, or all into blocks, whichever makes fewer bytes.
pub(crate) fn cut_forest(
    trees: &[Tree],
    exit_bytes: usize,
    class: ShapeClass,
) -> Result<Plan, CompileError> {
    let largest = trees.iter().map(|tree| tree.splits.len()).max().unwrap_or(0).max(1);
    let sized = |nodes: usize| match class {
        ShapeClass::Auto => round_nodes(nodes),
        ShapeClass::Exact => (nodes <= 255).then_some(nodes),
    };
    let bytes = |blocks: usize, nodes: usize, skip: usize| {
        blocks * (nodes * 4 + (exit_bytes + skip) * (nodes + 1).div_ceil(LANES) * LANES)
    };
    if let Some(nodes) = sized(largest)
        && nodes <= BLOCK_NODES
    {
        return Ok(whole(trees, nodes));
    }
    let cut: Vec<Vec<Cut>> = trees.iter().map(|tree| cut_tree(tree, BLOCK_NODES)).collect();
    let longest = cut.iter().map(Vec::len).max().unwrap_or(0);
    if let Some(tree) = cut.iter().position(|blocks| blocks.len() > usize::from(u16::MAX)) {
        return Err(CompileError::TreeTooLarge { tree });
    }
    let skip_bytes = if longest > usize::from(u8::MAX) { 2 } else { 1 };
    let blocks = cut.iter().map(Vec::len).sum();
    match sized(largest) {
        Some(nodes) if bytes(trees.len(), nodes, 0) <= bytes(blocks, BLOCK_NODES, skip_bytes) => {
            Ok(whole(trees, nodes))
        }
        _ => Ok(Plan { trees: cut, nodes: BLOCK_NODES, skip_bytes }),
    }
}

fn whole(trees: &[Tree], nodes: usize) -> Plan {
    Plan { trees: trees.iter().map(|tree| cut_tree(tree, nodes)).collect(), nodes, skip_bytes: 0 }
}

/// Cuts one tree into blocks of at most `cap` nodes, in preorder of their roots.
fn cut_tree(tree: &Tree, cap: usize) -> Vec<Cut> {
    if tree.splits.is_empty() {
        return vec![Cut { nodes: Vec::new(), exits: vec![Exit::Leaf(0)] }];
    }
    let starts = block_starts(tree, cap);
    let mut position = vec![0u32; tree.splits.len()];
    let mut blocks = Vec::new();
    let mut open = vec![tree.root];
    while let Some(root) = open.pop() {
        if let Child::Split(root) = root {
            position[root as usize] = blocks.len() as u32;
        }
        let block = walk_block(tree, root, &starts);
        open.extend(block.roots.iter().rev());
        blocks.push(block.cut);
    }
    for block in &mut blocks {
        for exit in &mut block.exits {
            if let Exit::Block(root) = exit {
                *root = position[*root as usize];
            }
        }
    }
    blocks
}

/// Which splits start a block.
fn block_starts(tree: &Tree, cap: usize) -> Vec<bool> {
    let mut order = Vec::with_capacity(tree.splits.len());
    let mut open = vec![tree.root];
    while let Some(child) = open.pop() {
        if let Child::Split(split) = child {
            order.push(split as usize);
            open.extend([tree.splits[split as usize].left, tree.splits[split as usize].right]);
        }
    }
    let mut starts = vec![false; tree.splits.len()];
    let mut rest = vec![0usize; tree.splits.len()];
    for &split in order.iter().rev() {
        let children = [tree.splits[split].left, tree.splits[split].right];
        let mut below = children.map(|child| match child {
            Child::Split(child) => (rest[child as usize], child as usize),
            Child::Leaf(_) => (0, 0),
        });
        below.sort_unstable();
        let [small, large] = below;
        let mut size = 1 + small.0 + large.0;
        for (nodes, child) in [large, small] {
            if size > cap {
                starts[child] = true;
                size -= nodes;
            }
        }
        rest[split] = size;
    }
    starts
}

struct Walked {
    cut: Cut,
    /// Roots of the blocks that this one leads to, from left to right.
    roots: Vec<Child>,
}

/// One block: nodes in preorder, exits from left to right. Block exits name the split for now.
fn walk_block(tree: &Tree, root: Child, starts: &[bool]) -> Walked {
    enum Visit {
        Enter(Child),
        Middle(usize),
    }
    let mut nodes: Vec<CutNode> = Vec::new();
    let mut exits = Vec::new();
    let mut roots = Vec::new();
    let mut open = vec![Visit::Enter(root)];
    while let Some(visit) = open.pop() {
        match visit {
            Visit::Middle(node) => nodes[node].middle = exits.len() as u8,
            Visit::Enter(Child::Leaf(leaf)) => exits.push(Exit::Leaf(leaf)),
            Visit::Enter(child @ Child::Split(split)) => {
                if child != root && starts[split as usize] {
                    exits.push(Exit::Block(split));
                    roots.push(child);
                    continue;
                }
                let Child::Split(index) = child else { continue };
                let here = &tree.splits[index as usize];
                open.push(Visit::Enter(here.right));
                open.push(Visit::Middle(nodes.len()));
                open.push(Visit::Enter(here.left));
                nodes.push(CutNode { split, first: exits.len() as u8, middle: 0 });
            }
        }
    }
    Walked { cut: Cut { nodes, exits }, roots }
}
