//! Bit-sliced trees for profile `data-oblivious`: 512 rows side by side, one bit each.
//!
//! A *plane* is one line of 512 bits: bit `t` of byte `n` belongs to row `n` of tile `t`. First the
//! ranks of a slot become one plane for each of its thresholds: is the rank above it? Then a tree of
//! depth `D` is evaluated from the leaves up, always all of it: the planes of a node are its own
//! decision, then for each level below the planes of its right or left child, chosen bit by bit. The
//! `D` planes of the root spell the path of every row, and turning the bits gives a byte for each
//! row: the leaf's place among the `2^D` of a complete tree.
//!
//! A tree that is not complete has nodes that always go left (plane 0 is all zeros), so a leaf's
//! place is its path, then zeros. Which planes a tree reads is an address: the model shows, the rows
//! never do.
//!
//! The method is bit-slicing as of Biham's DES (1997), on decision trees.

use super::TILE;
use super::interval_max_rows::RankPlanes;
use crate::shape::LANES;
use ops::{Backend, Kernel, Lanes, Line};

/// Deepest tree: its leaves have places of one byte.
pub const MAX_DEPTH: usize = 8;

/// Tiles whose rows share a plane.
pub const PLANE_TILES: usize = 8;

/// Thresholds of one slot that trees ask for.
pub struct Asked<'a> {
    /// The slot.
    pub slot: usize,
    /// Ranks of the thresholds.
    pub ranks: &'a [u8],
}

/// Fills one plane for each threshold that is asked for: is a row's rank above the threshold's?
///
/// `ranks`: `tiles x pages`, as `kernel::rank` leaves them, where tiles that are not there count as
/// zeros; `planes`: as many as `ranks` of `asked` in all.
///
/// # Leaks
/// Beyond the shape: what is asked for, that is the model. Nothing of the rows.
pub fn threshold_planes<'a>(
    backend: Backend,
    ranks: &RankPlanes,
    pages: usize,
    asked: impl Iterator<Item = Asked<'a>>,
    planes: &mut [Line],
) {
    let mut rest = planes;
    for Asked { slot, ranks: thresholds } in asked {
        let (planes, after) = rest.split_at_mut(thresholds.len());
        rest = after;
        let mut lines = [Line::default(); PLANE_TILES];
        for (line, pages) in lines.iter_mut().zip(ranks.chunks_exact(pages)) {
            *line = pages[slot / LANES][slot % LANES];
        }
        slot_planes(backend, &lines, thresholds, planes);
    }
}

/// The planes of one slot.
fn slot_planes(backend: Backend, lines: &[Line; PLANE_TILES], ranks: &[u8], planes: &mut [Line]) {
    backend.run(SlotPlanes { lines, ranks, planes });
}

struct SlotPlanes<'a> {
    lines: &'a [Line; PLANE_TILES],
    ranks: &'a [u8],
    planes: &'a mut [Line],
}

impl Kernel for SlotPlanes<'_> {
    type Output = ();
    /// A rank of two digits of four bits is above a threshold where the high digit is, or is the
    /// same and the low digit is.
    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let [a, b, c, d, e, f, g, h] = self.lines;
        let bits = l.turn_bits([
            l.load(a),
            l.load(b),
            l.load(c),
            l.load(d),
            l.load(e),
            l.load(f),
            l.load(g),
            l.load(h),
        ]);
        let low = digit(l, [bits[0], bits[1], bits[2], bits[3]]);
        let high = digit(l, [bits[4], bits[5], bits[6], bits[7]]);
        for (&rank, plane) in self.ranks.iter().zip(self.planes) {
            let (high_digit, low_digit) = (usize::from(rank >> 4), usize::from(rank & 15));
            let above = l.load(&high.above[high_digit]);
            let equal = l.load(&high.equal[high_digit]);
            let low_above = l.load(&low.above[low_digit]);
            l.store(l.or(above, l.and(equal, low_above)), plane);
        }
    }
}

/// For each of 16 values: where is a digit equal to it, where above it?
struct Digit {
    equal: [Line; 16],
    above: [Line; 16],
}

#[inline(always)]
fn digit<L: Lanes>(l: L, bits: [L::Bytes; 4]) -> Digit {
    let mut digit = Digit { equal: [Line::default(); 16], above: [Line::default(); 16] };
    let mut above = l.splat(0);
    for value in (0..16).rev() {
        l.store(above, &mut digit.above[value]);
        let mut equal = l.splat(255);
        for (bit, &plane) in bits.iter().enumerate() {
            equal = if value >> bit & 1 == 1 {
                l.and(equal, plane)
            } else {
                l.select(plane, l.splat(0), equal)
            };
        }
        l.store(equal, &mut digit.equal[value]);
        above = l.or(above, equal);
    }
    digit
}

/// A tree, laid out for this kernel.
#[derive(Clone, Copy)]
pub struct SlicedTree<'a> {
    /// Where its places go: its lane.
    pub lane: usize,
    /// 1 to [`MAX_DEPTH`].
    pub depth: usize,
    /// For each node, level by level and from left to right, the plane that it reads:
    /// `2^depth - 1` in all.
    pub nodes: &'a [u32],
}

/// Evaluates trees on a block of rows.
///
/// `places`: `tiles x 64` lines, a line for each lane, a byte for each row; at most
/// [`PLANE_TILES`] tiles.
///
/// # Leaks
/// Beyond the shape: the trees, that is the model. Nothing of the rows.
///
/// # Panics
/// Where a node names a plane, or a tree a lane, that is not there.
pub fn bit_sliced<'a>(
    backend: Backend,
    trees: impl Iterator<Item = SlicedTree<'a>>,
    planes: &[Line],
    places: &mut [[Line; LANES]],
) {
    let mut turned = [Line::default(); PLANE_TILES];
    for SlicedTree { lane, depth, nodes } in trees {
        one_tree(backend, depth, Tree { nodes, planes }, &mut turned);
        for (places, turned) in places.iter_mut().zip(&turned) {
            places[lane] = *turned;
        }
    }
}

fn one_tree(backend: Backend, depth: usize, tree: Tree<'_>, places: &mut [Line; PLANE_TILES]) {
    backend.run(BitSliced { depth, tree, places });
}

struct BitSliced<'a> {
    depth: usize,
    tree: Tree<'a>,
    places: &'a mut [Line; PLANE_TILES],
}

#[derive(Clone, Copy)]
struct Tree<'a> {
    nodes: &'a [u32],
    planes: &'a [Line],
}

impl Tree<'_> {
    /// The decision of the node with this number; the root is 1, its children 2 and 3.
    #[inline(always)]
    fn decision<L: Lanes>(self, l: L, node: usize, part: usize) -> L::Plane {
        l.load_plane(&self.planes[self.nodes[node - 1] as usize], part)
    }
}

impl Kernel for BitSliced<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        // the path's first decision is the highest bit of the place
        let mut bits = [Line::default(); 8];
        macro_rules! levels {
            ($level:ident) => {
                for part in 0..L::PARTS {
                    let path = $level(l, self.tree, 1, part);
                    for (plane, line) in path.into_iter().rev().zip(&mut bits) {
                        l.store_plane(plane, line, part);
                    }
                }
            };
        }
        match self.depth {
            1 => levels!(level_1),
            2 => levels!(level_2),
            3 => levels!(level_3),
            4 => levels!(level_4),
            5 => levels!(level_5),
            6 => levels!(level_6),
            7 => levels!(level_7),
            _ => levels!(level_8),
        }
        let [a, b, c, d, e, f, g, h] = &bits;
        let turned = l.turn_bits([
            l.load(a),
            l.load(b),
            l.load(c),
            l.load(d),
            l.load(e),
            l.load(f),
            l.load(g),
            l.load(h),
        ]);
        for (bytes, places) in turned.into_iter().zip(self.places) {
            l.store(bytes, places);
        }
    }
}

#[inline(always)]
fn level_1<L: Lanes>(l: L, tree: Tree<'_>, node: usize, part: usize) -> [L::Plane; 1] {
    [tree.decision(l, node, part)]
}

/// A node with its levels below.
macro_rules! level {
    ($name:ident, $depth:literal, $below:ident, $inline:meta) => {
        #[$inline]
        fn $name<L: Lanes>(l: L, tree: Tree<'_>, node: usize, part: usize) -> [L::Plane; $depth] {
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
level!(level_2, 2, level_1, inline(always));
level!(level_3, 3, level_2, inline(always));
level!(level_4, 4, level_3, inline(always));
level!(level_5, 5, level_4, inline(always));
level!(level_6, 6, level_5, inline(always));
level!(level_7, 7, level_6, inline(always));
level!(level_8, 8, level_7, inline(always));

const _: () = assert!(PLANE_TILES * TILE == 8 * LANES);
