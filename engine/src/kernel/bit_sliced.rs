//! Bit-sliced trees for profile `data-oblivious`: 512 rows side by side, one bit each.
//!
//! A tree is cut into *blocks*: subtrees of depth at most [`BLOCK_DEPTH`], each laid out as a
//! complete one. Every leaf has a code, its place among all blocks' places, and a tree is evaluated
//! whole:
//!
//! 1. Above the blocks, masks of rows go down: both children of a node get the rows of its mask that
//!    go their way, until each block has its own.
//! 2. A block of depth `D` is evaluated from its leaves up: the planes of a node are its own
//!    decision, then for each level below the planes of its right or left child, chosen bit by bit.
//!    The `D` planes of its root spell the path, the low bits of the code; the others are the
//!    block's own. Rows of the block's mask take them over.
//! 3. Turning the bits gives bytes: the low six bits of a code are a place in a line of 64 leaf
//!    values, the rest is the number of that line. Every line is looked up by every row, and kept
//!    where the number is its own.
//!
//! Blocks of one depth stand together, so that no branch is hard to foresee: in irregular trees
//! that costs more than the work itself.
//!
//! Which planes a tree reads is an address: the model shows, the rows never do. A node that is not
//! there always goes left (plane 0 is all zeros).
//!
//! The method is bit-slicing as of Biham's DES (1997), on decision trees.

use super::TILE;
use super::value::Value;
use crate::shape::LANES;
use ops::{Backend, Kernel, Lanes, Line};
use std::ops::Range;

/// Deepest block: its places fill a line.
pub const BLOCK_DEPTH: usize = 6;

/// Tiles whose rows share a plane.
pub const PLANE_TILES: usize = 8;

/// Most lines of a tree's leaf values.
pub const MAX_LINES: usize = 1 << 16;

/// A node above the blocks: the rows of a mask are parted.
#[derive(Clone, Copy)]
pub struct Split {
    /// The plane of its decision.
    pub plane: u32,
    /// The mask of its rows; those that go left keep it.
    pub mask: u32,
    /// The mask that those get that go right.
    pub right: u32,
}

/// A block.
#[derive(Clone, Copy)]
pub struct Block {
    /// The mask of its rows.
    pub mask: u32,
    /// The code of its first place, which is a multiple of `2^depth`: the low byte is the place
    /// among a line's 64, the rest the number of the line.
    pub code: u32,
}

/// A tree, laid out for this kernel.
#[derive(Clone, Copy)]
pub struct SlicedTree {
    /// Its first node above the blocks, and how many there are, a parent before its children. Mask
    /// 0 is that of all rows.
    pub splits: [u32; 2],
    /// Its first block.
    pub block: u32,
    /// How many blocks it has of each depth, the deepest first.
    pub depths: [u32; BLOCK_DEPTH + 1],
    /// The first node of its first block. Each block has `2^depth - 1`, level by level and from
    /// left to right, one block after the other.
    pub node: u32,
    /// Its first line of leaf values.
    pub line: u32,
    /// How many lines of 64 codes it has.
    pub lines: u32,
    /// The first sum that its leaves are added to.
    pub sum: u32,
}

/// Trees, in the order in which their leaves are added.
#[derive(Clone, Copy)]
pub struct SlicedTrees<'a> {
    /// The trees.
    pub trees: &'a [SlicedTree],
    /// Nodes above the blocks of all trees.
    pub splits: &'a [Split],
    /// Blocks of all trees.
    pub blocks: &'a [Block],
    /// For each node of a block, the plane that it reads.
    pub nodes: &'a [u32],
    /// `lines x leaf width x bytes of a value` lines: the byte planes of the leaf values.
    pub values: &'a [Line],
    /// Values of a leaf.
    pub leaf_width: usize,
}

macro_rules! entry {
    ($name:ident, $value:ty, $what:literal) => {
        #[doc = concat!("Adds the leaves of trees to the sums of some rows, ", $what, ".")]
        ///
        /// `planes`: the decisions, plane 0 all zeros; `masks`: as many as a tree has blocks;
        /// `tiles`: how many there are, at most eight; `sums`: `tiles x outputs` running sums, each
        /// tile's rows in the order of [`row_places`](super::row_places).
        ///
        /// # Leaks
        /// Beyond the shape: the trees, that is the model. Nothing of the rows.
        ///
        /// # Panics
        /// Where a tree names what is not there.
        pub fn $name(
            backend: Backend,
            trees: SlicedTrees<'_>,
            planes: &[Line],
            masks: &mut [Line],
            tiles: usize,
            sums: &mut [[$value; TILE]],
        ) {
            let mut codes = [[Line::default(); PLANE_TILES]; CODE_BYTES];
            for &tree in trees.trees {
                // two kernels: the larger one knows nothing of the values, and is there once
                backend.run(Codes { trees, tree, planes, masks, codes: &mut codes });
                backend.run(Leaves { trees, tree, tiles, codes: &codes, sums });
            }
        }
    };
}
entry!(bit_sliced_f32, f32, "as f32");
entry!(bit_sliced_f64, f64, "as f64");
entry!(bit_sliced_i64, i64, "as fixed point");
entry!(bit_sliced_u32, u32, "as leaf numbers");

/// Bytes of a code: a place, and the number of a line of [`MAX_LINES`].
const CODE_BYTES: usize = 3;

/// The codes of 512 rows in one tree: a line for each byte and tile.
struct Codes<'a> {
    trees: SlicedTrees<'a>,
    tree: SlicedTree,
    planes: &'a [Line],
    masks: &'a mut [Line],
    codes: &'a mut [[Line; PLANE_TILES]; CODE_BYTES],
}

impl Kernel for Codes<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let Self { trees, tree, planes, masks, codes } = self;
        let tree = Tree { trees, tree, planes };
        match tree.tree.lines {
            ..=1 => tree.codes::<L, 1, 0>(l, masks, codes),
            2..=8 => tree.codes::<L, 2, 3>(l, masks, codes),
            9..=256 => tree.codes::<L, 2, 8>(l, masks, codes),
            _ => tree.codes::<L, 3, 16>(l, masks, codes),
        }
    }
}

#[derive(Clone, Copy)]
struct Tree<'a> {
    trees: SlicedTrees<'a>,
    tree: SlicedTree,
    planes: &'a [Line],
}

impl Tree<'_> {
    /// Codes of this many bytes, of which those that number the lines have so many bits in all.
    #[inline(always)]
    fn codes<L: Lanes, const BYTES: usize, const BITS: usize>(
        self,
        l: L,
        masks: &mut [Line],
        codes: &mut [[Line; PLANE_TILES]],
    ) {
        let mut bits = [[Line::default(); 8]; BYTES];
        for part in 0..L::PARTS {
            self.part_masks(l, part, masks);
            self.code_bits::<L, BYTES, BITS>(l, part, masks, &mut bits);
        }
        for (bits, codes) in bits.iter().zip(codes) {
            turn(l, bits, codes);
        }
    }

    /// The rows of each block.
    #[inline(always)]
    fn part_masks<L: Lanes>(self, l: L, part: usize, masks: &mut [Line]) {
        let zeros = l.load_plane(&CONSTANTS[0], part);
        l.store_plane(l.load_plane(&CONSTANTS[1], part), &mut masks[0], part);
        let [first, count] = self.tree.splits.map(|n| n as usize);
        for split in &self.trees.splits[first..][..count] {
            let mask = l.load_plane(&masks[split.mask as usize], part);
            let decision = l.load_plane(&self.planes[split.plane as usize], part);
            let [left, right] = [l.mux(decision, zeros, mask), l.mux(decision, mask, zeros)];
            l.store_plane(left, &mut masks[split.mask as usize], part);
            l.store_plane(right, &mut masks[split.right as usize], part);
        }
    }

    /// The codes of all rows, bit by bit.
    #[inline(always)]
    fn code_bits<L: Lanes, const BYTES: usize, const BITS: usize>(
        self,
        l: L,
        part: usize,
        masks: &[Line],
        code: &mut [[Line; 8]; BYTES],
    ) {
        let mut bits = [[l.load_plane(&CONSTANTS[0], part); 8]; BYTES];
        let mut blocks = &self.trees.blocks[self.tree.block as usize..];
        let mut nodes = &self.trees.nodes[self.tree.node as usize..];
        macro_rules! blocks_of_depth {
            ($depth:literal $(, $level:ident)?) => {
                let count = self.tree.depths[BLOCK_DEPTH - $depth] as usize;
                let (here, rest) = blocks.split_at(count);
                blocks = rest;
                for block in here {
                    let mask = l.load_plane(&masks[block.mask as usize], part);
                    own_bits(l, part, $depth..BLOCK_DEPTH, block.code, mask, &mut bits[0]);
                    $(
                        let (here, rest) = nodes.split_at((1 << $depth) - 1);
                        nodes = rest;
                        let path = $level(l, Nodes { nodes: here, planes: self.planes }, 1, part);
                        for (&plane, bit) in path.iter().rev().zip(&mut bits[0]) {
                            *bit = l.mux(mask, plane, *bit);
                        }
                    )?
                }
            };
        }
        blocks_of_depth!(6, level_6);
        blocks_of_depth!(5, level_5);
        blocks_of_depth!(4, level_4);
        blocks_of_depth!(3, level_3);
        blocks_of_depth!(2, level_2);
        blocks_of_depth!(1, level_1);
        blocks_of_depth!(0);
        let _ = (blocks, nodes);
        let count = self.tree.depths.iter().sum::<u32>() as usize;
        let numbered = &self.trees.blocks[self.tree.block as usize..][..count];
        if BITS > 0 {
            // the blocks of a line have its number in common
            for blocks in numbered.chunk_by(|a, b| a.code >> 8 == b.code >> 8) {
                let mut mask = l.load_plane(&CONSTANTS[0], part);
                for block in blocks {
                    let rows = l.load_plane(&masks[block.mask as usize], part);
                    mask = l.mux(mask, mask, rows);
                }
                for (byte, bits) in bits.iter_mut().enumerate().skip(1) {
                    let used = 0..(BITS - 8 * (byte - 1)).min(8);
                    own_bits(l, part, used, blocks[0].code >> (8 * byte), mask, bits);
                }
            }
        }
        for (bits, lines) in bits.into_iter().zip(code) {
            for (bit, line) in bits.into_iter().zip(lines) {
                l.store_plane(bit, line, part);
            }
        }
    }
}

/// A plane of zeros and one of ones.
static CONSTANTS: [Line; 2] = [Line([0; LANES]), Line([255; LANES])];

/// Some bits of a byte that the rows of a mask have in common.
#[inline(always)]
fn own_bits<L: Lanes>(
    l: L,
    part: usize,
    used: Range<usize>,
    byte: u32,
    mask: L::Plane,
    bits: &mut [L::Plane; 8],
) {
    for (number, bit) in bits.iter_mut().enumerate().take(used.end).skip(used.start) {
        let own = &CONSTANTS[(byte >> number & 1) as usize];
        *bit = l.mux(mask, l.load_plane(own, part), *bit);
    }
}

/// Bits of a byte of all codes to the bytes: a line for each tile.
#[inline(always)]
fn turn<L: Lanes>(l: L, bits: &[Line; 8], bytes: &mut [Line; 8]) {
    let mut values = [l.splat(0); 8];
    for (value, bits) in values.iter_mut().zip(bits) {
        *value = l.load(bits);
    }
    for (value, bytes) in l.turn_bits(values).into_iter().zip(bytes) {
        l.store(value, bytes);
    }
}

/// The leaves of rows with these codes, added to their sums.
struct Leaves<'a, V> {
    trees: SlicedTrees<'a>,
    tree: SlicedTree,
    tiles: usize,
    codes: &'a [[Line; PLANE_TILES]; CODE_BYTES],
    sums: &'a mut [[V; TILE]],
}

impl<V: Value> Kernel for Leaves<'_, V> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        match self.tree.lines {
            ..=1 => self.add::<L, 1>(l),
            2..=256 => self.add::<L, 2>(l),
            _ => self.add::<L, 3>(l),
        }
    }
}

impl<V: Value> Leaves<'_, V> {
    #[inline(always)]
    fn add<L: Lanes, const BYTES: usize>(self, l: L) {
        let Self { trees, tree, tiles, codes, sums } = self;
        let outputs = sums.len() / tiles.max(1);
        let line_values = trees.leaf_width * V::BYTES;
        let values = &trees.values[tree.line as usize * line_values..];
        let values = &values[..tree.lines as usize * line_values];
        for tile in 0..tiles {
            let mut code = [l.splat(0); BYTES];
            for (code, bytes) in code.iter_mut().zip(codes) {
                *code = l.load(&bytes[tile]);
            }
            for value in 0..trees.leaf_width {
                let values = Values { values, line_values, first: value * V::BYTES };
                let sum = &mut sums[tile * outputs + tree.sum as usize + value];
                V::add(l, leaf::<V, L, BYTES>(l, values, code), sum);
            }
        }
    }
}

/// Leaf values of a tree, of which one of the leaf's values is looked up.
#[derive(Clone, Copy)]
struct Values<'a> {
    values: &'a [Line],
    line_values: usize,
    first: usize,
}

/// The byte planes of the leaf value of 64 rows.
#[inline(always)]
fn leaf<V: Value, L: Lanes, const BYTES: usize>(
    l: L,
    values: Values<'_>,
    code: [L::Bytes; BYTES],
) -> [L::Bytes; 8] {
    let mut bytes = [l.splat(0); 8];
    for (byte, line) in bytes.iter_mut().zip(&values.values[values.first..][..V::BYTES]) {
        *byte = l.lookup(line, LANES, code[0]);
    }
    if BYTES == 1 {
        return bytes;
    }
    for (number, line) in values.values.chunks_exact(values.line_values).enumerate().skip(1) {
        let line = &line[values.first..][..V::BYTES];
        let mut here = l.splat(255);
        for (&number, &code) in number.to_le_bytes().iter().zip(&code[1..]) {
            here = l.and(here, l.equal(code, l.splat(number)));
        }
        for (byte, line) in bytes.iter_mut().zip(line) {
            *byte = l.lookup_where(here, line, LANES, code[0], *byte);
        }
    }
    bytes
}

/// The nodes of a block.
#[derive(Clone, Copy)]
struct Nodes<'a> {
    nodes: &'a [u32],
    planes: &'a [Line],
}

impl Nodes<'_> {
    /// The decision of the node with this number; the root is 1, its children 2 and 3.
    #[inline(always)]
    fn decision<L: Lanes>(self, l: L, node: usize, part: usize) -> L::Plane {
        l.load_plane(&self.planes[self.nodes[node - 1] as usize], part)
    }
}

#[inline(always)]
fn level_1<L: Lanes>(l: L, tree: Nodes<'_>, node: usize, part: usize) -> [L::Plane; 1] {
    [tree.decision(l, node, part)]
}

/// A node with its levels below.
macro_rules! level {
    ($name:ident, $depth:literal, $below:ident) => {
        #[inline(always)]
        fn $name<L: Lanes>(l: L, tree: Nodes<'_>, node: usize, part: usize) -> [L::Plane; $depth] {
            let left = $below(l, tree, 2 * node, part);
            let right = $below(l, tree, 2 * node + 1, part);
            let here = tree.decision(l, node, part);
            let mut path = [here; $depth];
            for (path, (&left, &right)) in path[1..].iter_mut().zip(left.iter().zip(&right)) {
                *path = l.mux(here, right, left);
            }
            path
        }
    };
}
level!(level_2, 2, level_1);
level!(level_3, 3, level_2);
level!(level_4, 4, level_3);
level!(level_5, 5, level_4);
level!(level_6, 6, level_5);

const _: () = assert!(1 << BLOCK_DEPTH == LANES && TILE == LANES);
