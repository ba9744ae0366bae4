//! A forest of profile `data-oblivious`, laid out for the bit-sliced kernel.
//!
//! Made from the forest's parameters where a program is made, and only in that profile: what is done
//! here depends on the model, which that profile does not hide. Rows never come here.
//!
//! A block is laid out where its nodes are a tree of a depth that pays; every other block, also
//! parameters that no compiler makes, stays with `kernel::interval_max_rows`, which gives the same
//! exits for any parameters.

use crate::kernel::{Asked, MAX_DEPTH, SlicedTree};
use crate::program::{ForestParameters, node_planes};
use crate::shape::{ForestShape, LANES, RankShape};
use ops::{LINE, Line, Secret};
use std::ops::Range;

/// The layout.
pub(crate) struct Sliced {
    groups: Vec<Thresholds>,
    blocks: Vec<Block>,
    /// Planes of the nodes of all blocks.
    nodes: Vec<u32>,
    /// The forest's exit tables, where those of laid-out blocks are in the order of the places.
    exits: Secret<Vec<Line>>,
}

/// The thresholds that a rank group's blocks ask for; plane 0 is all zeros, the others follow.
struct Thresholds {
    slots: Vec<(usize, Range<usize>)>,
    ranks: Vec<u8>,
}

/// Where a block's nodes are; none where it is not laid out.
#[derive(Clone, Copy, Default)]
struct Block {
    depth: u8,
    first: u32,
}

impl Sliced {
    /// Lays out a forest.
    pub(crate) fn new(rank: &RankShape, forest: &ForestShape, from: &ForestParameters) -> Self {
        let trees: Vec<Option<Heap>> = (0..forest.total_blocks())
            .map(|block| Heap::read(&block_nodes(rank, forest, from, block)?, forest))
            .collect();
        let per_group = forest.lane_groups_per_rank_group as usize * LANES;
        let groups: Vec<Thresholds> = trees.chunks(per_group).map(Thresholds::of).collect();
        let mut sliced = Self {
            groups,
            blocks: Vec::new(),
            nodes: Vec::new(),
            exits: copy(from.exits.expose()),
        };
        let block_lines = forest.exit_planes() * forest.exit_lines();
        for (number, tree) in trees.iter().enumerate() {
            let Some(tree) = tree else {
                sliced.blocks.push(Block::default());
                continue;
            };
            let group = &sliced.groups[number / per_group];
            let first = sliced.nodes.len() as u32;
            sliced.blocks.push(Block { depth: tree.depth as u8, first });
            sliced.nodes.extend(tree.nodes.iter().map(|node| node.map_or(0, |n| group.plane(n))));
            let tables = &mut sliced.exits.expose_mut()[number * block_lines..][..block_lines];
            for table in tables.chunks_exact_mut(forest.exit_lines()) {
                reorder(table, &tree.exits);
            }
        }
        sliced
    }

    /// Most bytes that a layout of this shape takes.
    pub(crate) fn bytes(forest: &ForestShape) -> u64 {
        let exits = forest.total_blocks() * forest.exit_planes() * forest.exit_lines() * LINE;
        (exits + forest.total_blocks() * ((1 << MAX_DEPTH) * 4 + size_of::<Block>())) as u64
    }

    /// Most planes that a block of rows needs at once, with the one of zeros.
    pub(crate) fn planes(rank: &RankShape, forest: &ForestShape) -> usize {
        let thresholds = rank.slots as usize * rank.thresholds as usize;
        let nodes = forest.lane_groups_per_rank_group as usize * LANES * forest.nodes as usize;
        1 + thresholds.min(nodes)
    }

    /// The thresholds of a rank group, in the order of the planes from the first on.
    pub(crate) fn asked(&self, group: usize) -> impl Iterator<Item = Asked<'_>> {
        let group = &self.groups[group];
        group
            .slots
            .iter()
            .map(|(slot, ranks)| Asked { slot: *slot, ranks: &group.ranks[ranks.clone()] })
    }

    /// Planes of a rank group, without the one of zeros.
    pub(crate) fn asked_planes(&self, group: usize) -> usize {
        self.groups[group].ranks.len()
    }

    /// The trees of a lane group that are laid out.
    pub(crate) fn trees(&self, lane_group: usize) -> impl Iterator<Item = SlicedTree<'_>> {
        self.group(lane_group).iter().enumerate().filter(|(_, block)| block.depth > 0).map(
            |(lane, block)| SlicedTree {
                lane,
                depth: usize::from(block.depth),
                nodes: &self.nodes[block.first as usize..][..(1 << block.depth) - 1],
            },
        )
    }

    /// Which lanes of a lane group are not laid out.
    pub(crate) fn others(&self, lane_group: usize) -> [bool; LANES] {
        let mut others = [false; LANES];
        for (other, block) in others.iter_mut().zip(self.group(lane_group)) {
            *other = block.depth == 0;
        }
        others
    }

    /// The exit tables that belong to the places.
    pub(crate) fn exits(&self) -> &[Line] {
        self.exits.expose()
    }

    fn group(&self, lane_group: usize) -> &[Block] {
        let first = lane_group * LANES;
        &self.blocks[first..self.blocks.len().min(first + LANES)]
    }
}

fn copy(lines: &[Line]) -> Secret<Vec<Line>> {
    Secret::new(lines.to_vec())
}

/// A table's entries from the order of the exits to that of the places.
fn reorder(table: &mut [Line], exits: &[u8]) {
    let old: Vec<u8> = table.iter().flat_map(|line| line.0).collect();
    for (place, &exit) in exits.iter().enumerate() {
        table[place / LINE].0[place % LINE] = old[usize::from(exit)];
    }
}

/// A threshold: its slot and its rank there.
type Threshold = (usize, u8);

impl Thresholds {
    fn of(trees: &[Option<Heap>]) -> Self {
        let mut all: Vec<Threshold> =
            trees.iter().flatten().flat_map(|tree| tree.nodes.iter().copied().flatten()).collect();
        all.sort_unstable();
        all.dedup();
        let mut slots = Vec::new();
        let mut first = 0;
        for run in all.chunk_by(|a, b| a.0 == b.0) {
            slots.push((run[0].0, first..first + run.len()));
            first += run.len();
        }
        Self { slots, ranks: all.into_iter().map(|(_, rank)| rank).collect() }
    }

    /// The plane of a threshold that the group asks for.
    fn plane(&self, (slot, rank): Threshold) -> u32 {
        let at = self.slots.partition_point(|(other, _)| *other < slot);
        let ranks = self.slots[at].1.clone();
        let inside = self.ranks[ranks.clone()].partition_point(|&other| other < rank);
        (1 + ranks.start + inside) as u32
    }
}

/// A node as the parameters have it.
struct Node {
    threshold: Threshold,
    first: u8,
    middle: u8,
}

/// The nodes of a block; `None` where they do not end with the exit that the parameters say.
fn block_nodes(
    rank: &RankShape,
    forest: &ForestShape,
    from: &ForestParameters,
    block: usize,
) -> Option<Vec<Node>> {
    let (planes, nodes) = (node_planes(rank), forest.nodes as usize);
    let (group, lane) = (block / LANES, block % LANES);
    let lines = &from.nodes.expose()[group * nodes * planes..][..nodes * planes];
    let mut found = Vec::new();
    let mut first = 0u8;
    for node in lines.chunks_exact(planes) {
        let rank = node[1].0[lane];
        if rank == u8::MAX {
            break;
        }
        first = first.wrapping_sub(node[2].0[lane]);
        let page = node.get(4).map_or(0, |line| usize::from(line.0[lane]));
        let threshold = (page * LANES + usize::from(node[0].0[lane]), rank);
        found.push(Node { threshold, first, middle: first.wrapping_add(node[3].0[lane]) });
    }
    (!found.is_empty() && first == from.ends.expose()[group].0[lane]).then_some(found)
}

/// A tree as a complete one.
struct Heap {
    depth: usize,
    /// `2^depth - 1` nodes, level by level; none where every row goes left.
    nodes: Vec<Option<Threshold>>,
    /// For each of `2^depth` places, the exit of the leaf.
    exits: Vec<u8>,
}

impl Heap {
    /// Lays out a block's nodes; `None` where they are no tree, or where it does not pay: all
    /// `2^depth` nodes take about as many steps for 512 rows as 12 nodes of `interval_max_rows`
    /// for 64.
    fn read(nodes: &[Node], forest: &ForestShape) -> Option<Self> {
        let mut placed: Vec<(usize, Threshold)> = Vec::with_capacity(nodes.len());
        let mut leaves: Vec<(usize, u8)> = Vec::with_capacity(nodes.len() + 1);
        // subtrees still to read, the next one last: place in the heap, and exits
        let mut open = vec![(1usize, 0usize..nodes.len() + 1)];
        let mut rest = nodes.iter();
        while let Some((place, exits)) = open.pop() {
            if exits.len() == 1 {
                leaves.push((place, exits.start as u8));
                continue;
            }
            let node = rest.next()?;
            let (first, middle) = (usize::from(node.first), usize::from(node.middle));
            if first != exits.start || middle <= first || middle >= exits.end {
                return None;
            }
            if place >= 1 << MAX_DEPTH {
                return None;
            }
            placed.push((place, node.threshold));
            open.push((2 * place + 1, middle..exits.end));
            open.push((2 * place, first..middle));
        }
        let depth = leaves.iter().map(|(place, _)| place.ilog2() as usize).max()?;
        let places = 1 << depth;
        if places > 12 * nodes.len() || places > forest.exit_lines() * LINE {
            return None;
        }
        let mut heap = Self { depth, nodes: vec![None; places - 1], exits: vec![0; places] };
        for (place, threshold) in placed {
            heap.nodes[place - 1] = Some(threshold);
        }
        for (place, exit) in leaves {
            let below = depth - place.ilog2() as usize;
            heap.exits[(place << below) - places] = exit;
        }
        Some(heap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape::Sum;

    fn shape(nodes: u32) -> ForestShape {
        ForestShape {
            trees: 1,
            sequences: 1,
            blocks: 1,
            nodes,
            skip_bytes: 0,
            leaf_width: 1,
            lane_groups_per_rank_group: 1,
            sum: Sum::SourceF32,
            average: None,
        }
    }

    fn node(first: u8, middle: u8) -> Node {
        Node { threshold: (usize::from(first), middle), first, middle }
    }

    #[test]
    fn a_tree_is_laid_out_by_its_paths() {
        // the root has a leaf on its left and a split on its right
        let heap = Heap::read(&[node(0, 1), node(1, 2)], &shape(2)).expect("a tree");
        assert_eq!(heap.depth, 2);
        assert_eq!(heap.nodes, [Some((0, 1)), None, Some((1, 2))]);
        // places 0 to 3: the leaf on the left has place 0, and no row has place 1
        assert_eq!([heap.exits[0], heap.exits[2], heap.exits[3]], [0, 1, 2]);
    }

    #[test]
    fn complete_trees_keep_the_order_of_their_leaves() {
        let nodes: Vec<Node> = (0u8..7)
            .map(|i| match i {
                0 => node(0, 4),
                1 => node(0, 2),
                2 => node(0, 1),
                3 => node(2, 3),
                4 => node(4, 6),
                5 => node(4, 5),
                _ => node(6, 7),
            })
            .collect();
        let heap = Heap::read(&nodes, &shape(7)).expect("a tree");
        assert_eq!(heap.depth, 3);
        assert!(heap.nodes.iter().all(Option::is_some));
        assert_eq!(heap.exits, [0, 1, 2, 3, 4, 5, 6, 7]);
    }

    #[test]
    fn what_does_not_pay_or_is_no_tree_is_left_alone() {
        // a chain of 12 nodes is too deep
        let chain: Vec<Node> = (0u8..12).map(|i| node(i, i + 1)).collect();
        assert!(Heap::read(&chain, &shape(12)).is_none());
        // parameters that no compiler makes
        for nodes in [
            vec![node(0, 0)],
            vec![node(0, 2)],
            vec![node(1, 2)],
            vec![node(0, 1), node(0, 1)],
            vec![node(0, 1), node(1, 200)],
        ] {
            assert!(Heap::read(&nodes, &shape(nodes.len() as u32)).is_none());
        }
    }
}
