//! Exits to leaf values, added up in the library's order.
//!
//! Each block's exits have a table of byte planes: the skip counter, then each value's bytes. A row
//! looks its exit up in all of them. Where every block is a whole tree, that value is added. Where
//! trees are cut, the blocks of all trees stand in one sequence and each row carries a counter of
//! blocks to skip: a block counts for the row when the counter is zero, and then sets it anew, to
//! the next block of its path or to the next tree; otherwise the counter goes down by one. A block
//! that does not count adds what changes no sum (-0.0, or integer 0), so a row adds exactly its
//! leaves, in the order of the trees, and how many blocks a tree has stays hidden.
//!
//! Float sums: every term and every partial sum is zero or a normal number (see `check`).

use super::TILE;
use super::value::Value;
use crate::shape::LANES;
use ops::{Backend, Kernel, Lanes, Line};

/// Exit tables of consecutive blocks.
#[derive(Clone, Copy)]
pub struct Exits<'a> {
    /// `blocks x planes x lines` lines.
    pub tables: &'a [Line],
    /// Position of the first block over all sequences.
    pub first_block: usize,
    /// Blocks in a sequence.
    pub blocks_per_sequence: usize,
    /// Exits of a block.
    pub exits: usize,
    /// Bytes of the skip counter.
    pub skip_bytes: usize,
    /// Values per leaf.
    pub leaf_width: usize,
}

/// The rows that pass by: tiles of 64.
pub struct LeafTiles<'a, V> {
    /// `tiles x 64` lines: the exits of each block, one line per block and tile.
    pub exits: &'a [[Line; LANES]],
    /// Skip counters of each tile, low and high byte.
    pub skips: &'a mut [[Line; 2]],
    /// `tiles x outputs` running sums, each tile's rows in the order of [`row_places`].
    pub sums: &'a mut [[V; TILE]],
}

/// The one row that passes by.
pub struct LeafRow<'a, V> {
    /// The exits of each block.
    pub exits: &'a Line,
    /// The skip counter, low and high byte, in every lane.
    pub skip: &'a mut [Line; 2],
    /// `outputs` running sums.
    pub sums: &'a mut [[V; TILE]],
    /// The row's place among them.
    pub place: usize,
}

/// Where each row of a tile stands among the sums of values of 4 or 8 bytes. Public: it is a
/// matter of the backend.
pub fn row_places(backend: Backend, value_bytes: usize) -> [usize; TILE] {
    struct Places(usize);
    impl Kernel for Places {
        type Output = [usize; TILE];
        #[inline(always)]
        fn run<L: Lanes>(self, _: L) -> Self::Output {
            let mut places = [0; TILE];
            for word in 0..TILE {
                let row = if self.0 == 4 { L::order_32(word) } else { L::order_64(word) };
                places[row] = word;
            }
            places
        }
    }
    backend.run(Places(value_bytes))
}

macro_rules! entry {
    ($name:ident, $row:ident, $value:ty, $what:literal) => {
        #[doc = concat!("Adds the leaves of consecutive blocks, ", $what, ".")]
        ///
        /// # Leaks
        /// Nothing beyond the shape.
        pub fn $name(backend: Backend, exits: Exits<'_>, tiles: LeafTiles<'_, $value>) {
            backend.run(LeafSum { exits, tiles });
        }

        #[doc = concat!("Adds the leaves of consecutive blocks for one row, ", $what, ".")]
        ///
        /// # Leaks
        /// Nothing beyond the shape.
        pub fn $row(backend: Backend, exits: Exits<'_>, row: LeafRow<'_, $value>) {
            backend.run(LeafSumRow { exits, row });
        }
    };
}
entry!(leaf_sum_f32, leaf_sum_row_f32, f32, "as f32");
entry!(leaf_sum_f64, leaf_sum_row_f64, f64, "as f64");
entry!(leaf_sum_i64, leaf_sum_row_i64, i64, "as fixed point");
entry!(leaf_sum_u32, leaf_sum_row_u32, u32, "as leaf numbers");

struct LeafSum<'a, V> {
    exits: Exits<'a>,
    tiles: LeafTiles<'a, V>,
}

impl<V: Value> Kernel for LeafSum<'_, V> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let Self { exits, tiles } = self;
        let outputs = tiles.sums.len() / tiles.exits.len().max(1);
        for (lane, block) in exits.blocks::<V>().enumerate() {
            for (tile, exit) in tiles.exits.iter().enumerate() {
                let exit = l.load(&exit[lane]);
                let sums = &mut tiles.sums[tile * outputs..][..outputs];
                let skip = &mut tiles.skips[tile];
                block.add(l, exit, skip, sums, |bytes, sum| V::add(l, bytes, sum));
            }
        }
    }
}

struct LeafSumRow<'a, V> {
    exits: Exits<'a>,
    row: LeafRow<'a, V>,
}

impl<V: Value> Kernel for LeafSumRow<'_, V> {
    type Output = ();
    /// All 64 lanes hold the same, and one of them is added.
    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let exits = self.exits;
        if exits.skip_bytes == 0 && exits.leaf_width == 1 && exits.exits <= LANES {
            return self.whole_trees(l);
        }
        let row = self.row;
        for (block, &exit) in exits.blocks::<V>().zip(&row.exits.0) {
            let exit = l.splat(exit);
            block.add(l, exit, row.skip, row.sums, |bytes, sum| {
                V::add_one(l, bytes, &mut sum[row.place]);
            });
        }
    }
}

impl<V: Value> LeafSumRow<'_, V> {
    /// The same, for whole trees with one value a leaf: each sum stays in a register.
    #[inline(always)]
    fn whole_trees<L: Lanes>(self, l: L) {
        let Self { exits, row } = self;
        let blocks = exits.tables.len() / V::BYTES;
        let mut done = 0;
        while done < blocks {
            let block = exits.first_block + done;
            let sum = &mut row.sums[block / exits.blocks_per_sequence][row.place];
            let left = exits.blocks_per_sequence - block % exits.blocks_per_sequence;
            let here = left.min(blocks - done);
            let tables = exits.tables[done * V::BYTES..].chunks_exact(V::BYTES);
            let mut held = *sum;
            for (tables, &exit) in tables.zip(&row.exits.0[done..][..here]) {
                let exit = l.splat(exit);
                let mut bytes = [l.splat(0); 8];
                for (bytes, table) in bytes.iter_mut().zip(tables) {
                    *bytes = l.lookup(table, exits.exits, exit);
                }
                V::add_one(l, bytes, &mut held);
            }
            *sum = held;
            done += here;
        }
    }
}

/// One block's tables, and where its values go.
struct Block<'a> {
    exits: &'a Exits<'a>,
    tables: &'a [Line],
    sequence: usize,
    /// Place in the sequence.
    place: usize,
}

impl<'a> Exits<'a> {
    #[inline(always)]
    fn lines(&self) -> usize {
        self.exits.div_ceil(LANES)
    }

    #[inline(always)]
    fn blocks<V: Value>(&'a self) -> impl Iterator<Item = Block<'a>> {
        let planes = self.skip_bytes + self.leaf_width * V::BYTES;
        self.tables.chunks_exact(planes * self.lines()).enumerate().map(|(lane, tables)| {
            let block = self.first_block + lane;
            let sequence = block / self.blocks_per_sequence;
            Block { exits: self, tables, sequence, place: block % self.blocks_per_sequence }
        })
    }
}

impl Block<'_> {
    /// Looks the exits of 64 rows up and hands each value's bytes to `add`, with its sum.
    #[inline(always)]
    fn add<V: Value, L: Lanes>(
        &self,
        l: L,
        exit: L::Bytes,
        skip: &mut [Line; 2],
        sums: &mut [[V; TILE]],
        add: impl Fn([L::Bytes; 8], &mut [V; TILE]),
    ) {
        let (exits, lines) = (self.exits.exits, self.exits.lines());
        let (skip_bytes, leaf_width) = (self.exits.skip_bytes, self.exits.leaf_width);
        let (skip_tables, value_tables) = self.tables.split_at(skip_bytes * lines);
        let counts = if skip_bytes == 0 {
            None
        } else {
            if self.place == 0 {
                *skip = [Line::default(); 2];
            }
            Some(step_skip(l, skip_tables, lines, exits, exit, skip))
        };
        for value in 0..leaf_width {
            let tables = &value_tables[value * V::BYTES * lines..][..V::BYTES * lines];
            let sum = &mut sums[self.sequence * leaf_width + value];
            let mut bytes = [l.splat(0); 8];
            for plane in 0..V::BYTES {
                let table = &tables[plane * lines..][..lines];
                bytes[plane] = match counts {
                    None => look_up(l, table, exits, exit),
                    // trees that are cut have one line for each plane
                    Some(counts) if lines == 1 => {
                        let nothing = l.splat(V::NOTHING[plane]);
                        l.lookup_where(counts, &table[0], exits, exit, nothing)
                    }
                    Some(counts) => {
                        let found = look_up(l, table, exits, exit);
                        l.select(counts, found, l.splat(V::NOTHING[plane]))
                    }
                };
            }
            add(bytes, sum);
        }
    }
}

/// Does the block count for each row? Steps the counters past it.
#[inline(always)]
fn step_skip<L: Lanes>(
    l: L,
    tables: &[Line],
    lines: usize,
    exits: usize,
    exit: L::Bytes,
    skip: &mut [Line; 2],
) -> L::Bytes {
    let zero = l.splat(0);
    let [low, high] = [l.load(&skip[0]), l.load(&skip[1])];
    let counts = l.equal(l.or(low, high), zero);
    // one less, in two bytes: subtracting a mask of a zero low byte borrows from the high one
    let borrow = l.equal(low, zero);
    let low = l.sub(low, l.splat(1));
    let high = l.add(high, borrow);
    let next_low = look_up(l, &tables[..lines], exits, exit);
    l.store(l.select(counts, next_low, low), &mut skip[0]);
    let next_high =
        if tables.len() > lines { look_up(l, &tables[lines..], exits, exit) } else { zero };
    l.store(l.select(counts, next_high, high), &mut skip[1]);
    counts
}

/// `table[exit]`, for up to 256 exits in pages of 64.
#[inline(always)]
fn look_up<L: Lanes>(l: L, table: &[Line], exits: usize, exit: L::Bytes) -> L::Bytes {
    let mut found = l.lookup(&table[0], exits.min(LANES), exit);
    if table.len() > 1 {
        let page = l.and(exit, l.splat(0xc0));
        for (number, line) in table.iter().enumerate().skip(1) {
            let here = l.equal(page, l.splat((number * LANES) as u8));
            let entries = LANES.min(exits - number * LANES);
            found = l.lookup_where(here, line, entries, exit, found);
        }
    }
    found
}
